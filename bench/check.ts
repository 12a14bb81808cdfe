import { parseArgs } from 'node:util'
import { Etcd3 } from 'etcd3'
import { affinities, blocks, handles } from '../src/model/index.ts'
import { formatCidr } from '../src/net/index.ts'
import { assigning } from './load.ts'
import { measureHttp } from './measure.ts'
import { createPool, processorMs, resident, startBenchEtcd, startBenchServer } from './processes.ts'
import { pool, seed } from './seed.ts'

/**
 * A check of many addresses: how long it takes beside reading the same keys raw, in pages of the same size, and the memory that it takes
 * beside the server's own. And how many assigns other callers get while it goes on, beside those that they get without it.
 */

const { values: options } = parseArgs({
  options: { held: { type: 'string', default: '1000000' }, seconds: { type: 'string', default: '5' } },
})
/** How many call meanwhile, and on how many nodes. */
const callers = 16
const held = Number(options.held)

const store = await startBenchEtcd()
try {
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0' })
  await createPool(server.url, 'bench', formatCidr(pool))
  // The data set nearly fills that one.
  await createPool(server.url, 'more', '172.16.0.0/12')
  await server.stop()
  await seed(store.endpoint, held)
  const raw = await readRaw(store.endpoint)
  const fresh = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0' })
  const before = await resident(fresh.pid)
  const processorBefore = await processorMs(fresh.pid)
  const first = await check(fresh.url)
  const processor = (await processorMs(fresh.pid)) - processorBefore
  const after = await resident(fresh.pid)
  const second = await check(fresh.url)
  const again = await resident(fresh.pid)
  const assign = (): ReturnType<typeof measureHttp> =>
    measureHttp(`${fresh.url}/ipam/v1/assign`, callers, Number(options.seconds), assigning(callers, callers))
  await assign()
  const without = [await assign()]
  const checking = check(fresh.url)
  const meanwhile = await assign()
  const beside = await checking
  without.push(await assign())
  const perSecond = without.reduce((sum, one) => sum + one.perSecond, 0) / without.length
  await fresh.stop()
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  process.stdout.write(
    [
      `${String(held)} addresses: ${String(raw.keys)} keys, ${(raw.bytes / 2 ** 20).toFixed(0)} MiB`,
      `read raw in ${seconds(raw.ms)}; checked in ${seconds(first)} (${seconds(processor)} of the server's processor), and again in ${seconds(second)}: ${(first / raw.ms).toFixed(2)} and ${(second / raw.ms).toFixed(2)} times as long`,
      `resident ${before.now.toFixed(0)} MiB before, at most ${before.peak.toFixed(0)} at the start; ${after.now.toFixed(0)} after, at most ${after.peak.toFixed(0)}; after another one at most ${again.peak.toFixed(0)}`,
      `${String(callers)} callers meanwhile: ${meanwhile.perSecond.toFixed(0)} assigns a second beside ${perSecond.toFixed(0)} without a check, x ${(meanwhile.perSecond / perSecond).toFixed(2)}; the check then took ${seconds(beside)}`,
      '',
    ].join('\n'),
  )
} finally {
  await store.stop()
}

/** Reads what a check reads, and makes nothing of it. */
async function readRaw(
  endpoint: string,
): Promise<{ readonly keys: number; readonly bytes: number; readonly ms: number }> {
  const etcd = new Etcd3({ hosts: endpoint, grpcOptions: { 'grpc.max_receive_message_length': -1 } })
  const begin = performance.now()
  let keys = 0
  let bytes = 0
  for (const [{ prefix }, limit] of [
    [blocks, 50],
    [affinities, 1_000],
    [handles, 10_000],
  ] as const) {
    const end = Buffer.from(`${prefix.slice(0, -1)}0`)
    for (let start = Buffer.from(prefix), more = true; more; ) {
      const page = await etcd.kv.range({ key: start, range_end: end, limit })
      for (const pair of page.kvs) bytes += pair.key.length + pair.value.length
      keys += page.kvs.length
      const last = page.kvs.at(-1)
      more = page.more && last !== undefined
      start = Buffer.concat([last?.key ?? start, Buffer.from([0])])
    }
  }
  etcd.close()
  return { keys, bytes, ms: performance.now() - begin }
}

/** How long a check takes, in milliseconds. Throws when it finds anything. */
async function check(url: string): Promise<number> {
  const begin = performance.now()
  const response = await fetch(`${url}/ipam/v1/check`)
  const text = await response.text()
  const ms = performance.now() - begin
  if (!text.includes('"findings":[],"isComplete":true')) throw new Error(text.slice(0, 1_000))
  return ms
}
