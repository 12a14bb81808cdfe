import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { seedNodes } from './nodes.ts'
import { seedPools } from './pools.ts'
import { processorMs, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, saveResults } from './results.ts'
import { seed } from './seed.ts'

/**
 * The reads of a page for people, on a server with 10,000 pools, 5,000 nodes and a million addresses held: the time of one, and the
 * server's processor time for it; beside the same after an address was assigned, so that what the server remembers is outdated.
 */

const { values: options } = parseArgs({
  options: { held: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '20' } },
})
const rounds = Number(options.rounds)

const reads = [
  ['the fullest 50 pools', 'pools?sort=-percentInUse&limit=50'],
  ['50 pools with a text', 'pools?q=pool-01&limit=50'],
  [
    'trends of 50 pools',
    `trends?${Array.from({ length: 50 }, (_, index) => `pools=pool-000${String(index + 10)}`).join('&')}`,
  ],
  ['map: a /8 by /16', 'map?cidr=10.0.0.0/8&prefixLength=16'],
  ['map: a /12 by /22', 'map?cidr=10.0.0.0/12&prefixLength=22'],
  ['map: a /12 by /24', 'map?cidr=10.0.0.0/12&prefixLength=24'],
  ['map: a /16 by /26', 'map?cidr=10.0.0.0/16&prefixLength=26'],
  ['states of 4,096 addresses', 'map/addresses?cidr=10.0.0.0/20'],
  ['search: an address', 'search?q=10.0.1.7'],
  ['search: a CIDR', 'search?q=10.0.0.0/12'],
  ['search: a name', 'search?q=pool-0099'],
  ['search: a handle', 'search?q=k8s-pod-network.0a'],
  ['search: an attribute', 'search?q=pod%3Dweb-7c5ddbdf54-12'],
  ['holders of a pool, nodes', 'pools/pool-00042/holders?by=node'],
  ['holders of a pool, handles', 'pools/pool-00042/holders?by=handle'],
  ['nodes that a selector matches', 'selectors/nodes?selector=zone%20%3D%3D%20%27zone-1%27'],
  ['utilization of all pools', 'utilization'],
] as const

const store = await startBenchEtcd()
try {
  await seedPools(store.endpoint)
  await seedNodes(store.endpoint, 5_000, 100)
  await seed(store.endpoint, Number(options.held))
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, IPPOOLD_CHECK_INTERVAL_SECONDS: '0' })
  const call = async (path: string, init?: RequestInit): Promise<number> => {
    const response = await fetch(`${server.url}/ipam/v1/${path}`, init)
    const body = await response.text()
    if (!response.ok) throw new Error(body.slice(0, 1_000))
    return body.length
  }
  const assign = (): Promise<number> =>
    call('assign', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"pools":["load"]}' })
  // The server goes on with what a start brings.
  await sleep(5_000)
  const rows = []
  for (const [read, path] of reads) {
    const first = await measure(1, () => call(path))
    await measure(5, () => call(path))
    const warm = await measure(rounds, () => call(path))
    const assigning = await measure(rounds, assign)
    const outdated = await measure(rounds, async () => {
      await assign()
      return call(path)
    })
    rows.push({
      read,
      kB: (await call(path)) / 1_000,
      'first ms': first.ms,
      'p50 ms': warm.ms,
      'cpu ms': warm.cpuMs,
      'after a change cpu ms': outdated.cpuMs - assigning.cpuMs,
    })
  }
  printTable(rows)
  await saveResults('page', rows)

  /** The middle time of a call, and the processor time of the server for each. */
  async function measure(count: number, run: () => Promise<unknown>) {
    const samples: number[] = []
    const before = await processorMs(server.pid)
    for (let turn = 0; turn < count; turn++) {
      const begin = performance.now()
      await run()
      samples.push(performance.now() - begin)
    }
    const cpuMs = ((await processorMs(server.pid)) - before) / count
    return { ms: samples.sort((one, other) => one - other)[count >> 1] ?? NaN, cpuMs }
  }
  await server.stop()
} finally {
  await store.stop()
}
