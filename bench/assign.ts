import { parseArgs } from 'node:util'
import { Etcd3 } from 'etcd3'
import { measureCalls, measureHttp, type Measurement } from './measure.ts'
import { plot, type Series } from './plot.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, savePlot, saveResults } from './results.ts'

/**
 * Assigns one address a call from a few to many callers, beside (a) raw puts of 100 bytes into the same etcd from as many callers
 * and (b) a server that commits every operation by itself; all in one run, because only the ratios mean something.
 */

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    callers: { type: 'string', default: '1,4,16,64,256' },
    /** Over how many nodes the callers are spread; 0: no node. */
    nodes: { type: 'string', default: '4' },
  },
})
const seconds = Number(options.seconds)
const nodes = Number(options.nodes)

const callerCounts = options.callers.split(',').map(Number)
const store = await startBenchEtcd()

try {
  const first = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
  // Far larger than what is assigned.
  await createPool(first.url, 'bench', '10.0.0.0/8')
  await first.stop()
  // One server at a time: another one would follow every change, and take its share of the machine.
  const grouped = await measureServer({})
  const single = await measureServer({ IPPOOLD_BATCH_OPERATIONS_MAX: '1' })
  const puts = await measurePuts()
  await report(grouped, single, puts)
} finally {
  await store.stop()
}

/** Assigns from each number of callers, after a warm-up. */
async function measureServer(settings: Readonly<Record<string, string>>): Promise<readonly Measurement[]> {
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, ...settings })
  const assign = (callers: number, time: number): Promise<Measurement> =>
    measureHttp(`${server.url}/ipam/v1/assign`, callers, time, body)
  await assign(16, 2)
  const measurements: Measurement[] = []
  for (const callers of callerCounts) measurements.push(await assign(callers, seconds))
  await server.stop()
  return measurements
}

function body(caller: number): object {
  return {
    ...(nodes === 0 ? {} : { node: `node-${String(caller % nodes)}`, maxBlocksPerNode: 1_000_000 }),
    attributes: { namespace: 'default', pod: `web-${String(caller)}`, timestamp: '2026-11-23 04:00:01.5 +0000 UTC' },
  }
}

async function measurePuts(): Promise<readonly Measurement[]> {
  const etcd = new Etcd3({ hosts: store.endpoint })
  const value = Buffer.alloc(100, 'x')
  const put = (caller: number): Promise<unknown> =>
    etcd
      .put(`/bench/${String(caller)}`)
      .value(value)
      .exec()
  await measureCalls(16, 1, put)
  const measurements: Measurement[] = []
  for (const callers of callerCounts) measurements.push(await measureCalls(callers, seconds, put))
  etcd.close()
  return measurements
}

async function report(
  grouped: readonly Measurement[],
  single: readonly Measurement[],
  puts: readonly Measurement[],
): Promise<void> {
  process.stdout.write(`${seconds} s each, ${nodes === 0 ? 'no node' : `${nodes} nodes`}\n`)
  const rows = callerCounts.flatMap((callers, index) => {
    const [group, alone, put] = [grouped[index], single[index], puts[index]]
    if (group === undefined || alone === undefined || put === undefined) return []
    return {
      callers,
      'assign/s': group.perSecond,
      'p50 ms': group.p50Ms,
      'p99 ms': group.p99Ms,
      'single/s': alone.perSecond,
      'x single': group.perSecond / alone.perSecond,
      'put/s': put.perSecond,
      'x put': group.perSecond / put.perSecond,
      'put p50 ms': put.p50Ms,
      'p50 / put': group.p50Ms / put.p50Ms,
    }
  })
  printTable(rows)
  await saveResults('assign', rows)
  const line = (name: string, measured: readonly Measurement[], of: (one: Measurement) => number): Series => ({
    name,
    points: measured.map((measurement, index) => ({ x: callerCounts[index] ?? 0, y: of(measurement) })),
  })
  const perSecond = ({ perSecond }: Measurement): number => perSecond
  const p50 = ({ p50Ms }: Measurement): number => p50Ms
  await savePlot(
    'callers',
    plot([
      {
        title: 'Throughput against callers',
        xLabel: 'callers',
        yLabel: 'per second',
        series: [
          line('assign', grouped, perSecond),
          line('one operation a commit', single, perSecond),
          line('raw puts', puts, perSecond),
        ],
      },
      {
        title: 'Latency against callers',
        xLabel: 'callers',
        yLabel: 'milliseconds',
        series: [
          line('assign p50', grouped, p50),
          line('assign p99', grouped, ({ p99Ms }) => p99Ms),
          line('put p50', puts, p50),
        ],
      },
    ]),
  )
}
