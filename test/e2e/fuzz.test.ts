import AjvCompiler from '@fastify/ajv-compiler'
import fc from 'fast-check'
import { Pool } from 'undici'
import t from 'tap'
import { temporaryFolder } from '../support/etcd.ts'
import { LoopHoldMeter } from '../support/loop-hold.ts'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { type OpenapiDocument, type RandomRequest, randomRequests, type Schema } from '../support/random-requests.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { isAll } from '../support/volume.ts'

/**
 * Whatever a caller sends, it gets an answer that the OpenAPI document has, and etcd holds only what was answered with success. To
 * repeat a run, give its seed: IPPOOLD_TEST_SEED=1 npx tap test/e2e/fuzz.test.ts
 */

const requestCount = isAll ? 100_000 : 2_000
const seed = Number(process.env['IPPOOLD_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

const meter = new LoopHoldMeter(await temporaryFolder(t))
const { call, etcd, keys, servers } = await startIppoold(t, { env: meter.environment })
const document = (await call('GET', '/openapi.json')).body as unknown as OpenapiDocument
await createPool(call, 'four', { cidr: '10.120.0.0/22', blockSize: 28 })
await createPool(call, 'six', { cidr: 'fd00:120::/64' })

interface Sent {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

const client = new Pool(servers[0]?.url ?? '', { headersTimeout: 30_000 })
t.teardown(() => client.close())

async function send({ method, path, headers, body }: RandomRequest): Promise<Sent> {
  const response = await client.request({ method, path, headers, ...(body === undefined ? {} : { body }) })
  return { status: response.statusCode, headers: response.headers, text: await response.body.text() }
}

/** Compiles the schemas of the document, on demand. */
const compile = AjvCompiler()(
  {},
  { customOptions: { coerceTypes: false, useDefaults: false, removeAdditional: false, strict: false } },
)
const statusSchema: Schema = { $ref: '#/components/schemas/Status' }
const validators = new Map<Schema, (value: unknown) => boolean>()

function fits(schema: Schema, value: unknown): boolean {
  const { components } = document
  const validate =
    validators.get(schema) ?? (compile({ schema: { ...schema, components } }) as (value: unknown) => boolean)
  validators.set(schema, validate)
  return validate(value)
}

/** True for a watch, which lasts a second. */
function isWatch({ path }: RandomRequest): boolean {
  return /[?&]watch=(true|1)(&|$)/.test(path)
}

/** Mistakes in the answer to a request. */
function problemsOf(request: RandomRequest, { status, headers, text }: Sent): readonly string[] {
  const operation = document.paths[request.route]?.[request.method.toLowerCase()]
  const response = operation?.responses[String(status)]
  const body = parse(text)
  const problems: string[] = []
  const tellsOfTimeTravel =
    request.method === 'HEAD'
      ? /[?&]resourceVersion=[1-9]\d{10}/.test(request.path)
      : text.includes('Too large resource version')
  const isTimeTravel = status === 504 && tellsOfTimeTravel
  if (status >= 500 && !isTimeTravel) problems.push('a fault of the server')
  if (request.method === 'HEAD') return problems
  if (status === 200 && request.route === '/metrics') {
    return text.startsWith('# HELP ') ? problems : [...problems, 'no metrics']
  }
  if (status === 200 && isWatch(request)) {
    const isJson = text.split('\n').every((line) => line === '' || parse(line) !== undefined)
    return isJson ? problems : [...problems, 'an event that is no JSON']
  }
  if (body === undefined) return [...problems, 'no JSON']
  // A path that is not the route it was made from, such as one with a slash in it, is one that the document does not know.
  const isElsewhere = [400, 404, 405].includes(status) || text.includes('The headers of the request are too long')
  if (operation !== undefined && response === undefined && !isElsewhere) problems.push('not a documented status')
  if (operation === undefined && status < 400) problems.push('a method that the document does not know')
  if (status === 405 && !/^[A-Z]+(, [A-Z]+)*$/.test(String(headers['allow']))) problems.push('no Allow')
  if (status >= 400) {
    if (!fits(statusSchema, body)) problems.push('no Status')
    const { reason, code, status: outcome } = body as { reason?: unknown; code?: unknown; status?: unknown }
    if (typeof reason !== 'string' || code !== status || outcome !== 'Failure')
      problems.push('a Status without a reason')
  } else {
    const schema = response?.content?.['application/json']?.schema
    const isTable = request.headers['accept']?.includes('as=Table') === true && hasKind(body, 'Table')
    if (!isTable && schema !== undefined && !fits(schema, body)) problems.push('not what the schema says')
  }
  if (!String(headers['content-type']).startsWith('application/json')) problems.push('no JSON by its type')
  return problems
}

function hasKind(body: unknown, kind: string): boolean {
  return typeof body === 'object' && body !== null && 'kind' in body && body.kind === kind
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The addresses and pools in answers. For blocks that are given up, `released` has another form. */
interface Answer {
  readonly addresses?:
    | readonly { readonly address: string; readonly handle: string }[]
    | { readonly released: string[] }
  readonly released?: readonly unknown[]
  readonly metadata?: { readonly name?: string }
  readonly parts?: readonly { readonly name: string }[]
  readonly repairs?: readonly { readonly code: string; readonly outcome: string }[]
}

/** Repairs that release addresses on request, and do not report which. */
function hasTaken(answer: Sent): boolean {
  const { repairs = [] } = (answer.status === 200 ? parse(answer.text) : {}) as Answer
  return repairs.some(({ code, outcome }) => ['NodeGone', 'OwnerUnknown'].includes(code) && outcome !== 'NotFound')
}

/** The holder of each address, by the answers. */
class Announced {
  readonly holders = new Map<string, string>()
  readonly pools = new Set<string>(['four', 'six'])

  /** Under these, an answer may be one that was given before. */
  readonly #keys = new Set<string>()

  take({ method, route, path, headers }: RandomRequest, { status, text }: Sent): void {
    // What an explanation tells of was not assigned.
    const changes = method !== 'HEAD' && method !== 'GET' && !route.endsWith('/explain') && !/[?&]dryRun=All/.test(path)
    if (status >= 300 || !changes) return
    const { 'idempotency-key': key } = headers
    if (key !== undefined && this.#keys.has(key)) return
    if (key !== undefined) this.#keys.add(key)
    const body = parse(text) as Answer
    // Removing a node reports what happened to its addresses; other answers list addresses.
    const { addresses = [] } = body
    const assigned = 'released' in addresses ? [] : addresses
    const released = 'released' in addresses ? addresses.released : (body.released ?? [])
    for (const { address, handle } of assigned) this.holders.set(address, handle)
    for (const address of released) if (typeof address === 'string') this.holders.delete(address)
    for (const { name } of body.parts ?? []) this.pools.add(name)
    if (route.startsWith('/apis/') && body.metadata?.name !== undefined) this.pools.add(body.metadata.name)
  }
}

// Far longer than it takes: a test of so many requests may last for minutes.
t.setTimeout(1_800_000)

t.test(`${String(requestCount)} random requests, seed ${String(seed)}`, async (t) => {
  const announced = new Announced()
  const statuses: Record<string, number> = {}
  const failures: string[] = []
  const requests = fc.sample(randomRequests(document), { numRuns: requestCount, seed })
  const judge = (request: RandomRequest, answer: Sent): void => {
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
    const problems = problemsOf(request, answer)
    if (problems.length === 0 || failures.length >= 20) return
    const { method, path, headers, body } = request
    const sent = `${method} ${path.slice(0, 200)} ${JSON.stringify(headers)} ${String(body).slice(0, 500)}`
    failures.push(`${problems.join(', ')}: ${sent} => ${String(answer.status)} ${answer.text.slice(0, 500)}`)
  }
  await meter.take(servers[0]?.pid ?? 0)
  const watches: Promise<void>[] = []
  for (const request of requests) {
    // The others need not wait for a watch.
    if (request.method === 'GET' && isWatch(request)) {
      watches.push(send(request).then((answer) => judge(request, answer)))
      continue
    }
    const answer = await send(request)
    announced.take(request, answer)
    if (request.route.endsWith('/check/repair') && hasTaken(answer)) {
      announced.holders.clear()
      for (const [address, handle] of (await readStoredState(etcd.endpoint)).holders) {
        announced.holders.set(address, handle)
      }
    }
    judge(request, answer)
  }
  await Promise.all(watches)
  t.comment(JSON.stringify(statuses))
  const { longestMs, cpuMs } = await meter.take(servers[0]?.pid ?? 0)
  t.comment(
    `the longest turn of the event loop took ${longestMs.toFixed(1)} ms of CPU, all requests ${cpuMs.toFixed(0)} ms`,
  )
  t.strictSame(failures, [], `seed ${String(seed)}`)
  t.ok((statuses['201'] ?? 0) > requestCount / 100, 'some were right')
  t.ok(
    (statuses['400'] ?? 0) > requestCount / 100 && (statuses['422'] ?? 0) > requestCount / 100,
    'and some were wrong',
  )
  const unread = (statuses['400'] ?? 0) + (statuses['415'] ?? 0)
  t.ok(
    unread <= requestCount / 10,
    `${String(unread)} were refused before anything was planned; that is at most one in ten`,
  )

  const state = await readStoredState(etcd.endpoint)
  t.strictSame([...state.holders].sort(), [...announced.holders].sort(), 'etcd holds exactly what was announced')
  t.strictSame(disagreements(state), [])
  const names = Object.keys(await keys.dump('/calico/resources/')).map((key) => key.replace(/^.*\//, ''))
  t.strictSame(
    names.filter((name) => !announced.pools.has(name)),
    [],
  )
  const known =
    /^\/(calico\/ipam\/v2\/((assignment|handle|host|virtual)\/|config$)|calico\/resources\/v3\/projectcalico\.org\/|ippoold\/v1\/)/
  t.strictSame(
    Object.keys(await keys.dump('/')).filter((key) => !known.test(key)),
    [],
    'there are no other keys',
  )
  t.equal((await call('GET', '/readyz')).status, 200)
  // Under strict affinity nobody gets an address without a node.
  await call('DELETE', '/apis/projectcalico.org/v3/ipamconfigurations/default')
  await createPool(call, 'after', { cidr: '10.199.0.0/24' })
  t.equal((await call('POST', '/ipam/v1/assign', { handle: 'after', pools: ['after'] })).status, 201)
})
