import { parseArgs } from 'node:util'
import { Etcd3, type IRequestOp } from 'etcd3'
import { assignAutomatically, blockKey, blocks, handleKey, handles, newBlock } from '../src/model/index.ts'
import { blockAt, type Cidr, formatCidr, prefixLength } from '../src/net/index.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'
import { pool } from './seed.ts'

/**
 * A handle with an address in each of many blocks: how long it takes to read, to ensure and to release it, beside reading and writing the
 * same blocks raw.
 */

const { values: options } = parseArgs({ options: { blocks: { type: 'string', default: '10000' } } })
const blockCount = Number(options.blocks)

/** Blocks in one raw transaction: as many as etcd takes, with some room. */
const rawAtOnce = 120

const handle = 'wide'
const cidrs = Array.from({ length: blockCount }, (_, number) =>
  blockAt(pool, prefixLength(4, 26) ?? pool.prefixLength, BigInt(number)),
)

const store = await startBenchEtcd()
const etcd = new Etcd3({ hosts: store.endpoint })
try {
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0' })
  await createPool(server.url, 'bench', formatCidr(pool))
  await server.stop()
  const written = await timed(seed)
  const read = await timed(readRaw)
  const fresh = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0' })
  const call = (method: string, body?: object, query = ''): Promise<number> =>
    timed(async () => {
      const response = await fetch(`${fresh.url}/ipam/v1/handles/${handle}${query}`, {
        method,
        ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      })
      const text = await response.text()
      if (!response.ok) process.stdout.write(`${method} answered ${String(response.status)}: ${text.slice(0, 300)}\n`)
    })
  const lines: (readonly [string, number, number])[] = [
    ['GET', await call('GET'), read],
    ['GET again', await call('GET'), read],
    ['PUT, nothing missing', await call('PUT', { ipv4: 1 }), read],
    ['DELETE', await call('DELETE'), written],
  ]
  await seed()
  lines.push(['PUT that releases all but one', await call('PUT', { ipv4: 1 }, '?exact=true'), written])
  await fresh.stop()
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`
  process.stdout.write(
    [
      `a handle over ${String(blockCount)} blocks: read raw in ${seconds(read)}, written raw in ${seconds(written)}`,
      ...lines.map(([name, ms, raw]) => `${name}: ${seconds(ms)}, ${(ms / raw).toFixed(1)} times as long as raw`),
      '',
    ].join('\n'),
  )
} finally {
  etcd.close()
  await store.stop()
}

/** Writes the blocks, each with one address of the handle, and the handle. */
async function seed(): Promise<void> {
  const clock = { nanoseconds: BigInt(Date.now()) * 1_000_000n }
  for (const some of parts(cidrs)) {
    const success = some.map((cidr): IRequestOp => {
      const { block } = assignAutomatically(newBlock(cidr, null, clock), 1, () => false, { handle })
      return { request_put: { key: Buffer.from(blockKey(cidr).text), value: Buffer.from(blocks.encode(block)) } }
    })
    await etcd.kv.txn({ success })
  }
  const counts = new Map(cidrs.map((cidr) => [formatCidr(cidr), 1]))
  await etcd.put(handleKey(handle).text).value(handles.encode({ blocks: counts, deleted: false, unknownFields: {} }))
}

/** Reads the blocks, and makes nothing of them. */
async function readRaw(): Promise<void> {
  for (const some of parts(cidrs)) {
    await etcd.kv.txn({ success: some.map((cidr) => ({ request_range: { key: Buffer.from(blockKey(cidr).text) } })) })
  }
}

function* parts(all: readonly Cidr[]): Iterable<readonly Cidr[]> {
  for (let start = 0; start < all.length; start += rawAtOnce) yield all.slice(start, start + rawAtOnce)
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begin = performance.now()
  await work()
  return performance.now() - begin
}
