import { groupBy } from './group.ts'
import { setTimeout as pause } from 'node:timers/promises'
import { check } from './checker.ts'
import { Cluster } from './cluster.ts'
import { scheduleFaults, strike } from './faults.ts'
import { Random } from './random.ts'
import { Recorder } from './recorder.ts'
import { retrace } from './retrace.ts'
import { Stranger } from './stranger.ts'
import { Traffic } from './traffic.ts'

/** The settings of a run. */
export interface Settings {
  readonly durationMs: number
  readonly seed: number
  readonly servers: number
  readonly callers: number
  /** How many pools another writer has and changes, straight in etcd; none unless given. */
  readonly strangerPools?: number
  /** How long everything may take to be ready again after a fault. */
  readonly patienceMs: number
}

/** How a run came out: every line of `problems` makes it a failure. */
export interface Report {
  readonly problems: readonly string[]
  readonly lines: readonly string[]
}

/** Runs traffic under faults against a cluster of its own, and checks what came of it. Tells what it does by `say`. */
export async function runFaults(settings: Settings, say: (line: string) => void): Promise<Report> {
  const { durationMs, seed, servers, callers, patienceMs, strangerPools = 0 } = settings
  say(`seed ${seed}: ${durationMs / 1_000} s, ${servers} servers, ${callers} callers`)
  const schedule = scheduleFaults(new Random(seed), durationMs)
  for (const { kind, target, atMs, lastsMs } of schedule)
    say(`  at ${Math.round(atMs)} ms for ${lastsMs} ms: ${kind} (${target})`)
  const cluster = await Cluster.start(servers, patienceMs)
  const endpoints = cluster.members.map(({ endpoint }) => endpoint)
  const recorder = new Recorder(endpoints)
  const traffic = new Traffic(cluster.servers.map(({ url }) => url))
  const stranger = new Stranger(endpoints, strangerPools)
  const problems: string[] = []
  const struck = new Map<string, number>()
  try {
    await traffic.prepare(patienceMs)
    await stranger.prepare()
    let isOver = false
    const start = performance.now()
    const work = Promise.all([traffic.run(callers, seed, () => isOver), stranger.run(() => isOver)])
    try {
      for (const fault of schedule) {
        await pause(Math.max(0, start + fault.atMs - performance.now()))
        // On a slow machine a run takes longer than it was to, until everything was hit once.
        const isAllStruck = schedule.every(({ kind }) => struck.has(kind))
        if (isAllStruck && performance.now() > start + durationMs) break
        const isHit = await strike(cluster, recorder, fault)
        if (isHit) struck.set(fault.kind, (struck.get(fault.kind) ?? 0) + 1)
        await cluster.settle()
      }
      await pause(Math.max(0, start + durationMs - performance.now()))
    } finally {
      isOver = true
      await work
    }
    await cluster.settle()
    await recorder.finish(patienceMs)
  } finally {
    recorder.close()
    stranger.close()
    await traffic.close()
    await cluster.stop()
  }
  const { calls } = traffic
  const violations = check({ calls, revisions: recorder.revisions })
  // One that is broken all the time does not hide the others.
  for (const [invariant, found] of groupBy(violations, ({ invariant }) => invariant)) {
    problems.push(...found.slice(0, 10).map(({ problem }) => `${invariant}: ${problem}`))
    if (found.length > 10) problems.push(`${invariant}: and ${found.length - 10} more`)
  }
  for (const { kind } of schedule) if (!struck.has(kind)) problems.push(`nothing was hit by ${kind}`)
  const acknowledged = calls.filter(({ outcome }) => outcome === 'ok').length
  // Calls continue when all addresses are held and none is free; such a run would test nothing.
  const assigned = calls.filter(({ given }) => given.length > 0).length
  if (assigned < durationMs / 200) problems.push(`only ${assigned} calls were given addresses`)
  const unknown = calls.filter(({ outcome }) => outcome === 'unknown').length
  const statuses = [...groupBy(calls, ({ kind, status }) => `${kind} ${status}`)].map(
    ([name, { length }]) => `${name}: ${length}`,
  )
  const lines = [
    `calls ${calls.length}: acknowledged ${acknowledged}, given addresses ${assigned}, unknown ${unknown}; pool changes ${traffic.poolChanges}, and ${stranger.changes} by another writer`,
    `answers: ${statuses.toSorted().join(', ')}`,
    `revisions replayed: ${recorder.revisions.length}`,
    `faults ${[...struck.values()].reduce((sum, count) => sum + count, 0)}: ${[...struck].map(([kind, count]) => `${kind} ${count}`).join(', ')}`,
    ...problems.map((problem) => `VIOLATION ${problem}`),
    ...violations
      .slice(0, 3)
      .flatMap(({ revision }) => (revision === undefined ? [] : retrace(recorder.revisions, revision))),
    `verdict of seed ${seed}: ${problems.length === 0 ? 'all promises held' : `${violations.length} violations, ${problems.length} problems`}`,
  ]
  for (const line of lines) say(line)
  return { problems, lines }
}
