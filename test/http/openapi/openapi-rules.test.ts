import t from 'tap'
import { openapiDocument } from '../../../sdk/openapi-document.ts'
import { mapDocument, mapSchema } from '../../../src/http/openapi/walk.ts'
import { isJsonObject, type Json, type JsonObject, parseJson } from '../../../src/model/index.ts'
import { startServer } from '../server-in-memory.ts'

/**
 * What generators need of the document, so that what they make of it compiles and reads well. A new route is held to all of it; what
 * is found is named by its place in the document.
 */

const parsed = parseJson(await openapiDocument('1.2.3'))
if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error('the document is not an object')
const document = parsed.value
const components = at(document, 'components', 'schemas')
const operations = Object.entries(at(document, 'paths')).flatMap(([path, item]) =>
  Object.entries(object(item)).map(([method, operation]) => ({ name: `${method} ${path}`, ...operationOf(operation) })),
)

/** Every schema there is, with its place: those that are components, and those within components, bodies and parameters. */
const roots = Object.entries(components).map(([name, schema]) => ({ place: name, schema: object(schema) }))
const inner = [...roots.flatMap(({ place, schema }) => schemasWithin(schema, place)), ...schemasOfOperations()]

t.test('an operation has one tag, and a name that reads as a method', (t) => {
  const tags = list(document['tags']).map((tag) => text(object(tag)['name']))
  t.ok(operations.length > 0)
  for (const { name, operation } of operations) {
    t.match(text(operation['operationId']), /^(?!.*[^aeiou]ys$)[a-z]+[A-Z][A-Za-z]+$/, name)
    t.equal(list(operation['tags']).length, 1, name)
    t.ok(tags.includes(text(list(operation['tags'])[0])), name)
  }
  const names = operations.map(({ operation }) => text(operation['operationId']).toLowerCase())
  t.strictSame(repeated(names), [], 'whatever the case of the letters')
  t.end()
})

t.test('a body and an answer have a named schema, JSON first', (t) => {
  // Metrics are text in the format of Prometheus.
  for (const { name, operation } of operations.filter(({ name }) => name !== 'get /metrics')) {
    const bodies = [object(operation['requestBody']), ...Object.values(object(operation['responses'])).map(object)]
    for (const content of bodies.map((body) => object(body['content']))) {
      t.match(Object.keys(content)[0] ?? 'application/json', /^application\/(merge-patch\+)?json$/, name)
      for (const media of Object.values(content)) t.ok(object(object(media)['schema'])['$ref'], name)
    }
  }
  t.end()
})

t.test('an error is a Status with an example', (t) => {
  for (const { name, operation } of operations) {
    const failures = Object.entries(object(operation['responses'])).filter(([code]) => code >= '400')
    t.ok(failures.length > 0, name)
    for (const [code, answer] of failures) {
      const media = at(object(answer), 'content', 'application/json')
      t.equal(object(media['schema'])['$ref'], '#/components/schemas/Status', `${name} ${code}`)
      const examples = Object.values(object(media['examples'])).map((example) => at(object(example), 'value'))
      t.ok(examples.length > 0, `${name} ${code}`)
      for (const { code: told, reason } of examples) t.match({ told, reason }, { told: Number(code), reason: String })
    }
  }
  t.end()
})

t.test('an operation lists the errors that any request can get, wherever it goes', (t) => {
  const ofAllRequests = ['400', '403', '406', '408', '413', '421', '500', '503']
  for (const { name, operation } of operations) {
    const missing = ofAllRequests.filter((code) => !(code in object(operation['responses'])))
    t.strictSame(missing, [], name)
  }
  t.end()
})

t.test('an operation asks for a credential, unless it is for everybody, and tells of missing and wrong ones', (t) => {
  t.strictSame(document['security'], [])
  const forEverybody = operations.filter(({ operation }) => operation['security'] === undefined)
  t.strictSame(
    forEverybody.map(({ name }) => name),
    ['/livez', '/readyz', '/version', '/openapi.json', '/openapi-3.0.json'].map((path) => `get ${path}`),
  )
  for (const { name, operation } of operations) {
    const { security, responses } = operation
    const isGuarded = security !== undefined
    if (isGuarded) t.same(security, [{ bearer: [] }, { mutualTLS: [] }, {}], name)
    for (const code of ['401', '429']) t.equal(code in object(responses), isGuarded, `${name} ${code}`)
  }
  t.strictSame(Object.keys(at(document, 'components', 'securitySchemes')), ['bearer', 'mutualTLS'])
  t.end()
})

t.test('objects, enumerations and choices are named (give the schema a title)', (t) => {
  const anonymous = inner.filter(({ schema }) => {
    const isEnumeration = list(schema['enum']).length > 1
    return isEnumeration || isStruct(schema) || ['anyOf', 'oneOf', 'allOf', 'not'].some((keyword) => keyword in schema)
  })
  t.strictSame(
    anonymous.map(({ place }) => place),
    [],
  )
  t.strictSame(
    repeated(Object.keys(components).map((name) => name.toLowerCase())),
    [],
    'whatever the case of the letters',
  )
  t.end()
})

t.test(
  'values of enumerations have names that no other has (give "x-enum-varnames"): Go keeps all in one place',
  (t) => {
    const names = roots.flatMap(({ schema }) => {
      const given = list(schema['x-enum-varnames'])
      if (given.length > 0) t.equal(given.length, list(schema['enum']).length)
      return (given.length > 0 ? given : list(schema['enum'])).map(text)
    })
    t.ok(names.length > 0)
    t.strictSame(repeated(names.map((name) => name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase())), [])
    t.end()
  },
)

t.test(
  'no operation takes a parameter that makes a stream of its answer: a generated method returns once',
  async (t) => {
    const ofWatches = ['watch', 'allowWatchBookmarks', 'sendInitialEvents', 'timeoutSeconds']
    const namesIn = (list: readonly Json[]) => list.map((parameter) => text(object(parameter)['name']))
    for (const { name, operation } of operations) {
      const names = namesIn(list(operation['parameters']))
      t.strictSame(
        names.filter((parameter) => ofWatches.includes(parameter)),
        [],
        name,
      )
    }
    const { app } = startServer(t)
    const kubernetes: JsonObject = (await app.inject('/openapi/v3/apis/projectcalico.org/v3')).json()
    const pools = at(kubernetes, 'paths', '/apis/projectcalico.org/v3/ippools', 'get')
    const known = namesIn(list(pools['parameters'])).filter((name) => ofWatches.includes(name))
    t.strictSame(known, ofWatches, "Kubernetes' clients know watches")
  },
)

t.test('a name of a value begins with a letter', (t) => {
  for (const { place, schema } of roots) {
    const names = list(schema['x-enum-varnames'] ?? schema['enum']).map(text)
    t.strictSame(
      names.filter((name) => !/^[a-z]/i.test(name)),
      [],
      place,
    )
  }
  t.end()
})

t.test('what is only asked for is closed, and what is answered is open', (t) => {
  const answered = new Set<string>()
  for (const { operation } of operations) reach(operation['responses'] ?? null, answered)
  t.ok(answered.has('Status') && answered.has('IPPoolSpec') && !answered.has('AssignRequest'))
  for (const { place, schema } of roots) {
    if (!isStruct(schema)) continue
    t.equal(schema['additionalProperties'], answered.has(place) ? undefined : false, place)
  }
  t.end()
})

t.test('whole numbers fit 32 bits or say their size, and moments have a format', (t) => {
  for (const { place, schema } of inner) {
    if (schema['type'] === 'integer' && schema['format'] !== 'int64') {
      t.ok(Number(schema['maximum'] ?? Infinity) < 2 ** 31 || schema['format'] === 'int32', place)
    }
    if (/(Time|Timestamp|At|Date)$/.test(place)) t.equal(schema['format'], 'date-time', place)
  }
  t.end()
})

t.test(
  'a list of a request that may be left out, and must not be empty, may be null: Java would send an empty one',
  (t) => {
    const lists = inner.filter(({ schema }) => schema['minItems'] !== undefined)
    t.ok(lists.length > 0)
    for (const { place, schema } of lists) {
      const [type = '', field = ''] = place.split('.')
      const isRequired = list(object(components[type])['required']).includes(field)
      if (!isRequired) t.strictSame(schema['type'], ['array', 'null'], place)
    }
    t.end()
  },
)

t.test('a schema has one type, or one and null', (t) => {
  for (const { place, schema } of [...roots, ...inner]) {
    if (Array.isArray(schema['type'])) t.match(schema['type'], [String, 'null'], place)
  }
  t.end()
})

t.test('it says where a server is', (t) => {
  t.match(
    list(document['servers']).map((server) => text(object(server)['url'])),
    [/./],
  )
  t.end()
})

function operationOf(json: Json): { operation: JsonObject } {
  return { operation: object(json) }
}

function schemasWithin(schema: JsonObject, place: string): { place: string; schema: JsonObject }[] {
  const found: { place: string; schema: JsonObject }[] = []
  for (const [name, property] of Object.entries(object(schema['properties'])))
    found.push(...schemaAndWithin(property, `${place}.${name}`))
  const { properties: _, ...rest } = schema
  mapSchema(rest, (within) => {
    found.push(...schemaAndWithin(within, `${place}[]`))
    return within
  })
  return found
}

function schemaAndWithin(json: Json, place: string): { place: string; schema: JsonObject }[] {
  const schema = object(json)
  return [{ place, schema }, ...schemasWithin(schema, place)]
}

function schemasOfOperations(): { place: string; schema: JsonObject }[] {
  return operations.flatMap(({ name, operation }) => {
    const found: { place: string; schema: JsonObject }[] = []
    const schema = (json: Json): Json => {
      found.push(...schemaAndWithin(json, name))
      return json
    }
    mapDocument(operation, { schema }, 'operation')
    return found
  })
}

/** Adds the names of the components that `json` refers to, directly or not. */
function reach(json: Json, names: Set<string>): void {
  for (const [, name = ''] of JSON.stringify(json).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    if (names.has(name)) continue
    names.add(name)
    reach(components[name] ?? null, names)
  }
}

/** Whether it has fields; an object without any is a map of whatever. */
function isStruct(schema: JsonObject): boolean {
  return Object.keys(object(schema['properties'])).length > 0
}

function repeated(names: readonly string[]): readonly string[] {
  return names.filter((name, index) => names.indexOf(name) !== index)
}

function object(json: Json | undefined): JsonObject {
  return isJsonObject(json) ? json : {}
}

function list(json: Json | undefined): readonly Json[] {
  return Array.isArray(json) ? (json as readonly Json[]) : []
}

function text(json: Json | undefined): string {
  return typeof json === 'string' ? json : ''
}

function at(json: JsonObject, ...path: readonly string[]): JsonObject {
  return path.reduce((found, name) => object(found[name]), json)
}
