import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { Etcd3 } from 'etcd3'
import { type Crowd, type CrowdOutcome, measureCrowd, probe } from './crowd.ts'
import { measureByStatus, type Measurement } from './measure.ts'
import {
  type BenchServer,
  createPool,
  freePort,
  mostResident,
  resident,
  startBenchEtcd,
  startBenchServer,
} from './processes.ts'

/**
 * Ten times the load that a server can serve. First as many callers as it takes, to measure how many calls it serves and how fast; then
 * ten times as many, which call again as soon as they are refused. Refusals must come soon, served calls must be as fast as before, memory
 * must stay flat, and a refused call must hold nothing. The column `x served` is the ratio of calls asked to calls served: callers share
 * the machine with the server, and cannot ask faster than they get answers.
 *
 * Then crowds that open connections all the time: callers that wait as `Retry-After` says, and callers that do not. Meanwhile health
 * and metrics are asked for over new connections, at the port of the server and at the one for health. The best that is served, by fewer
 * callers of the same kind, is measured before and after each crowd. For callers that do not wait, the cheapest possible server shows how
 * fast these callers and this machine are. Arguments select parts by name: `steady`, `heeding`, `ignoring`.
 */

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '10' },
    limit: { type: 'string', default: '256' },
    batch: { type: 'string', default: '128' },
    times: { type: 'string', default: '10' },
  },
})
const seconds = Number(options.seconds)
const limit = Number(options.limit)
const callers = limit * Number(options.times)
const healthPort = await freePort()
const isSelected = (name: string): boolean => names.length === 0 || names.includes(name)

const store = await startBenchEtcd()
const etcd = new Etcd3({ hosts: store.endpoint })
try {
  const server = await startBenchServer({
    ETCD_ENDPOINTS: store.endpoint,
    IPPOOLD_QUEUE_LIMIT: String(limit),
    IPPOOLD_BATCH_OPERATIONS_MAX: options.batch,
    IPPOOLD_HEALTH_PORT: String(healthPort),
  })
  // Large enough that it never runs out.
  await createPool(server.url, 'bench', '10.0.0.0/8')
  if (isSelected('steady')) await measureSteady(server)
  else await measureCrowd(server.url, { callers: 64, requests: 1, seconds: 3 })
  for (const heedsRetryAfter of [true, false]) {
    if (!isSelected(heedsRetryAfter ? 'heeding' : 'ignoring')) continue
    for (const [count, requests] of [
      [1_000, 1],
      [4_000, 3],
    ] as const)
      await measureAndPrintCrowd(server.url, { callers: count, requests, seconds, heedsRetryAfter })
  }
  await server.stop()
} finally {
  etcd.close()
  await store.stop()
}

async function measureSteady(server: BenchServer): Promise<void> {
  const url = `${server.url}/ipam/v1/assign`
  await measureByStatus(url, limit, 2)
  const fitting = await measureByStatus(url, limit, seconds)
  const memory = { start: (await resident(server.pid)).now, most: 0, end: 0 }
  const before = await handles()
  const watching = new AbortController()
  const watched = mostResident(server.pid, watching.signal)
  const over = await measureByStatus(url, callers, seconds)
  watching.abort()
  memory.most = await watched
  await sleep(3_000)
  memory.end = (await resident(server.pid)).now
  print(fitting, over, memory)
  const served = (over.get(201)?.perSecond ?? 0) * seconds
  say(`handles in etcd: ${String((await handles()) - before)} more, answered with 201: ${served.toFixed(0)};`)
  say(`the difference may be as large as the ${String(callers)} calls that were cut off at the end`)
}

async function measureAndPrintCrowd(url: string, crowd: Crowd): Promise<void> {
  const few: Crowd = { ...crowd, callers: 64, seconds: 4 }
  const kind = crowd.heedsRetryAfter === true ? 'wait as Retry-After says' : 'call again at once'
  say('')
  say(`crowd: ${crowd.callers} callers, ${crowd.requests} requests over each connection; if refused, they ${kind}`)
  row(['callers', 'status', 'answers/s', 'x best', 'p50 ms', 'p99 ms', 'broken'])
  const best = await measureCrowd(url, few)
  printCrowd(few, best, best)
  const run = measureCrowd(url, crowd)
  await printHealth(url, run)
  printCrowd(crowd, await run, best)
  say('after the crowd, for 2 s:')
  await printHealth(url, sleep(2_000))
  printCrowd(few, await measureCrowd(url, few), best)
  if (crowd.heedsRetryAfter === true) return
  say('the same crowd, at a server that does nothing but refuse:')
  printCrowd(crowd, await measureAtBareServer({ ...crowd, seconds: 4 }), best)
}

async function measureAtBareServer(crowd: Crowd): Promise<CrowdOutcome> {
  const worker = new Worker(new URL('./bare-server.ts', import.meta.url))
  const [url] = (await once(worker, 'message')) as [string]
  const outcome = await measureCrowd(url, crowd)
  await worker.terminate()
  return outcome
}

/** Prints how the server and its port for health answer until `during` is over. */
async function printHealth(url: string, during: Promise<unknown>): Promise<void> {
  const health = `http://127.0.0.1:${healthPort}`
  const asked = [
    ...['/livez', '/readyz'].map((path) => ({ path, origin: url, where: 'server', intervalMs: 50 })),
    // To write all metrics takes the server some milliseconds: often enough to see how long they take, and not more.
    { path: '/metrics', origin: url, where: 'server', intervalMs: 500 },
    ...['/livez', '/readyz'].map((path) => ({ path, origin: health, where: 'port for health', intervalMs: 50 })),
  ]
  const found = asked.map(async ({ path, origin, where, intervalMs }) => {
    const { p50Ms, p99Ms, mostMs, failed } = await probe(`${origin}${path}`, intervalMs, during)
    const times = [p50Ms, p99Ms, mostMs].map((ms) => ms.toFixed(1))
    return `${path} at the ${where}: p50 ${times[0]} ms, p99 ${times[1]} ms, at most ${times[2]} ms, ${failed} failed`
  })
  for (const line of await Promise.all(found)) say(line)
}

function printCrowd({ callers: count }: Crowd, { answers, broken }: CrowdOutcome, best: CrowdOutcome): void {
  const bestPerSecond = best.answers.get(201)?.perSecond ?? NaN
  for (const [status, { perSecond, p50Ms, p99Ms }] of [...answers].sort(([left], [right]) => left - right)) {
    const numbers = [perSecond.toFixed(0), (perSecond / bestPerSecond).toFixed(2), p50Ms.toFixed(1), p99Ms.toFixed(1)]
    row([String(count), String(status), ...numbers, String(broken)])
  }
}

function handles(): Promise<number> {
  return etcd.getAll().prefix('/calico/ipam/v2/handle/').count()
}

function print(
  fitting: ReadonlyMap<number, Measurement>,
  over: ReadonlyMap<number, Measurement>,
  memory: { readonly start: number; readonly most: number; readonly end: number },
): void {
  const served = fitting.get(201)?.perSecond ?? NaN
  say(`${String(seconds)} s each; limit ${String(limit)}, operations in a batch ${options.batch}`)
  row(['callers', 'status', 'answers/s', 'x served', 'share', 'p50 ms', 'p99 ms'])
  for (const [count, measured] of [
    [limit, fitting],
    [callers, over],
  ] as const) {
    const all = [...measured.values()].reduce((sum, { perSecond }) => sum + perSecond, 0)
    for (const [status, { perSecond, p50Ms, p99Ms }] of [...measured].sort(([left], [right]) => left - right)) {
      const numbers = [perSecond.toFixed(0), (perSecond / served).toFixed(2), (perSecond / all).toFixed(3)]
      row([String(count), String(status), ...numbers, p50Ms.toFixed(1), p99Ms.toFixed(1)])
    }
  }
  const { start, most, end } = memory
  say(`resident memory: ${start.toFixed(0)} MiB before, ${most.toFixed(0)} at the most, ${end.toFixed(0)} after`)
}

function row(cells: readonly string[]): void {
  say(cells.map((cell) => cell.padStart(9)).join(' '))
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
