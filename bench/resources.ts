import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Etcd3 } from 'etcd3'
import { type BenchServer, createPool, mostResident, resident, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, type Row, saveResults } from './results.ts'
import { revisionIn, Watcher } from './watcher.ts'

/**
 * The resources as Kubernetes' clients use them. Lists of many pools, as JSON and as a table, beside one read of the same keys from etcd;
 * and changes with many watchers, each of which must see every change in order, beside the same changes without watchers.
 */

const { values: options } = parseArgs({
  options: {
    pools: { type: 'string', default: '1000' },
    lists: { type: 'string', default: '40' },
    watchers: { type: 'string', default: '200' },
    changes: { type: 'string', default: '10000' },
  },
})
const poolCount = Number(options.pools)
const listCount = Number(options.lists)
const watcherCount = Number(options.watchers)
const changeCount = Number(options.changes)

/** The pools that are changed, each by its own caller, so that no change waits for another. */
const callers = 16
/** Linux reports processor time in hundredths of a second, whatever its internal clock. */
const millisecondsPerTick = 10
const path = '/apis/projectcalico.org/v3/ippools'
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'

const store = await startBenchEtcd()
try {
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint, IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0' })
  for (let number = 0; number < poolCount; number++) {
    await createPool(server.url, poolName(number), `10.${String(number >> 8)}.${String(number & 255)}.0/24`)
  }
  const lists = await measureLists(server)
  printTable(lists)
  const changes = [await measureChanges(server, 0), await measureChanges(server, watcherCount)]
  // Whether memory grows with the number of changes.
  changes.push(await measureChanges(server, watcherCount))
  printTable(changes)
  await saveResults('resources', [...lists, ...changes])
  await server.stop()
} finally {
  await store.stop()
}

function poolName(number: number): string {
  return `pool-${String(number).padStart(4, '0')}`
}

/** Lists and reads of etcd in turns, so that other load on the machine affects all alike. */
async function measureLists(server: BenchServer): Promise<readonly Row[]> {
  const etcd = new Etcd3({ hosts: store.endpoint })
  const forms = [
    { list: 'one range of etcd', read: () => readRaw(etcd) },
    { list: 'JSON', read: () => list(server.url, 'application/json') },
    { list: 'table', read: () => list(server.url, table) },
  ].map((form) => ({ ...form, wallMs: [0].slice(1), serverMs: 0, bytes: 0 }))
  for (let round = -5; round < listCount; round++) {
    for (const form of forms) {
      const before = await processorMs(server.pid)
      const begin = performance.now()
      form.bytes = await form.read()
      const end = performance.now()
      // The first rounds warm up the compilers.
      if (round < 0) continue
      form.wallMs.push(end - begin)
      form.serverMs += (await processorMs(server.pid)) - before
    }
  }
  etcd.close()
  const raw = median(forms[0]?.wallMs ?? [])
  return forms.map(({ list, wallMs, serverMs, bytes }) => ({
    list,
    pools: poolCount,
    kB: bytes / 1_000,
    'p50 ms': median(wallMs),
    'x raw': median(wallMs) / raw,
    'server ms': serverMs / wallMs.length,
  }))
}

async function list(url: string, accept: string): Promise<number> {
  const response = await fetch(url + path, { headers: { accept } })
  const bytes = await response.arrayBuffer()
  if (!response.ok) throw new Error(Buffer.from(bytes).toString())
  return bytes.byteLength
}

/** Reads the keys that a list reads, in one transaction, and makes nothing of them. */
async function readRaw(etcd: Etcd3): Promise<number> {
  const prefixes = ['/calico/resources/v3/projectcalico.org/ippools/', '/ippoold/v1/annexes/ippools/']
  const success = prefixes.map((prefix) => ({
    request_range: { key: Buffer.from(prefix), range_end: Buffer.from(`${prefix.slice(0, -1)}0`) },
  }))
  const { responses } = await etcd.kv.txn({ success })
  const pairs = responses.flatMap(({ response_range: range }) => range.kvs)
  if (pairs.length !== 2 * poolCount) throw new Error(`${String(pairs.length)} keys were found.`)
  return pairs.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
}

/** Changes pools while `count` watchers follow. Throws unless each of them sees every change once and in order. */
async function measureChanges(server: BenchServer, count: number): Promise<Row> {
  const from = await newestRevision(server.url)
  const watchers = await Promise.all(Array.from({ length: count }, () => Watcher.open(server.url + path, from)))
  const memory = { before: (await resident(server.pid)).now, most: 0 }
  const done = new AbortController()
  const watched = mostResident(server.pid, done.signal)
  const [begin, processor] = [performance.now(), await processorMs(server.pid)]
  const revisions = await makeChanges(server.url)
  const changedMs = performance.now() - begin
  await Promise.all(watchers.map((watcher) => watcher.saw(changeCount)))
  const toldMs = performance.now() - begin
  const serverMs = (await processorMs(server.pid)) - processor
  done.abort()
  memory.most = await watched
  const wanted = createHash('sha256').update(revisions.join('\n')).digest('hex')
  for (const watcher of watchers) {
    if (watcher.digest() !== wanted) throw new Error('A watcher has seen something else than what was changed.')
    watcher.close()
  }
  await sleep(3_000)
  return {
    watchers: count,
    changes: changeCount,
    'changes/s': (changeCount / changedMs) * 1_000,
    'events/s': ((changeCount * count) / toldMs) * 1_000,
    'last told after ms': count === 0 ? '' : toldMs - changedMs,
    'server us/change': (serverMs / changeCount) * 1_000,
    'MiB before': memory.before,
    'MiB at most': memory.most,
    'MiB after': (await resident(server.pid)).now,
  }
}

/** Makes all changes, and gives the revisions that they made, in order. */
async function makeChanges(url: string): Promise<readonly bigint[]> {
  const revisions: bigint[] = []
  let made = 0
  const change = async (caller: number): Promise<void> => {
    while (made < changeCount) {
      const body = JSON.stringify({ metadata: { labels: { change: String(made++) } } })
      const response = await fetch(`${url}${path}/${poolName(caller)}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json' },
        body,
      })
      const text = await response.text()
      if (!response.ok) throw new Error(text)
      revisions.push(revisionIn(text))
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => change(caller)))
  return revisions.sort((left, right) => (left < right ? -1 : 1))
}

async function newestRevision(url: string): Promise<bigint> {
  return revisionIn(await (await fetch(`${url}${path}?limit=1`)).text())
}

/** The processor time of a process so far, all threads together. */
async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8')
  // The name of the program, the second field, may contain blanks.
  const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12)
  return (Number(user) + Number(system)) * millisecondsPerTick
}

function median(samples: readonly number[]): number {
  return [...samples].sort((left, right) => left - right)[samples.length >> 1] ?? NaN
}
