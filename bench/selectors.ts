import { parseArgs } from 'node:util'
import { measureHttp, type Measurement } from './measure.ts'
import { seedNodes } from './nodes.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'

/**
 * A server with many nodes and many pools, each pool for the nodes of one zone, beside the same server with one node and one pool:
 * what an assign on one node takes. Both are measured in turns, several times, in the same run; only the ratios mean something.
 */

const { values: options } = parseArgs({
  options: {
    nodes: { type: 'string', default: '5000' },
    pools: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
  },
})
const nodeCount = Number(options.nodes)
const poolCount = Number(options.pools)
const seconds = Number(options.seconds)
const rounds = Number(options.rounds)

/** The figures of a server on one data set. */
interface Figures {
  readonly many: Measurement
  readonly alone: Measurement
}

const few: Figures[] = []
const lots: Figures[] = []
for (let round = 0; round < rounds; round++) {
  few.push(await measure(1, 1))
  lots.push(await measure(nodeCount, poolCount))
}
print()

async function measure(nodesThere: number, poolsThere: number): Promise<Figures> {
  const store = await startBenchEtcd()
  try {
    const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
    await seedNodes(store.endpoint, nodesThere, poolCount)
    // Large enough that it never runs out. Its name comes last, so that every other pool is looked at before it.
    await createPool(server.url, 'zzz', '10.0.0.0/8', selectorOf(0))
    for (let number = 1; number < poolsThere; number++) {
      await createPool(server.url, `pool-${String(number)}`, `172.${String(number)}.0.0/16`, selectorOf(number))
    }
    const assign = (callers: number, time: number): Promise<Measurement> =>
      measureHttp(`${server.url}/ipam/v1/assign`, callers, time, {
        body: () => ({ node: 'node-0', maxBlocksPerNode: 1_000_000 }),
        callsPerTurn: Infinity,
      })
    await assign(16, 2)
    const figures = { many: await assign(64, seconds), alone: await assign(1, seconds) }
    await server.stop()
    return figures
  } finally {
    await store.stop()
  }
}

function selectorOf(zone: number): object {
  return {
    nodeSelector: `zone == 'zone-${String(zone)}' && has(kubernetes.io/hostname) && role not in {'edge', 'storage'}`,
  }
}

function print(): void {
  const line = (name: string, figures: readonly Figures[]): string =>
    [
      name.padStart(24),
      `64 callers ${median(figures, ({ many }) => many.perSecond).toFixed(0)}/s, p50 ${median(figures, ({ many }) => many.p50Ms).toFixed(2)} ms`,
      `one caller p50 ${median(figures, ({ alone }) => alone.p50Ms).toFixed(2)} ms`,
    ].join('; ')
  const ratio = (of: (figures: Figures) => number): string => (median(lots, of) / median(few, of)).toFixed(2)
  const lines = [
    `medians of ${String(rounds)} rounds, ${String(seconds)} s each`,
    line('1 node, 1 pool', few),
    line(`${String(nodeCount)} nodes, ${String(poolCount)} pools`, lots),
    `ratios to one: throughput ${ratio(({ many }) => many.perSecond)}, p50 of 64 callers ${ratio(({ many }) => many.p50Ms)}, of one ${ratio(({ alone }) => alone.p50Ms)}`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

function median(figures: readonly Figures[], of: (figures: Figures) => number): number {
  const sorted = figures.map(of).sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
