import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { type Measurement, summarise } from './measure.ts'
import { createPool, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, type Row, saveResults } from './results.ts'

/**
 * One greedy caller with 2,000 requests open beside ten modest ones with one each, and beside one; each caller has an address of its own.
 * The modest ones alone are measured before and after. Their load generator is a thread of its own: it must not wait for the one of the
 * greedy.
 */

/** Callers from one address, each of which sends its next request when it has the answer to the last. */
interface Group {
  readonly url: string
  readonly addresses: readonly string[]
  /** Requests that are open at once, from each address. */
  readonly open: number
  readonly seconds: number
}

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      seconds: { type: 'string', default: '8' },
      open: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '3' },
    },
  })
  const seconds = Number(options.seconds)
  const store = await startBenchEtcd()
  const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
  const rows: Row[] = []
  try {
    const { url } = server
    await createPool(url, 'bench', '10.0.0.0/8')
    const greedy = { url, addresses: ['127.0.0.100'], open: Number(options.open) }
    const modest = (count: number): Omit<Group, 'seconds'> => {
      return { url, addresses: Array.from({ length: count }, (_, index) => `127.0.0.${index + 2}`), open: 1 }
    }
    const measure = (group: Omit<Group, 'seconds'>, time = seconds): Promise<Measurement> =>
      run({ ...group, seconds: time })
    await measure({ ...modest(10), open: 8 }, 5)
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const count of [10, 1]) {
        const before = await measure(modest(count))
        const crowd = measure(greedy, seconds + 2)
        await new Promise((resolve) => setTimeout(resolve, 2_000))
        const beside = await measure(modest(count))
        const greedyBeside = await crowd
        const after = await measure(modest(count))
        const p50 = (before.p50Ms + after.p50Ms) / 2
        const p99 = (before.p99Ms + after.p99Ms) / 2
        rows.push({
          modest: count,
          'alone p50': p50,
          'alone p99': p99,
          'beside p50': beside.p50Ms,
          'beside p99': beside.p99Ms,
          'x p50': beside.p50Ms / p50,
          'x p99': beside.p99Ms / p99,
          'alone/s': (before.perSecond + after.perSecond) / 2,
          'modest/s': beside.perSecond,
          'greedy/s': greedyBeside.perSecond,
        })
      }
      const alone = await measure(greedy)
      rows.push({ ...blank(rows[0]), modest: 0, 'greedy/s': alone.perSecond })
    }
  } finally {
    await server.stop()
    await store.stop()
  }
  printTable(rows)
  await saveResults('fairness', rows)
}

function blank(row: Row = {}): Row {
  return Object.fromEntries(Object.keys(row).map((name) => [name, '']))
}

async function run(group: Group): Promise<Measurement> {
  const worker = new Worker(new URL(import.meta.url), { workerData: group })
  const [measured] = (await once(worker, 'message')) as [Measurement]
  await worker.terminate()
  return measured
}

async function measureGroup({ url, addresses, open, seconds }: Group): Promise<Measurement> {
  const samples: number[] = []
  const port = Number(new URL(url).port)
  const callers = addresses.flatMap((address) => Array.from({ length: open }, () => address))
  const sockets = callers.map((localAddress) => connect({ port, host: '127.0.0.1', localAddress, noDelay: true }))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const begin = performance.now()
  const end = begin + seconds * 1_000
  await Promise.all(sockets.map((socket) => call(socket, end, samples)))
  for (const socket of sockets) socket.destroy()
  return summarise(samples, (performance.now() - begin) / 1_000)
}

const request =
  'POST /ipam/v1/assign HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'

/** Assigns one address after the other over a connection, until `end`. */
function call(socket: Socket, end: number, samples: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let start = 0
    let received = ''
    const send = (): void => {
      start = performance.now()
      received = ''
      socket.write(request)
    }
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const head = received.indexOf('\r\n\r\n')
      const length = Number(/^content-length: (\d+)/im.exec(received)?.[1] ?? 0)
      if (head < 0 || received.length < head + 4 + length) return
      // On a machine that is too slow for so many, calls of the greedy wait in vain, and are refused.
      if (received.startsWith('HTTP/1.1 201')) samples.push(performance.now() - start)
      if (performance.now() < end) send()
      else resolve()
    })
    socket.once('error', reject)
    send()
  })
}

if (isMainThread) await main()
else parentPort?.postMessage(await measureGroup(workerData as Group))
