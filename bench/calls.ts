import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { addressesPerNode, attributes } from './load.ts'
import { measureRequests, type Measurement, type Request } from './measure.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, type Row, saveResults } from './results.ts'

/**
 * Every kind of call beside assigning one address, which is measured before and after it: releases, two families, calls that may be
 * repeated, a thousand addresses at once. And releases in random order, beside assigning addresses over as many blocks.
 */

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '8000' },
    callers: { type: 'string', default: '64' },
  },
})
const calls = Number(options.calls)
const callers = Number(options.callers)
// A caller prepares a request that is never sent, so that more is assigned than released.
const releases = calls - 2 * callers

interface Held {
  readonly address: string
  readonly handle: string
}

const nodes = 4
/** Nodes with a block each, whose addresses are released in random order. */
const spreadNodes = 160
let asked = 0

const store = await startBenchEtcd()
try {
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
  await createPool(server.url, 'four', '10.0.0.0/8')
  await createPool(server.url, 'six', 'fd00::/64')
  const held: Held[] = []
  const measure = (count: number, request: (number: number) => Request): Promise<Measurement> =>
    measureRequests(server.url, callers, count, request)
  const assigning = (): Promise<Measurement> =>
    measureRequests(server.url, callers, calls, assignOne, (body) => {
      const { addresses } = JSON.parse(body) as { readonly addresses: readonly Held[] }
      held.push(...addresses)
    })
  const next = (): Held => held.pop() ?? { address: '10.0.0.0', handle: 'nobody' }

  // The first thousands of any call are as much about the compiler as about the call.
  const thousand = (number: number): Request => post('assign', { ...wish(number, 1_000), ipv4: 1_000 })
  await assigning()
  await measure(calls / 4, () => post('release', { addresses: [next().address] }))
  await measure(calls / 4, () => post('release', { handle: next().handle }))
  const assigns = [await assigning()]
  const byAddress = await measure(releases, () => post('release', { addresses: [next().address] }))
  assigns.push(await assigning())
  const byHandle = await measure(releases, () => post('release', { handle: next().handle }))
  assigns.push(await measure(calls, assignOne))
  const dualStack = await measure(calls, (number) => post('assign', { ...wish(number), ipv4: 1, ipv6: 1 }))
  assigns.push(await measure(calls, assignOne))
  const withKey = await measure(calls, (number) => ({
    ...assignOne(number),
    headers: { 'idempotency-key': randomUUID() },
  }))
  assigns.push(await measure(calls, assignOne))
  const asPut = await measure(calls, (number) => {
    return { method: 'PUT', path: `/ipam/v1/handles/${randomUUID()}`, body: wish(number) }
  })
  assigns.push(await measure(calls, assignOne))
  const spread = await measureSpread(server.url)
  await measureRequests(server.url, 4, 40, thousand)
  const thousands = await measureRequests(server.url, 4, 160, thousand)
  await server.stop()

  /** Beside the mean of the assigns before and after it. */
  const row = (call: string, place: number, measured: Measurement, aim: number): Row => {
    const around = ((assigns[place]?.perSecond ?? NaN) + (assigns[place + 1]?.perSecond ?? NaN)) / 2
    const { perSecond, p50Ms, p99Ms } = measured
    return { call, 'calls/s': perSecond, 'p50 ms': p50Ms, 'p99 ms': p99Ms, 'x assign': perSecond / around, aim }
  }
  const rows = [
    row('release by address', 0, byAddress, 0.9),
    row('release by handle', 1, byHandle, 0.9),
    row('dual stack', 2, dualStack, 0.5),
    row('Idempotency-Key', 3, withKey, 0.6),
    row('PUT handle', 4, asPut, 0.6),
    spread,
  ]
  printTable(rows)
  const perSecond = thousands.perSecond * 1_000
  process.stdout.write(`1,000 addresses a call, 4 callers: ${perSecond.toFixed(0)} addresses/s (aim 100,000)\n`)
  await saveResults('calls', [...rows, { call: '1,000 addresses', 'addresses/s': perSecond }])
} finally {
  await store.stop()
}

/** Assigns an address after the other to nodes in turn, and releases them in random order. */
async function measureSpread(url: string): Promise<Row> {
  const run = randomUUID()
  const held: Held[] = []
  const assign = (number: number): Request =>
    post('assign', { node: `spread-${run}-${number % spreadNodes}`, attributes: attributes(number) })
  const assigned = await measureRequests(url, callers, calls, assign, (body) => {
    const { addresses } = JSON.parse(body) as { readonly addresses: readonly Held[] }
    held.push(...addresses)
  })
  // The order of random texts is a random one.
  const order = held.map((one) => ({ one, key: randomUUID() })).sort((left, right) => (left.key < right.key ? -1 : 1))
  const { perSecond, p50Ms, p99Ms } = await measureRequests(url, callers, releases, () =>
    post('release', { addresses: [order.pop()?.one.address ?? '10.0.0.0'] }),
  )
  const ratio = perSecond / assigned.perSecond
  return {
    call: 'release at random',
    'calls/s': perSecond,
    'p50 ms': p50Ms,
    'p99 ms': p99Ms,
    'x assign': ratio,
    aim: 0.9,
  }
}

/** Four nodes share what is asked for, until each has been given enough. */
function wish(number: number, addresses = 1): object {
  const turn = Math.floor(asked / (nodes * addressesPerNode))
  asked += addresses
  return {
    node: `node-${turn * nodes + (number % nodes)}`,
    maxBlocksPerNode: 1_000_000,
    attributes: attributes(number),
  }
}

function assignOne(number: number): Request {
  return post('assign', wish(number))
}

function post(route: string, body: object): Request {
  return { method: 'POST', path: `/ipam/v1/${route}`, body }
}
