import { parseArgs } from 'node:util'
import { formatCidr } from '../src/net/index.ts'
import { addressesPerNode, attributes } from './load.ts'
import { type Load, measureHttp, type Measurement } from './measure.ts'
import { plot, type Series } from './plot.ts'
import {
  type BenchEtcd,
  type BenchServer,
  createPool,
  resident,
  startBenchEtcd,
  startBenchServer,
} from './processes.ts'
import { printTable, savePlot, saveResults } from './results.ts'
import { node, pool, seed } from './seed.ts'

/**
 * A server on data sets of more and more addresses, beside the same server on an empty one: time to start, memory, and duration of an
 * assign. The data is what the server itself would have written, on 500 nodes.
 */

const { values: options } = parseArgs({
  options: {
    /** Numbers of addresses held; the others are compared with the first. */
    held: { type: 'string', default: '0,10000,100000,1000000' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
  },
})
const heldCounts = options.held.split(',').map(Number)
const seconds = Number(options.seconds)
const rounds = Number(options.rounds)

/** A server on one data set. */
interface Subject {
  readonly held: number
  readonly store: BenchEtcd
  readonly server: BenchServer
  readonly startMs: number
  readonly startedMiB: number
}

/** The figures of a server on one data set. */
interface Figures {
  readonly held: number
  readonly startMs: number
  readonly residentMiB: { readonly started: number; readonly loaded: number; readonly peak: number }
  readonly many: Measurement
  readonly alone: Measurement
}

const subjects: Subject[] = []
try {
  for (const held of heldCounts) subjects.push(await prepare(held))
  await report(await measure())
} finally {
  for (const { server, store } of subjects) {
    await server.stop()
    await store.stop()
  }
}

async function prepare(held: number): Promise<Subject> {
  const store = await startBenchEtcd()
  const first = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
  await createPool(first.url, 'bench', formatCidr(pool))
  // The largest data set nearly fills that one.
  await createPool(first.url, 'more', '172.16.0.0/12')
  await first.stop()
  await seed(store.endpoint, held)
  const begin = performance.now()
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
  const startMs = performance.now() - begin
  return { held, store, server, startMs, startedMiB: (await resident(server.pid)).now }
}

/** Puts load on the servers in turn, several times, so that changes in the machine's speed affect all alike. */
async function measure(): Promise<readonly Figures[]> {
  const assign = ({ server }: Subject, callers: number, time: number): Promise<Measurement> =>
    measureHttp(`${server.url}/ipam/v1/assign`, callers, time, wishes(callers))
  const measured = subjects.map((subject) => ({ subject, many: [] as Measurement[], alone: [] as Measurement[] }))
  for (const subject of subjects) await assign(subject, 16, 3)
  for (let round = 0; round < rounds; round++) {
    for (const { subject, many } of measured) many.push(await assign(subject, 64, seconds))
    for (const { subject, alone } of measured) alone.push(await assign(subject, 1, seconds))
  }
  return Promise.all(
    measured.map(async ({ subject: { held, server, startMs, startedMiB }, many, alone }) => {
      const { now: loaded, peak } = await resident(server.pid)
      const residentMiB = { started: startedMiB, loaded, peak }
      return { held, startMs, residentMiB, many: middleOf(many), alone: middleOf(alone) }
    }),
  )
}

/** The run with the median throughput. */
function middleOf(measured: readonly Measurement[]): Measurement {
  const sorted = measured.toSorted((one, other) => one.perSecond - other.perSecond)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('Nothing was measured.')
  return middle
}

/** Assigns on the nodes of the data set; each node has a few more blocks at the end. */
function wishes(callers: number): Load {
  return {
    body: (caller, turn) => ({
      node: node(turn * callers + caller),
      maxBlocksPerNode: 1_000_000,
      attributes: attributes(caller),
    }),
    callsPerTurn: addressesPerNode,
  }
}

async function report(figures: readonly Figures[]): Promise<void> {
  const [first] = figures
  if (first === undefined) return
  const rows = figures.map(({ held, startMs, residentMiB, many, alone }) => ({
    held,
    'ready after s': startMs / 1_000,
    'resident MiB': residentMiB.started,
    'under load': residentMiB.loaded,
    'at most': residentMiB.peak,
    '64 callers/s': many.perSecond,
    'x first': many.perSecond / first.many.perSecond,
    'p50 ms': many.p50Ms,
    'p50 x first': many.p50Ms / first.many.p50Ms,
    'one caller p50 ms': alone.p50Ms,
    'one x first': alone.p50Ms / first.alone.p50Ms,
  }))
  printTable(rows)
  await saveResults('scale', rows)
  const line = (name: string, of: (figures: Figures) => number): Series => ({
    name,
    points: figures.map((each) => ({ x: each.held, y: of(each) })),
  })
  await savePlot(
    'held',
    plot([
      {
        title: 'Throughput against addresses held',
        xLabel: 'addresses held',
        yLabel: 'assigns per second, 64 callers',
        series: [line('assign', ({ many }) => many.perSecond)],
      },
      {
        title: 'Latency against addresses held',
        xLabel: 'addresses held',
        yLabel: 'milliseconds',
        series: [
          line('64 callers, p50', ({ many }) => many.p50Ms),
          line('one caller, p50', ({ alone }) => alone.p50Ms),
        ],
      },
    ]),
  )
}
