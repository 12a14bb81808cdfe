import { parseArgs } from 'node:util'
import { formatCidr } from '../src/net/index.ts'
import { measureHttp, type Measurement } from './measure.ts'
import { createPool, resident, startBenchEtcd, startBenchServer } from './processes.ts'
import { attributes, node, pool, seed } from './seed.ts'

/**
 * A server on a data set of many addresses beside the same server on an empty one: how long it takes to start, the memory it
 * takes, and what an assign takes. The data are what the server itself would have written, on 500 nodes.
 */

const { values: options } = parseArgs({
  options: {
    held: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '5' },
  },
})
const held = Number(options.held)
const seconds = Number(options.seconds)

/** What a server does on one data set. */
interface Figures {
  readonly startMs: number
  readonly residentMiB: { readonly started: number; readonly loaded: number; readonly peak: number }
  readonly many: Measurement
  readonly alone: Measurement
}

const empty = await measure(0)
const full = await measure(held)
print(empty, full)

async function measure(heldCount: number): Promise<Figures> {
  const store = await startBenchEtcd()
  try {
    const first = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
    await createPool(first.url, 'bench', formatCidr(pool))
    await first.stop()
    await seed(store.endpoint, heldCount)
    const begin = performance.now()
    const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
    const startMs = performance.now() - begin
    const started = await resident(server.pid)
    const assign = (callers: number, time: number): Promise<Measurement> =>
      measureHttp(`${server.url}/ipam/v1/assign`, callers, time, body)
    await assign(16, 3)
    const many = await assign(64, seconds)
    const alone = await assign(1, seconds)
    const loaded = await resident(server.pid)
    await server.stop()
    return { startMs, residentMiB: { started: started.now, loaded: loaded.now, peak: loaded.peak }, many, alone }
  } finally {
    await store.stop()
  }
}

function body(caller: number): object {
  return { node: node(caller), maxBlocksPerNode: 1_000_000, attributes: attributes(caller) }
}

function print(before: Figures, after: Figures): void {
  const ratio = (one: number, other: number): string => (one / other).toFixed(2)
  const line = (name: string, { startMs, residentMiB, many, alone }: Figures): string =>
    [
      name.padStart(12),
      `ready after ${(startMs / 1_000).toFixed(1)} s`,
      `resident ${residentMiB.started.toFixed(0)} MiB, under load ${residentMiB.loaded.toFixed(0)}, at most ${residentMiB.peak.toFixed(0)}`,
      `64 callers ${many.perSecond.toFixed(0)}/s, p50 ${many.p50Ms.toFixed(2)} ms`,
      `one caller p50 ${alone.p50Ms.toFixed(2)} ms`,
    ].join('; ')
  process.stdout.write(
    [
      line('empty', before),
      line(`${String(held)} held`, after),
      `ratios to empty: throughput ${ratio(after.many.perSecond, before.many.perSecond)}, p50 of 64 callers ${ratio(after.many.p50Ms, before.many.p50Ms)}, of one ${ratio(after.alone.p50Ms, before.alone.p50Ms)}`,
      '',
    ].join('\n'),
  )
}
