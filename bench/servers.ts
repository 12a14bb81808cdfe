import { parseArgs } from 'node:util'
import { assigning } from './load.ts'
import { measureHttp } from './measure.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, type Row, saveResults } from './results.ts'

/**
 * Two servers on one etcd beside one alone: the same callers, all on the same few nodes' blocks, so that servers which took from the
 * same blocks would fight over them. The two run between two runs of one, on a machine whose speed may change.
 */

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '6' },
    callers: { type: 'string', default: '64,256' },
    nodes: { type: 'string', default: '4' },
  },
})
const seconds = Number(options.seconds)
const callerCounts = options.callers.split(',').map(Number)
const nodes = Number(options.nodes)

const store = await startBenchEtcd()
try {
  const first = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
  await createPool(first.url, 'bench', '10.0.0.0/8')
  await load([first.url], 64, 2)
  const rows: Row[] = []
  for (const callers of callerCounts) {
    const before = await load([first.url], callers, seconds)
    const second = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
    await load([second.url], callers, 2)
    const together = await load([first.url, second.url], callers, seconds)
    await second.stop()
    const after = await load([first.url], callers, seconds)
    const alone = (before.perSecond + after.perSecond) / 2
    rows.push(
      { callers, servers: 1, 'assign/s': alone, 'p50 ms': (before.p50Ms + after.p50Ms) / 2, 'x one server': 1 },
      {
        callers,
        servers: 2,
        'assign/s': together.perSecond,
        'p50 ms': together.p50Ms,
        'x one server': together.perSecond / alone,
      },
    )
  }
  await first.stop()
  printTable(rows)
  await saveResults('servers', rows)
} finally {
  await store.stop()
}

/** All callers, spread over the servers; the slower half tells the latency. */
async function load(
  urls: readonly string[],
  callers: number,
  time: number,
): Promise<{ readonly perSecond: number; readonly p50Ms: number }> {
  const wishes = assigning(callers, nodes)
  const measured = await Promise.all(
    urls.map((url) => measureHttp(`${url}/ipam/v1/assign`, callers / urls.length, time, wishes)),
  )
  return {
    perSecond: measured.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p50Ms: Math.max(...measured.map(({ p50Ms }) => p50Ms)),
  }
}
