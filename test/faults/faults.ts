import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { freeze, thaw } from '../support/freeze.ts'
import { until } from '../support/until.ts'
import { ask, type Cluster, type Member, runs } from './cluster.ts'
import type { Weather } from './link.ts'
import type { Random } from './random.ts'
import type { Recorder } from './recorder.ts'

const kinds = [
  'kill-server',
  'stop-server',
  'clock-jump',
  'kill-member',
  'kill-leader',
  'stop-leader',
  'cut',
  'delay',
  'drop-requests',
  'drop-answers',
  'partition',
  'disk-full',
  'compaction',
] as const
type Kind = (typeof kinds)[number]

/** One fault: `target` counts servers or members, whichever it is about. */
export interface Fault {
  readonly kind: Kind
  readonly target: number
  readonly atMs: number
  readonly lastsMs: number
}

/** When which fault comes: every kind once before any comes again, as many as leave room for one to be over before the next. */
export function scheduleFaults(random: Random, durationMs: number): readonly Fault[] {
  const slotMs = Math.max(4_000, Math.min(9_000, durationMs / (kinds.length + 1)))
  const faults: Fault[] = []
  let left: Kind[] = []
  for (let slot = 0; (slot + 1.5) * slotMs < durationMs; slot++) {
    if (left.length === 0) left = [...kinds]
    const kind = random.pick(left)
    left = left.filter((other) => other !== kind)
    const lastsMs = 500 + random.below(slotMs / 2)
    faults.push({ kind, target: random.below(6), atMs: slotMs / 2 + slot * slotMs, lastsMs })
  }
  return faults
}

/** Does a fault, waits as long as it lasts, and undoes it. False when nothing was hit. */
export async function strike(cluster: Cluster, recorder: Recorder, { kind, target, lastsMs }: Fault): Promise<boolean> {
  const server = pickFrom(cluster.servers, target)
  const member = pickFrom(cluster.members, target)
  switch (kind) {
    case 'kill-server': {
      const ended = once(server.process, 'exit')
      server.process.kill('SIGKILL')
      await ended
      await pause(lastsMs)
      server.start()
      return true
    }
    case 'stop-server': {
      const isStopped = server.process.kill('SIGSTOP')
      await pause(lastsMs)
      return server.process.kill('SIGCONT') && isStopped
    }
    case 'clock-jump': {
      const offset = String((target % 2 === 0 ? 1 : -1) * 3_600_000 * (target + 1))
      writeFileSync(server.clockFile, offset)
      const seen = await until('the clock jumps', () => {
        return readFileSync(`${server.clockFile}.seen`, { encoding: 'utf8', flag: 'a+' }) === offset ? true : undefined
      })
      await pause(lastsMs)
      writeFileSync(server.clockFile, '0')
      return seen
    }
    case 'kill-member':
      return kill(member, lastsMs)
    case 'kill-leader':
      return kill(await cluster.leader(), lastsMs)
    case 'stop-leader': {
      const leader = await cluster.leader()
      await freeze(leader.process.pid)
      await pause(lastsMs)
      thaw(leader.process.pid)
      return true
    }
    case 'cut':
      return underWeather(cluster, `server ${server.index}`, { isCut: true }, lastsMs)
    case 'delay':
      return underWeather(cluster, `server ${server.index}`, { delayMs: 50 + (lastsMs % 400) }, lastsMs)
    case 'drop-requests':
      return underWeather(cluster, `server ${server.index}`, { holdsRequests: true }, lastsMs)
    case 'drop-answers':
      return underWeather(cluster, `server ${server.index}`, { holdsAnswers: true }, lastsMs)
    case 'partition':
      return isolate(cluster, await cluster.leader(), lastsMs)
    case 'disk-full': {
      execFileSync('prlimit', ['--pid', String(member.process.pid), '--fsize=4096'])
      // It ends at one of its next writes, which may never come.
      const patience = AbortSignal.timeout(30_000)
      while (runs(member) && !patience.aborted) await pause(100)
      return !(await kill(member, lastsMs))
    }
    case 'compaction': {
      const revision = String(recorder.seen)
      const answer = await ask(member.endpoint, '/v3/kv/compaction', { revision })
      return answer['header'] !== undefined
    }
  }
}

async function kill(member: Member, lastsMs: number): Promise<boolean> {
  const isAlive = runs(member)
  if (isAlive) process.kill(member.process.pid, 'SIGKILL')
  await until('the member ends', () => (runs(member) ? undefined : true))
  await pause(lastsMs)
  await member.start()
  return isAlive
}

async function underWeather(cluster: Cluster, from: string, weather: Weather, lastsMs: number): Promise<boolean> {
  const before = hits(cluster)
  for (const { index } of cluster.members) cluster.setWeather(from, `member ${index}`, weather)
  await pause(lastsMs)
  const isHit = hits(cluster) > before
  for (const { index } of cluster.members) cluster.setWeather(from, `member ${index}`, {})
  return isHit
}

/** A member that hears no other member, and is heard by none, while the servers still reach it. */
async function isolate(cluster: Cluster, lonely: Member, lastsMs: number): Promise<boolean> {
  const before = hits(cluster)
  cluster.setWeatherAround(lonely, { holdsRequests: true, holdsAnswers: true })
  await pause(lastsMs)
  const isHit = hits(cluster) > before
  cluster.setWeatherAround(lonely, {})
  return isHit
}

function hits(cluster: Cluster): number {
  return cluster.links.reduce((sum, link) => sum + link.hits, 0)
}

function pickFrom<Item>(items: readonly Item[], at: number): Item {
  const item = items[at % items.length]
  if (item === undefined) throw new Error('there is nothing to pick from')
  return item
}
