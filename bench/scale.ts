import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Etcd3, type IRequestOp } from 'etcd3'
import {
  addToHandle,
  affinities,
  affinityKey,
  assignAutomatically,
  blockKey,
  blocks,
  confirmedAffinity,
  handleKey,
  handles,
  newBlock,
} from '../src/model/index.ts'
import { blockAt, formatCidr, mustParseCidr, prefixLength } from '../src/net/index.ts'
import { measureHttp, type Measurement } from './measure.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'

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

const pool = mustParseCidr('10.0.0.0/12')
const blockSize = prefixLength(4, 26) ?? pool.prefixLength
const addressesPerBlock = 64
const nodeCount = 500
const valuesPerTransaction = 60

const node = (number: number): string => `node-${String(number % nodeCount)}`

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

/** Attributes as Calico's CNI plugin gives them. */
function attributes(number: number): Readonly<Record<string, string>> {
  return { namespace: 'default', pod: `web-7c5ddbdf54-${String(number)}`, timestamp: '2026-11-23 04:00:01.5 +0000 UTC' }
}

function body(caller: number): object {
  return { node: node(caller), maxBlocksPerNode: 1_000_000, attributes: attributes(caller) }
}

/** Writes blocks that are full, with their handles and affinities, straight into etcd. */
async function seed(endpoint: string, heldCount: number): Promise<void> {
  const etcd = new Etcd3({ hosts: endpoint })
  const clock = BigInt(Date.now()) * 1_000_000n
  let batch: IRequestOp[] = []
  const flush = async (): Promise<void> => {
    const success = batch
    batch = []
    if (success.length > 0) await etcd.kv.txn({ success })
  }
  const put = async (key: string, value: string): Promise<void> => {
    batch.push({ request_put: { key: Buffer.from(key), value: Buffer.from(value) } })
    if (batch.length === valuesPerTransaction) await flush()
  }
  for (let number = 0; number * addressesPerBlock < heldCount; number++) {
    const cidr = blockAt(pool, blockSize, BigInt(number))
    const owner = { type: 'host', name: node(number) } as const
    let block = newBlock(cidr, owner, { nanoseconds: clock })
    for (let place = 0; place < addressesPerBlock; place++) {
      const address = number * addressesPerBlock + place
      const handle = `k8s-pod-network.${createHash('sha256').update(String(address)).digest('hex')}`
      const holder = { handle, secondary: { ...attributes(address), node: owner.name } }
      block = assignAutomatically(block, 1, () => false, holder).block
      await put(handleKey(handle).text, handles.encode(addToHandle(undefined, formatCidr(cidr), 1)))
    }
    await put(blockKey(cidr).text, blocks.encode(block))
    await put(affinityKey(owner, cidr).text, affinities.encode(confirmedAffinity))
  }
  await flush()
  etcd.close()
}

/** The resident memory of a process, in MiB: at present, and at its highest. */
async function resident(pid: number): Promise<{ readonly now: number; readonly peak: number }> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1_024
  return { now: field('VmRSS'), peak: field('VmHWM') }
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
