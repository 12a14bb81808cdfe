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
import { plot, type Series } from './plot.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, savePlot, saveResults } from './results.ts'

/**
 * A server on data sets of more and more addresses, beside the same server on an empty one: how long it takes to start, the memory
 * it takes, and what an assign takes. The data are what the server itself would have written, on 500 nodes.
 */

const { values: options } = parseArgs({
  options: {
    /** How many addresses are held; the first is what the others are compared with. */
    held: { type: 'string', default: '0,10000,100000,1000000' },
    seconds: { type: 'string', default: '5' },
  },
})
const heldCounts = options.held.split(',').map(Number)
const seconds = Number(options.seconds)

const pool = mustParseCidr('10.0.0.0/12')
const blockSize = prefixLength(4, 26) ?? pool.prefixLength
const addressesPerBlock = 64
const nodeCount = 500
const valuesPerTransaction = 60

const node = (number: number): string => `node-${String(number % nodeCount)}`

/** What a server does on one data set. */
interface Figures {
  readonly held: number
  readonly startMs: number
  readonly residentMiB: { readonly started: number; readonly loaded: number; readonly peak: number }
  readonly many: Measurement
  readonly alone: Measurement
}

const figures: Figures[] = []
for (const held of heldCounts) figures.push(await measure(held))
await report(figures)

async function measure(held: number): Promise<Figures> {
  const store = await startBenchEtcd()
  try {
    const first = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
    await createPool(first.url, 'bench', formatCidr(pool))
    await first.stop()
    await seed(store.endpoint, held)
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
    return { held, startMs, residentMiB: { started: started.now, loaded: loaded.now, peak: loaded.peak }, many, alone }
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
async function seed(endpoint: string, held: number): Promise<void> {
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
  for (let number = 0; number * addressesPerBlock < held; number++) {
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
