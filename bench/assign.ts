import { parseArgs } from 'node:util'
import { Etcd3 } from 'etcd3'
import { assigning } from './load.ts'
import { measureCalls, measureHttp, type Measurement } from './measure.ts'
import { plot, type Series } from './plot.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, savePlot, saveResults } from './results.ts'

/**
 * Assigns one address a call from a few to many callers, beside (a) raw puts of 100 bytes into the same etcd from as many callers
 * and (b) a server that commits every operation by itself; all in one run, because only the ratios mean something. Callers who name no
 * node share one block, those of a few nodes share a few: the fewer blocks, the more a commit does at once.
 */

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    callers: { type: 'string', default: '1,4,16,64,256' },
    /** The number of nodes that the callers are spread over; 0: they name none. The plot shows the first. */
    nodes: { type: 'string', default: '0,4,64' },
  },
})
const seconds = Number(options.seconds)
const nodeCounts = options.nodes.split(',').map(Number)
const callerCounts = options.callers.split(',').map(Number)

/** The figures of one server, by number of nodes, then by number of callers. */
type ByNodes = ReadonlyMap<number, readonly Measurement[]>

const store = await startBenchEtcd()

try {
  const first = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
  // Large enough that it never runs out.
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

/** Assigns on each number of nodes from each number of callers, after a warm-up. */
async function measureServer(settings: Readonly<Record<string, string>>): Promise<ByNodes> {
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, ...settings })
  const assign = (callers: number, nodes: number, time: number): Promise<Measurement> =>
    measureHttp(`${server.url}/ipam/v1/assign`, callers, time, assigning(callers, nodes))
  const measured = new Map<number, Measurement[]>()
  for (const nodes of nodeCounts) {
    const measurements: Measurement[] = []
    await assign(16, nodes, 2)
    for (const callers of callerCounts) measurements.push(await assign(callers, nodes, seconds))
    measured.set(nodes, measurements)
  }
  await server.stop()
  return measured
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

async function report(groupedBy: ByNodes, singleBy: ByNodes, puts: readonly Measurement[]): Promise<void> {
  process.stdout.write(`${seconds} s each\n`)
  const rows = nodeCounts.flatMap((nodes) =>
    callerCounts.flatMap((callers, index) => {
      const [group, alone, put] = [groupedBy.get(nodes)?.[index], singleBy.get(nodes)?.[index], puts[index]]
      if (group === undefined || alone === undefined || put === undefined) return []
      return {
        nodes,
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
    }),
  )
  printTable(rows)
  await saveResults('assign', rows)
  const [plotted = 0] = nodeCounts
  const grouped = groupedBy.get(plotted) ?? []
  const single = singleBy.get(plotted) ?? []
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
