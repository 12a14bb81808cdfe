import fc from 'fast-check'
import { distortions, oddBodies, oddMethods, oddQueries, oddSegments, oddTypes, texts } from './odd-values.ts'

/** A schema as an OpenAPI document has it. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly required?: readonly string[]
}

/** One operation of an OpenAPI document. */
export interface Operation {
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema: Schema
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
}

/** As much of an OpenAPI document as a test looks at. */
export interface OpenapiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/** A request, right or wrong, that can be sent over HTTP. */
export interface RandomRequest {
  readonly method: string
  /** The path of the document that it is meant for. */
  readonly route: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | undefined
}

const text = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...texts) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(64, 254, 1_000, 40_000).map((length) => 'x'.repeat(length)) },
)

const pointer = fc.constantFrom(
  '/spec/disabled',
  '/spec/natOutgoing',
  '/metadata/labels',
  '/metadata/labels/a',
  '/spec/cidr',
  '/status',
  '',
)

/** Values that fit some names, so that many requests are right. */
const fitting: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  handle: fc.constantFrom('h-1', 'h-2', 'h-3', 'h-4', 'h-5'),
  node: fc.constantFrom('node-1', 'node-2'),
  ip: fc.constantFrom('10.120.0.1', '10.120.1.7', 'fd00:120::1'),
  address: fc.constantFrom('10.120.0.1', '10.120.1.7', 'fd00:120::1'),
  addresses: fc.uniqueArray(
    fc.nat(63).map((index) => `10.120.0.${String(index)}`),
    { minLength: 1, maxLength: 4 },
  ),
  ipv4: fc.constantFrom(1, 2, 5),
  ipv6: fc.constantFrom(1, 2, 5),
  pools: fc.constantFrom(['four'], ['six'], ['four', 'six'], []),
  use: fc.constant('Workload'),
  maxBlocksPerNode: fc.constant(0),
  name: fc.constantFrom('fuzz-1', 'fuzz-2', 'fuzz-3'),
  // Reserved addresses hide other mistakes in an assignment.
  reservedCIDRs: fc.constantFrom([], ['10.119.0.0/24'], ['10.119.0.0/16', 'fd00:119::/64'], ['10.119.0.1']),
  cidr: fc.constantFrom('10.121.0.0/24', '10.122.0.0/24', 'fd00:121::/112'),
  blockSize: fc.constant(0),
  selector: fc.constantFrom('all()', "zone == 'a'", 'zone =='),
  prefixLength: fc.constantFrom(24, 26, 28),
  path: pointer,
  from: pointer,
  'idempotency-key': fc.uuid(),
}
const number = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 2, 3, 26, 28, 122, 126) },
  { weight: 1, arbitrary: fc.constantFrom(-0, -1, 0.5, 1_025, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324) },
)
const junk: fc.Arbitrary<unknown> = fc.oneof(
  text,
  number,
  fc.constantFrom(null, true, false, [], {}, [[]], [null], { a: {} }, Array(300).fill('x')),
)

/** Values that a schema allows, roughly, with now and then one that it does not. */
function valueOf(schema: Schema, { components }: OpenapiDocument, depth = 0): fc.Arbitrary<unknown> {
  const inner = (schema: Schema): fc.Arbitrary<unknown> => {
    const value = depth > 8 ? junk : valueOf(schema, { paths: {}, components }, depth + 1)
    return fc.oneof({ weight: 200, arbitrary: value }, { weight: 1, arbitrary: junk })
  }
  if (schema.$ref !== undefined) return inner(components.schemas[schema.$ref.replace(/^.*\//, '')] ?? {})
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(inner))
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if ('const' in schema) return fc.constant(schema.const)
  switch ([schema.type].flat()[0]) {
    case 'string':
      return text
    case 'integer':
    case 'number':
      return number
    case 'boolean':
      return fc.boolean()
    case 'array':
      return fc.array(inner(schema.items ?? {}), { maxLength: 3 })
    case 'object':
      // A mistake deep inside hides mistakes further out.
      return objectOf(schema, inner, depth === 1 ? 3 : 1)
    case undefined:
    default:
      return junk
  }
}

/** Some of the properties of an object, mostly those that must be given, and now and then others. */
function objectOf(
  schema: Schema,
  inner: (schema: Schema) => fc.Arbitrary<unknown>,
  most: number,
): fc.Arbitrary<unknown> {
  const { properties = {}, additionalProperties = false } = schema
  // Most objects want a name, and most operations of a patch a value or a source, whatever their schemas say.
  const wanted = ['name', 'value', 'from'].filter((name) => name in properties)
  const required = [...(schema.required ?? []), ...wanted]
  const known = fc.tuple(few(Object.keys(properties), most), fc.integer({ min: 0, max: 9 })).chain(([names, luck]) => {
    const chosen = new Set([...names, ...(luck > 0 ? required : [])])
    const values = [...chosen].map((name) => {
      const schema = properties[name] ?? {}
      return [name, named(name, inner(schema), schema)] as const
    })
    return fc.record(Object.fromEntries(values))
  })
  const others = fc.dictionary(text, inner(typeof additionalProperties === 'object' ? additionalProperties : {}), {
    maxKeys: 2,
  })
  const both = fc.tuple(known, others).map(([one, other]) => ({ ...one, ...other }))
  return additionalProperties === false
    ? fc.oneof({ weight: 100, arbitrary: known }, { weight: 1, arbitrary: both })
    : both
}

/** A name that a new object may get. */
const fittingName = /fuzz-\d/

/** A value for a property or parameter of this name. The values that fit are no objects. */
function named(name: string, value: fc.Arbitrary<unknown>, { items }: Schema): fc.Arbitrary<unknown> {
  const fit = items?.$ref === undefined && items?.type !== 'object' ? fitting[name] : undefined
  return fit === undefined ? value : fc.oneof({ weight: 20, arbitrary: fit }, { weight: 1, arbitrary: value })
}

/** Requests to every operation of a document, with everything that can be wrong about a request. */
export function randomRequests(document: OpenapiDocument): fc.Arbitrary<RandomRequest> {
  const operations = Object.entries(document.paths).flatMap(([route, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      // The more there is to get wrong about an operation, the more often.
      weight: operation.requestBody !== undefined ? 6 : route.includes('/v') ? 3 : 1,
      arbitrary: requestTo(document, route, method.toUpperCase(), operation),
    })),
  )
  return fc.oneof(...operations)
}

function requestTo(
  document: OpenapiDocument,
  route: string,
  method: string,
  { parameters = [], requestBody }: Operation,
): fc.Arbitrary<RandomRequest> {
  const valuesIn = (place: string): Readonly<Record<string, fc.Arbitrary<unknown>>> => {
    const inPlace = parameters.filter((parameter) => parameter.in === place)
    return Object.fromEntries(inPlace.map(({ name, schema }) => [name, named(name, valueOf(schema, document), schema)]))
  }
  const textsIn = (place: string): Readonly<Record<string, fc.Arbitrary<string>>> =>
    Object.fromEntries(Object.entries(valuesIn(place)).map(([name, value]) => [name, value.map(textOf)]))
  const required = parameters.filter((parameter) => parameter.in === 'query' && parameter.required === true)
  const needed = required.map(({ name }) => name)
  const isForSeveral = method === 'DELETE' && !route.includes('{')
  const query = fc.oneof(
    // To delete several things at once, it takes a query that says which.
    { weight: needed.length > 0 ? 3 : isForSeveral ? 10 : 60, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.constantFrom(...oddQueries) },
    {
      weight: isForSeveral || needed.length > 0 ? 60 : 4,
      arbitrary: someOf(valuesIn('query'), needed).map(encodeQuery),
    },
  )
  const segments = fc
    .record(textsIn('path'))
    .map((values) => route.replace(/\{(\w+)\}/g, (_, name: string) => encodeText(values[name] ?? '')))
  const odd = fc.constantFrom(...oddSegments).map((segment) => route.replace(/\{\w+\}/g, () => segment))
  const path = fc.oneof({ weight: 30, arbitrary: segments }, { weight: 1, arbitrary: odd })
  const bodies = Object.entries(requestBody?.content ?? {})
  const content = bodies.length > 0 ? bodyOf(document, bodies) : noBody
  const key = textsIn('header')['idempotency-key'] ?? fc.constant(undefined)
  return fc
    .record({
      method: rarely(fc.constant(method), fc.constantFrom(...oddMethods), 15),
      path: fc.tuple(path, query).map((parts) => parts.join('')),
      content: rarely(content, oddBody, 120),
      accept: rarely(
        fc.constant('*/*'),
        fc.constantFrom('application/json', 'text/html', 'application/json;as=Table;g=meta.k8s.io;v=v1', ''),
        30,
      ),
      key: rarely(fc.constant(undefined), key, 5),
    })
    .map(({ content: { type, body: made }, accept, key, ...request }) => ({
      ...request,
      route,
      // The name in the body is mostly that of the path.
      body:
        typeof made === 'string' && method === 'PUT'
          ? made.replace(fittingName, fittingName.exec(request.path)?.[0] ?? '$&')
          : made,
      headers: {
        accept,
        ...(type === undefined ? {} : { 'content-type': type }),
        // Any other character cannot be sent in a header.
        ...(key === undefined ? {} : { 'idempotency-key': key.replace(/[^\x20-\x7E]/g, '?') }),
      },
    }))
}

/** Mostly one, and the other once in so many times. */
function rarely<Value>(
  mostly: fc.Arbitrary<Value>,
  otherwise: fc.Arbitrary<Value>,
  times: number,
): fc.Arbitrary<Value> {
  return fc.oneof({ weight: times, arbitrary: mostly }, { weight: 1, arbitrary: otherwise })
}

/** Those that are needed, and up to two others. */
function someOf(
  values: Readonly<Record<string, fc.Arbitrary<unknown>>>,
  needed: readonly string[],
): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  return few(Object.keys(values), 2).chain((names) =>
    fc.record(Object.fromEntries([...new Set([...needed, ...names])].map((name) => [name, values[name] ?? text]))),
  )
}

/** Up to so many of some names. */
function few(names: string[], most: number): fc.Arbitrary<string[]> {
  return fc.subarray(names, { maxLength: Math.min(most, names.length) })
}

interface Content {
  readonly type: string | undefined
  readonly body: string | Buffer | undefined
}

const noBody: fc.Arbitrary<Content> = fc.constant({ type: undefined, body: undefined })
const oddBody: fc.Arbitrary<Content> = fc.record({
  type: fc.option(fc.constantFrom(...oddTypes), { nil: undefined }),
  body: fc.constantFrom(...oddBodies),
})

function bodyOf(
  document: OpenapiDocument,
  content: readonly (readonly [string, { readonly schema: Schema }])[],
): fc.Arbitrary<Content> {
  const oddType = fc.option(fc.constantFrom(...oddTypes), { nil: undefined })
  const distort = rarely(
    fc.constant((json: string) => json),
    fc.constantFrom(...distortions),
    60,
  )
  return fc.oneof(
    ...content.map(([type, { schema }]) =>
      fc.record({
        type: rarely(fc.constant<string | undefined>(type), oddType, 80),
        body: fc.tuple(valueOf(schema, document), distort).map(([value, distort]) => distort(JSON.stringify(value))),
      }),
    ),
  )
}

/** An array is a parameter that is given several times. A watch would go on for half an hour. */
function encodeQuery(given: Readonly<Record<string, unknown>>): string {
  const isWatch = ['true', '1'].includes(textOf(given['watch'] ?? ''))
  const values = isWatch ? { ...given, timeoutSeconds: '1' } : given
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, textOf(one)].map(encodeText).join('=')),
  )
  return `?${pairs.join('&')}`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Percent-encoded; half a character, which cannot be, as something that is no UTF-8. */
function encodeText(part: string): string {
  return /[\uD800-\uDFFF]/u.test(part) ? '%ED%A0%80' : encodeURIComponent(part)
}
