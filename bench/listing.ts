import { parseArgs } from 'node:util'
import { Etcd3 } from 'etcd3'
import { blocks } from '../src/model/index.ts'
import { formatCidr } from '../src/net/index.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, saveResults } from './results.ts'
import { node, pool, seed } from './seed.ts'

/**
 * Reads of a few of many addresses: those of one node, those with one attribute, and how full the pools are; beside reading eight blocks
 * raw, which is what 500 addresses of a node lie in.
 */

const { values: options } = parseArgs({
  options: { held: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '15' } },
})
const rounds = Number(options.rounds)

const store = await startBenchEtcd()
try {
  const first = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0' })
  await createPool(first.url, 'bench', formatCidr(pool))
  await first.stop()
  await seed(store.endpoint, Number(options.held))
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0' })
  const etcd = new Etcd3({ hosts: store.endpoint })
  const range = {
    key: Buffer.from(blocks.prefix),
    range_end: Buffer.from(`${blocks.prefix}~`),
    limit: 8,
    keys_only: true,
  }
  const eight = (await etcd.kv.range(range)).kvs.map(({ key }) => ({ request_range: { key } }))
  const get = async (path: string, expected: string): Promise<void> => {
    const text = await (await fetch(`${server.url}/ipam/v1/${path}`)).text()
    if (!text.includes(expected)) throw new Error(text.slice(0, 1_000))
  }
  const raw = async (): Promise<void> => {
    await etcd.kv.txn({ success: eight })
  }
  const rows = []
  let rawMs = NaN
  for (const [read, run] of [
    ['eight blocks raw', raw],
    ['500 addresses of one node', (turn: number) => get(`addresses?limit=500&node=${node(turn)}`, node(turn))],
    [
      'one address by its attribute',
      (turn: number) => get(`addresses?limit=500&attribute=pod=web-7c5ddbdf54-${String(turn)}`, 'addresses'),
    ],
    ['utilization of all pools', () => get('utilization', 'inUse')],
  ] as const) {
    const samples: number[] = []
    for (let turn = -3; turn < rounds; turn++) {
      const begin = performance.now()
      await run(turn + 10)
      // The first rounds warm up the compilers.
      if (turn >= 0) samples.push(performance.now() - begin)
    }
    const p50 = samples.sort((one, other) => one - other)[samples.length >> 1] ?? NaN
    if (read === 'eight blocks raw') rawMs = p50
    rows.push({ held: Number(options.held), read, 'p50 ms': p50, 'x raw': p50 / rawMs })
  }
  printTable(rows)
  await saveResults('listing', rows)
  etcd.close()
  await server.stop()
} finally {
  await store.stop()
}
