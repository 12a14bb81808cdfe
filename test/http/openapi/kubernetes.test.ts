import { Validator } from '@seriousme/openapi-schema-validator'
import t, { type Test } from 'tap'
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../../src/model/index.ts'
import { objectIn } from '../../../src/resources/index.ts'
import { startServer } from '../server-in-memory.ts'

const kinds = ['IPPool', 'IPReservation', 'IPAMConfiguration', 'Node', 'BlockAffinity']
const prefix = '/apis/projectcalico.org/v3'
const path = `/openapi/v3${prefix}`

async function readDocument(t: Test, url: string): Promise<JsonObject> {
  const { app } = startServer(t)
  return (await app.inject({ url, headers: { accept: 'application/json' } })).json<JsonObject>()
}

function at(document: JsonObject, ...names: readonly string[]): JsonObject {
  return names.reduce(objectIn, document)
}

/** Every object in a document, itself included. */
function objectsIn(json: Json): readonly JsonObject[] {
  if (isJsonArray(json)) return json.flatMap(objectsIn)
  return isJsonObject(json) ? [json, ...Object.values(json).flatMap(objectsIn)] : []
}

/** Whether every reference in a document leads somewhere. */
function checkReferences(t: Test, document: JsonObject): void {
  const references = objectsIn(document).flatMap(({ $ref }) => (typeof $ref === 'string' ? [$ref] : []))
  t.not(references.length, 0)
  for (const reference of new Set(references)) {
    t.not(Object.keys(at(document, ...reference.replace('#/', '').split('/'))).length, 0, reference)
  }
}

t.test('the index names the document by its hash, under which it never changes', async (t) => {
  const { call, app } = startServer(t)
  const { body } = await call('GET', '/openapi/v3?timeout=32s', undefined, { accept: 'application/json, */*' })
  const { serverRelativeURL: url } = at(body as JsonObject, 'paths', 'apis/projectcalico.org/v3')
  const serverRelativeURL = typeof url === 'string' ? url : ''
  t.match(serverRelativeURL, new RegExp(`^${path}\\?hash=[0-9A-F]{64}$`))
  const named = await app.inject({ url: `${serverRelativeURL}&timeout=32s` })
  const etag = String(named.headers.etag)
  t.ok(etag.length > 2 && serverRelativeURL.endsWith(etag.replaceAll('"', '')))
  t.match(named.headers, { 'cache-control': /^public, .*immutable$/ })
  for (const other of [path, `${path}?hash=0`]) {
    const { headers, statusCode } = await app.inject({ url: other })
    t.match({ statusCode, headers }, { statusCode: 200, headers: { etag, 'cache-control': 'no-cache' } })
  }
  for (const [known, status] of [
    [etag, 304],
    [`"0", W/${etag}`, 304],
    ['*', 304],
    ['"0"', 200],
  ] as const) {
    t.equal((await app.inject({ url: path, headers: { 'if-none-match': known } })).statusCode, status, known)
  }
  t.match(await app.inject({ url: path, headers: { accept: 'text/html' } }), { statusCode: 406 })
})

t.test('the document is one of OpenAPI 3.0, and every reference in it leads somewhere', async (t) => {
  const document = await readDocument(t, path)
  t.match(await new Validator().validate(structuredClone(document)), { valid: true })
  checkReferences(t, document)
  for (const { type } of objectsIn(at(document, 'components')))
    if (type !== undefined && !isJsonObject(type)) t.type(type, 'string')
})

t.test('every kind is there, under its full name and with its group, version and kind', async (t) => {
  const schemas = at(await readDocument(t, path), 'components', 'schemas')
  for (const kind of kinds.flatMap((kind) => [kind, `${kind}List`])) {
    const expected = [{ group: 'projectcalico.org', version: 'v3', kind }]
    t.strictSame(at(schemas, `org.projectcalico.v3.${kind}`)['x-kubernetes-group-version-kind'], expected)
  }
  t.strictSame(
    Object.keys(schemas).filter(
      (name) => !/^(org\.projectcalico\.v3|io\.k8s\.apimachinery\.pkg\.apis\.meta\.v1)\./.test(name),
    ),
    [],
  )
  t.match(at(schemas, 'org.projectcalico.v3.IPPool', 'properties', 'metadata'), {
    description: String,
    allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }],
  })
  t.match(at(schemas, 'org.projectcalico.v3.IPPoolSpec', 'properties', 'ipipMode'), {
    type: 'string',
    enum: ['Always', 'CrossSubnet', 'Never'],
  })
})

t.test('every property that people look at has a type or a reference, and a description', async (t) => {
  const schemas = at(await readDocument(t, path), 'components', 'schemas')
  for (const kind of kinds) {
    for (const schema of [kind, `${kind}Spec`]) {
      const properties = Object.entries(at(schemas, `org.projectcalico.v3.${schema}`, 'properties'))
      t.not(properties.length, 0, schema)
      for (const [name, property] of properties)
        t.ok(
          isJsonObject(property) && property['description'] && (property['type'] ?? property['allOf']),
          `${schema} ${name}`,
        )
    }
  }
})

t.test('each group has a document of its own, with names of its own, and shares those of Kubernetes', async (t) => {
  const { call } = startServer(t)
  const { body } = await call('GET', '/openapi/v3')
  t.strictSame(Object.keys(at(body as JsonObject, 'paths')), ['apis/projectcalico.org/v3', 'apis/ippoold.io/v1'])
  const document = await readDocument(t, '/openapi/v3/apis/ippoold.io/v1')
  t.match(await new Validator().validate(structuredClone(document)), { valid: true })
  checkReferences(t, document)
  const schemas = at(document, 'components', 'schemas')
  t.strictSame(at(schemas, 'io.ippoold.v1.AccessPolicy')['x-kubernetes-group-version-kind'], [
    { group: 'ippoold.io', version: 'v1', kind: 'AccessPolicy' },
  ])
  t.strictSame(
    Object.keys(schemas).filter(
      (name) => !/^(io\.ippoold\.v1|io\.k8s\.apimachinery\.pkg\.apis\.meta\.v1)\./.test(name),
    ),
    [],
  )
  t.match(at(document, 'paths', '/apis/ippoold.io/v1/accesspolicies/{name}', 'patch'), {
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group: 'ippoold.io', version: 'v1', kind: 'AccessPolicy' },
  })
  t.ok(Object.keys(at(document, 'paths')).every((name) => name.startsWith('/apis/ippoold.io/v1/')))

  const both = await readDocument(t, '/openapi/v2')
  for (const name of ['org.projectcalico.v3.IPPool', 'io.ippoold.v1.AccessPolicy'])
    t.match(at(both, 'definitions', name), { type: 'object' }, name)
  for (const name of [`${prefix}/ippools`, '/apis/ippoold.io/v1/accesspolicies']) t.ok(name in at(both, 'paths'), name)
})

t.test('operations say what they do to what, and a patch says what kubectl looks for', async (t) => {
  const paths = at(await readDocument(t, path), 'paths')
  const collection = at(paths, `${prefix}/ippools`)
  const object = at(paths, `${prefix}/ippools/{name}`)
  const kind = { group: 'projectcalico.org', version: 'v3', kind: 'IPPool' }
  for (const [item, method, action] of [
    [collection, 'get', 'list'],
    [collection, 'post', 'post'],
    [object, 'get', 'get'],
    [object, 'put', 'put'],
    [object, 'patch', 'patch'],
    [object, 'delete', 'delete'],
  ] as const) {
    t.match(item[method], { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': kind }, action)
  }
  for (const plural of ['ippools', 'ipreservations', 'ipamconfigurations', 'nodes']) {
    const patch = at(paths, `${prefix}/${plural}/{name}`, 'patch')
    for (const name of ['dryRun', 'fieldManager', 'fieldValidation', 'force'])
      t.ok(
        objectsIn(patch['parameters'] ?? []).some(
          (parameter) => parameter['name'] === name && parameter['in'] === 'query',
        ),
      )
    const types = Object.keys(at(patch, 'requestBody', 'content'))
    t.ok(types.includes('application/merge-patch+json') && !types.some((type) => type.includes('strategic')), plural)
  }
  t.strictSame(Object.keys(at(paths, `${prefix}/blockaffinities/{name}`)), ['get'])
  t.ok(Object.keys(paths).every((name) => name.startsWith(prefix)))
})
