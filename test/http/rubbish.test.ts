import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { volume } from '../support/volume.ts'
import { startServer } from './server-in-memory.ts'

/** Whatever a caller sends, it gets a 2xx or a 4xx with a Status: a 5xx would be a fault of the server. */

const routes = [
  ['POST', '/ipam/v1/assign'],
  ['POST', '/ipam/v1/release'],
  ['GET', '/ipam/v1/addresses/10.1.0.1'],
  ['GET', '/ipam/v1/handles/vm-1'],
  ['DELETE', '/ipam/v1/handles/vm-1'],
  ['GET', '/livez'],
  ['GET', '/readyz'],
  ['GET', '/version'],
  ['GET', '/openapi.json'],
  ['GET', '/docs'],
  ['PATCH', '/ipam/v1/assign'],
  ['GET', '/apis/projectcalico.org/v3/ippools'],
  ['POST', '/apis/projectcalico.org/v3/ippools'],
  ['PUT', '/apis/projectcalico.org/v3/ippools/blue'],
  ['PATCH', '/apis/projectcalico.org/v3/ippools/blue'],
  ['DELETE', '/apis/projectcalico.org/v3/ippools/blue'],
  ['PUT', '/nothing'],
] as const

const texts: readonly (string | Buffer)[] = [
  '',
  ' ',
  'null',
  'true',
  '0',
  '""',
  '[]',
  '{}',
  '{',
  ']',
  '{"":{}}',
  '{"__proto__":{"handle":"a"}}',
  '{"constructor":{"prototype":{"handle":"a"}}}',
  '{"toString":1,"hasOwnProperty":2}',
  '{"handle":"\\ud800"}',
  '{"handle":"a","handle":"b"}',
  '{"ipv4":9007199254740993}',
  '{"ipv4":1e400}',
  '{"ipv4":-0}',
  '{"ipv4":01}',
  '{"addresses":[{"address":"10.1.0.1","sequenceNumber":18446744073709551616}]}',
  `{"addresses":${JSON.stringify(Array(10_000).fill('x'))}}`,
  `{"addresses":${JSON.stringify(Array(6_000).fill({ address: 1 }))}}`,
  `{"attributes":${JSON.stringify(Object.fromEntries(Array.from({ length: 9_000 }, (_, index) => [`k${index}`, index])))}}`,
  `{"node":"${'a.'.repeat(149_000)}!"}`,
  `{"node":"${'a-'.repeat(149_000)}"}`,
  `{"handle":"${'.'.repeat(500_000)}"}`,
  '['.repeat(200_000),
  '{"a":'.repeat(100_000),
  '- '.repeat(16_000),
  '? '.repeat(16_000),
  'a: &a [*a]',
  'a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\ne: [*d,*d,*d,*d]',
  '!!binary aGk=',
  '%YAML 9.9\n---\na',
  '\u0000',
  '\uFEFF',
  Buffer.from([0xff, 0xfe, 0x00]),
  Buffer.from([0x1f, 0x8b, 0x08, 0x00]),
]

const types = [
  'application/json',
  'application/yaml',
  'application/merge-patch+json',
  'application/json-patch+json',
  'text/plain',
  '',
  undefined,
]

t.test('rubbish of every kind on every route', async (t) => {
  const { app } = startServer(t)
  for (const [method, url] of routes) {
    for (const type of types) {
      const codes = new Set<number>()
      for (const text of texts) {
        const headers = type === undefined ? {} : { 'content-type': type }
        const answer = await app.inject({ method, url, headers, ...(method !== 'GET' && { payload: text }) })
        codes.add(answer.statusCode)
        if (answer.statusCode >= 500)
          t.fail(`${method} ${url} ${String(type)} ${text.toString().slice(0, 80)}: ${answer.body}`)
        if (answer.statusCode >= 400 && answer.json<{ kind: unknown }>().kind !== 'Status')
          t.fail(`no Status: ${answer.body}`)
        if (answer.body.length > 50_000 && !url.startsWith('/openapi') && !url.startsWith('/docs'))
          t.fail('the answer is longer than a caller deserves')
        await setImmediate()
      }
      t.ok(codes.size > 0, `${method} ${url} ${String(type)}`)
    }
  }
})

/** Values that look like the fields of our bodies, right and wrong. */
const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    '10.1.0.1',
    'fd00::1',
    '10.1.0.0/24',
    '10.1.0.01',
    '::ffff:10.1.0.1',
    'vm-1',
    'a/b',
    '',
    '.',
    'blue',
    'All',
    'Workload',
    '1794812345678901234',
  ),
  fc.constantFrom<unknown>(0, 1, 2, -1, 1.5, 1024, 1025, 2 ** 31, null, true, false),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.integer(),
  fc.double(),
)
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.constantFrom('address', 'handle', 'sequenceNumber', 'name', 'labels', 'node'), fc.string()),
      tie('any'),
      { maxKeys: 4 },
    ),
  ),
})).any
/** An object with some of these fields, or something else altogether. */
function shapedLike(fields: readonly string[], values: fc.Arbitrary<unknown> = value): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.dictionary(fc.constantFrom(...fields, 'bogus'), values, { maxKeys: 5 }) },
    { weight: 1, arbitrary: value },
  )
}

const assign = shapedLike([
  'handle',
  'node',
  'ipv4',
  'ipv6',
  'addresses',
  'pools',
  'use',
  'namespace',
  'attributes',
  'maxBlocksPerNode',
  'partial',
])
const release = shapedLike(['addresses', 'handle'])
const spec = shapedLike([
  'cidr',
  'blockSize',
  'ipipMode',
  'vxlanMode',
  'natOutgoing',
  'nodeSelector',
  'allowedUses',
  'disabled',
  'assignmentMode',
])
const metadata = shapedLike([
  'name',
  'labels',
  'annotations',
  'uid',
  'resourceVersion',
  'finalizers',
  'ownerReferences',
  'managedFields',
])
const pool = fc.record(
  {
    kind: fc.constantFrom<unknown>('IPPool', 'Node', 1),
    apiVersion: fc.constantFrom<unknown>('projectcalico.org/v3', 'v1', null),
    metadata,
    spec,
    status: value,
  },
  { requiredKeys: [] },
)
const pointer = fc.constantFrom(
  '/spec/cidr',
  '/metadata/name',
  '/spec',
  '',
  '/a',
  'a',
  '/__proto__/a',
  '/spec/allowedUses/-',
  '/spec/allowedUses/0',
)
const operation = fc.record(
  { op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'), path: pointer, from: pointer, value },
  { requiredKeys: [] },
)
const options = shapedLike(['kind', 'apiVersion', 'preconditions', 'dryRun', 'propagationPolicy', 'gracePeriodSeconds'])
const pools = '/apis/projectcalico.org/v3/ippools'

const calls = fc.oneof(
  fc.record({
    method: fc.constant('POST' as const),
    url: fc.constant('/ipam/v1/assign'),
    type: fc.constant('application/json'),
    body: assign,
  }),
  fc.record({
    method: fc.constant('POST' as const),
    url: fc.constant('/ipam/v1/release'),
    type: fc.constant('application/json'),
    body: release,
  }),
  fc.record({
    method: fc.constant('POST' as const),
    url: fc.constant(pools),
    type: fc.constant('application/json'),
    body: fc.oneof(pool, value),
  }),
  fc.record({
    method: fc.constant('PUT' as const),
    url: fc.constant(`${pools}/blue`),
    type: fc.constant('application/json'),
    body: fc.oneof(pool, value),
  }),
  fc.record({
    method: fc.constant('PATCH' as const),
    url: fc.constant(`${pools}/blue`),
    type: fc.constant('application/merge-patch+json'),
    body: fc.oneof(pool, value),
  }),
  fc.record({
    method: fc.constant('PATCH' as const),
    url: fc.constant(`${pools}/blue`),
    type: fc.constant('application/json-patch+json'),
    body: fc.oneof(fc.array(operation, { maxLength: 3 }), value),
  }),
  fc.record({
    method: fc.constant('DELETE' as const),
    url: fc.constant(`${pools}/blue`),
    type: fc.constant('application/json'),
    body: options,
  }),
  fc.record({
    method: fc.constant('DELETE' as const),
    url: fc.constant('/ipam/v1/handles/vm-1'),
    type: fc.constant('application/json'),
    body: value,
  }),
)

t.test('random bodies on every route that takes one', async (t) => {
  const { app } = startServer(t)
  const codes = new Set<number>()
  let runs = 0
  const property = fc.asyncProperty(calls, fc.boolean(), async ({ method, url, type, body }, isDryRun) => {
    // Random calls delete the pool sooner or later, and would find nothing to do any more.
    if (runs++ % 100 === 0) {
      const spec = { cidr: '10.1.0.0/24' }
      const { statusCode } = await app.inject({
        method: 'POST',
        url: pools,
        payload: { metadata: { name: 'blue' }, spec },
      })
      codes.add(statusCode)
    }
    const payload = JSON.stringify(body)
    const answer = await app.inject({
      method,
      url: isDryRun ? `${url}?dryRun=All` : url,
      headers: { 'content-type': type },
      payload,
    })
    await setImmediate()
    codes.add(answer.statusCode)
    return answer.statusCode < 500 && (answer.statusCode < 400 || answer.json<{ kind: unknown }>().kind === 'Status')
  })
  await t.resolves(fc.assert(property, { numRuns: volume(20_000) }))
  for (const code of [200, 201, 400, 404, 409, 422]) t.ok(codes.has(code), `some were answered with ${code}`)
})

t.test('random paths and queries', async (t) => {
  const { app } = startServer(t)
  const segment = fc.oneof(
    fc.constantFrom('ipam', 'v1', 'handles', 'addresses', '..', '.', '%2F', '%00', '%zz', '', '10.1.0.1', '__proto__'),
    fc
      .string({ unit: 'binary' })
      .filter((text) => !/\p{Surrogate}/u.test(text))
      .map((text) => encodeURIComponent(text)),
    fc.webPath(),
  )
  const query = fc.oneof(
    fc.constantFrom('', '?dryRun=All', '?dryRun', '?a=b&a=c', '?__proto__=a', '?%zz', '?a[]=b'),
    fc.webQueryParameters().map((text) => `?${text}`),
  )
  const property = fc.asyncProperty(
    fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'OPTIONS'),
    fc.array(segment, { maxLength: 5 }),
    query,
    async (method, segments, query) => {
      const answer = await app.inject({ method, url: `/${segments.join('/')}${query}` })
      await setImmediate()
      return answer.statusCode < 500
    },
  )
  await t.resolves(fc.assert(property, { numRuns: volume(2_000) }))
})
