import { parseArgs } from 'node:util'
import { formatCidr } from '../src/net/index.ts'
import { measureByStatus } from './measure.ts'
import { type BenchServer, createPool, processorMs, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, type Row, saveResults } from './results.ts'
import { pool, seed } from './seed.ts'

/**
 * Assigns that are refused because a pool is full, beside those that are granted, with more and more addresses held: a refusal must not
 * cost more because other pools, or the full one itself, are large.
 */

const { values: options } = parseArgs({
  options: {
    /** Numbers of addresses held. The largest fills the pool of the data set. */
    held: { type: 'string', default: '0,65536,1048576' },
    seconds: { type: 'string', default: '3' },
    callers: { type: 'string', default: '16' },
  },
})
const seconds = Number(options.seconds)
const callers = Number(options.callers)

const rows: Row[] = []
for (const held of options.held.split(',').map(Number)) rows.push(...(await measure(held)))
printTable(rows)
await saveResults('refusals', rows)

/** Measures on one data set. */
async function measure(held: number): Promise<readonly Row[]> {
  const store = await startBenchEtcd()
  const settings = { ETCD_ENDPOINTS: store.endpoint, IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0' }
  try {
    const first = await startBenchServer(settings)
    await createPool(first.url, 'large', formatCidr(pool))
    await createPool(first.url, 'small', '172.16.0.0/29', { blockSize: 29 })
    await createPool(first.url, 'open', '172.20.0.0/14')
    await measureByStatus(`${first.url}/ipam/v1/assign`, 1, 1, { pools: ['small'] })
    await first.stop()
    await seed(store.endpoint, held)
    const server = await startBenchServer(settings)
    try {
      const granted = await figures(server, held, 'granted', ['open'], 201)
      const refused = [
        await figures(server, held, 'refused, of 8 addresses', ['small'], 409),
        ...(held === 2 ** 20 ? [await figures(server, held, 'refused, of 1,048,576', ['large'], 409)] : []),
      ]
      const share = (row: Row): Row => ({ ...row, 'x granted': Number(row['calls/s']) / Number(granted['calls/s']) })
      return [granted, ...refused].map(share)
    } finally {
      await server.stop()
    }
  } finally {
    await store.stop()
  }
}

/** Requests one address of `pools` again and again, all of which must be answered with `status`. */
async function figures(
  server: BenchServer,
  held: number,
  calls: string,
  pools: readonly string[],
  status: number,
): Promise<Row> {
  const url = `${server.url}/ipam/v1/assign`
  await measureByStatus(url, callers, 2, { pools })
  const before = await processorMs(server.pid)
  const measured = await measureByStatus(url, callers, seconds, { pools })
  const used = (await processorMs(server.pid)) - before
  const one = measured.get(status)
  if (one === undefined || measured.size > 1) throw new Error(`Answers were ${[...measured.keys()].join()}.`)
  return {
    held,
    calls,
    'calls/s': one.perSecond,
    'p50 ms': one.p50Ms,
    'p99 ms': one.p99Ms,
    'server ms a call': used / (one.perSecond * seconds),
  }
}
