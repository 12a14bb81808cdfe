import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Etcd3, type IKeyValue, type IRequestOp } from 'etcd3'
import { affinities, blocks, handles } from '../src/model/index.ts'
import { formatCidr } from '../src/net/index.ts'
import { createPool, mostResident, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, type Row, saveResults } from './results.ts'
import { pool, seed } from './seed.ts'

/**
 * Moves many addresses from one server to another by `ippool export` and `ippool import`: how long it takes, and how much memory the
 * command and the server take, beside reading the same keys raw, and writing them raw into another etcd. An import is repeated, too.
 */

const { values: options } = parseArgs({ options: { held: { type: 'string', default: '1000000' } } })
const held = Number(options.held)

/** Keys of a raw page; a block has 20 kB. And of a raw transaction: as many as one call of the import writes for a full block. */
const keysAtOnce = { digests: 40, recent: 1_000, values: 1_000 } as const
const keysOfTransaction = 66
const transactionsAtOnce = 16

const folder = await mkdtemp(join(tmpdir(), 'ippool-bench-'))
const file = join(folder, 'export.jsonl')
const rows: Row[] = []
const noUpkeep = { IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0' }

const source = await startBenchEtcd()
let rawReadMs: number
let rawWriteMs: number
try {
  const preparing = await startBenchServer({ ETCD_ENDPOINTS: source.endpoint, ...noUpkeep })
  await createPool(preparing.url, 'bench', formatCidr(pool))
  await preparing.stop()
  await seed(source.endpoint, held)
  const copy = await startBenchEtcd()
  rawReadMs = await timed(() => readRaw(source.endpoint, () => Promise.resolve()))
  rawWriteMs = (await timed(() => copyRaw(source.endpoint, copy.endpoint))) - rawReadMs
  await copy.stop()
  const server = await startBenchServer({ ETCD_ENDPOINTS: source.endpoint, ...noUpkeep })
  await measure('export', server, ['export', file], rawReadMs)
  await server.stop()
} finally {
  await source.stop()
}

const target = await startBenchEtcd()
try {
  const server = await startBenchServer({ ETCD_ENDPOINTS: target.endpoint, ...noUpkeep })
  await measure('import', server, ['import', file], rawWriteMs)
  await measure('import again', server, ['import', file], rawWriteMs)
  await server.stop()
} finally {
  await target.stop()
  await rm(folder, { recursive: true })
}
printTable(rows)
await saveResults('moving', rows)

/** Runs `ippool`, and adds a row of how long that takes, and of the most memory that it and the server take. */
async function measure(
  name: string,
  server: { readonly url: string; readonly pid: number },
  args: readonly string[],
  rawMs: number,
): Promise<void> {
  const ended = new AbortController()
  const begin = performance.now()
  const child = spawn(process.execPath, ['bin/ippool.js', ...args], {
    env: { ...process.env, IPPOOL_SERVER: server.url },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const most = [child.pid ?? 0, server.pid].map((pid) => mostResident(pid, ended.signal).catch(() => NaN))
  child.once('exit', () => {
    ended.abort()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  const ms = performance.now() - begin
  if (code !== 0) throw new Error(`ippool ${args.join(' ')} ended with ${String(code)}`)
  const [ofCommand = NaN, ofServer = NaN] = await Promise.all(most)
  rows.push({
    held,
    what: name,
    s: ms / 1_000,
    'raw s': rawMs / 1_000,
    'x raw': ms / rawMs,
    'addresses/s': (held / ms) * 1_000,
    'ippool MiB': ofCommand,
    'server MiB': ofServer,
    'file MiB': (await stat(file)).size / 2 ** 20,
  })
  printTable(rows.slice(-1))
}

async function timed(run: () => Promise<void>): Promise<number> {
  const begin = performance.now()
  await run()
  return performance.now() - begin
}

/** Reads the keys of blocks, handles and affinities, page by page. */
async function readRaw(endpoint: string, use: (page: readonly IKeyValue[]) => Promise<void>): Promise<void> {
  const etcd = new Etcd3({ hosts: endpoint })
  for (const { prefix, held: kept } of [blocks, handles, affinities]) {
    for (let from = Buffer.from(prefix), hasMore = true; hasMore; ) {
      const range = { key: from, range_end: Buffer.from(`${prefix}\uffff`), limit: keysAtOnce[kept] }
      const { kvs, more } = await etcd.kv.range(range)
      await use(kvs)
      from = Buffer.concat([kvs.at(-1)?.key ?? from, Buffer.from([0])])
      hasMore = more
    }
  }
  etcd.close()
}

/** Writes the same keys into another etcd, in transactions beside each other. */
async function copyRaw(from: string, to: string): Promise<void> {
  const etcd = new Etcd3({ hosts: to })
  const running = new Set<Promise<void>>()
  const put = async (success: IRequestOp[]): Promise<void> => {
    await etcd.kv.txn({ success })
  }
  await readRaw(from, async (page) => {
    const puts = page.map(({ key, value }) => ({ request_put: { key, value } }))
    for (let place = 0; place < puts.length; place += keysOfTransaction) {
      if (running.size >= transactionsAtOnce) await Promise.race(running)
      const run = put(puts.slice(place, place + keysOfTransaction)).finally(() => running.delete(run))
      running.add(run)
    }
  })
  await Promise.all(running)
  etcd.close()
}
