import { groupBy } from './group.ts'
import type { Call, History, WriteUnit } from './history.ts'
import { type Episode, Replay, type Violation } from './replay.ts'

/** Everything that a history shows to be wrong; nothing when all invariants held. */
export function check({ calls, revisions, writeUnit = 'transaction' }: History): readonly Violation[] {
  const replay = new Replay(revisions, writeUnit)
  // Without transactions, what was not acknowledged may be there for a while, and be undone.
  const firm = writeUnit === 'transaction' ? replay.episodes : firmEpisodes(replay.episodes, calls)
  const assigns = groupBy(
    calls.filter(({ kind }) => kind !== 'release'),
    ({ handle }) => handle,
  )
  const releases = new Releases(calls)
  return [
    ...replay.violations,
    ...overlappingHolds(calls, releases),
    ...firm.flatMap((episode) => unexplained(episode, assigns.get(episode.handle) ?? [])),
    ...firm.flatMap((episode) => endedByNobody(episode, releases)),
    ...lost(calls, replay.episodes),
    ...kept(calls, replay.episodes),
    ...[...assigns.values()].flatMap((wish) => effects(wish, firm, writeUnit, releases)),
  ]
}

/** What a history leaves behind that somebody still has to put right; nothing once everything has recovered. */
export function findLeftovers({ revisions, writeUnit }: History): readonly string[] {
  return new Replay(revisions, writeUnit).leftovers
}

/** The episodes that were acknowledged, or last to the end. */
function firmEpisodes(episodes: readonly Episode[], calls: readonly Call[]): readonly Episode[] {
  const acknowledged = new Set(calls.flatMap(({ given }) => given).map(nameOf))
  return episodes.filter((episode) => episode.ends === undefined || acknowledged.has(nameOf(episode)))
}

/** The releases that were or may have been carried out, by what they are after. */
class Releases {
  readonly #byHandle: ReadonlyMap<string, readonly Call[]>

  constructor(calls: readonly Call[]) {
    const possible = calls.filter(({ kind, outcome }) => kind === 'release' && outcome !== 'refused')
    const pairs = possible.flatMap((call) => call.targets.map(({ handle }) => ({ handle, call })))
    const grouped = groupBy(pairs, ({ handle }) => handle)
    this.#byHandle = new Map([...grouped].map(([handle, found]) => [handle, found.map(({ call }) => call)]))
  }

  /** True if a release of something that the handle holds has an unknown outcome. */
  isUnknown(handle: string): boolean {
    return (this.#byHandle.get(handle) ?? []).some(({ outcome }) => outcome === 'unknown')
  }

  /** Those that may have ended this hold; one that was answered tells itself what it took back. */
  of(hold: { readonly address: string; readonly handle: string; readonly sequenceNumber: string }): readonly Call[] {
    return (this.#byHandle.get(hold.handle) ?? []).filter(({ targets, outcome, released }) => {
      if (outcome === 'ok' && !released.includes(hold.address)) return false
      return targets.some(({ address, handle, sequenceNumber }) => {
        return (
          handle === hold.handle &&
          (address ?? hold.address) === hold.address &&
          (sequenceNumber ?? hold.sequenceNumber) === hold.sequenceNumber
        )
      })
    })
  }
}

/** By the answers alone: from the answer of an assign to the first call that may have released the address, no other handle gets it. */
function overlappingHolds(calls: readonly Call[], releases: Releases): Violation[] {
  const holds = calls.flatMap(({ given, returned }) => {
    return given.map((holding) => {
      const until = Math.min(Infinity, ...releases.of(holding).map(({ invoked }) => invoked))
      return { ...holding, from: returned, until }
    })
  })
  return [...groupBy(holds, ({ address }) => address).values()].flatMap((found) => {
    const sorted = found.toSorted((a, b) => a.from - b.from)
    let longest = sorted[0]
    return sorted.slice(1).flatMap((hold): Violation[] => {
      const earlier = longest
      if (earlier === undefined || hold.until > earlier.until) longest = hold
      if (earlier === undefined || earlier.handle === hold.handle) return []
      const isOverlap = hold.from < earlier.until && hold.from < hold.until
      return isOverlap
        ? [{ invariant: 'one-owner', problem: `${hold.address} is held by ${earlier.handle} and ${hold.handle}` }]
        : []
    })
  })
}

function unexplained({ address, handle, begins }: Episode, wish: readonly Call[]): Violation[] {
  if (wish.some(({ outcome }) => outcome !== 'refused')) return []
  const why =
    wish.length === 0 ? 'whom no call named' : `whose call was answered with ${wish.map(({ status }) => status).join()}`
  return [{ invariant: 'explained', problem: `revision ${begins}: ${address} is given to ${handle}, ${why}` }]
}

function endedByNobody(episode: Episode, releases: Releases): Violation[] {
  const { address, handle, ends, successor } = episode
  if (ends === undefined || releases.of(episode).length > 0) return []
  const [invariant, how] =
    successor === undefined ? (['durable', 'is lost'] as const) : (['no-theft', `goes to ${successor}`] as const)
  return [{ invariant, problem: `revision ${ends}: ${address} of ${handle} ${how} without a release` }]
}

function lost(calls: readonly Call[], episodes: readonly Episode[]): Violation[] {
  const known = new Set(episodes.map(nameOf))
  const missing = calls.flatMap(({ given }) => given).filter((holding) => !known.has(nameOf(holding)))
  return missing.map(({ address, handle }) => {
    return { invariant: 'durable', problem: `${address} was acknowledged to ${handle}, and etcd never had it` }
  })
}

function kept(calls: readonly Call[], episodes: readonly Episode[]): Violation[] {
  const lasting = new Set(episodes.filter(({ ends }) => ends === undefined).map(nameOf))
  return calls.flatMap(({ kind, targets, released }) => {
    if (kind !== 'release') return []
    const kept = targets.filter(({ address = '', handle, sequenceNumber = '' }) => {
      return released.includes(address) && lasting.has(nameOf({ address, handle, sequenceNumber }))
    })
    return kept.map(({ address = '', handle }): Violation => {
      return { invariant: 'durable', problem: `the release of ${address} by ${handle} was acknowledged and not done` }
    })
  })
}

/** One request, however often it was sent: the same answer each time, all or nothing, and one effect. */
function effects(
  wish: readonly Call[],
  episodes: readonly Episode[],
  writeUnit: WriteUnit,
  releases: Releases,
): Violation[] {
  const [first] = wish
  if (first === undefined) return []
  const found = episodes.filter(({ handle }) => handle === first.handle)
  const births =
    writeUnit === 'transaction' ? [...groupBy(found, ({ begins }) => begins).values()] : chunks(found, first.count)
  const violations: Violation[] = []
  // A release with an unknown outcome may have ended a part of them.
  const isHalved = writeUnit === 'object' && releases.isUnknown(first.handle)
  if (!isHalved && births.some(({ length }) => length !== first.count)) {
    violations.push({
      invariant: 'all-or-nothing',
      problem: `${first.handle} asked for ${first.count} and was not given as many at once`,
    })
  }
  const effective = wish.filter(({ outcome }) => outcome !== 'refused').length
  if (births.length > (first.kind === 'ensure' ? effective : 1)) {
    violations.push({ invariant: 'repeat', problem: `the wish of ${first.handle} took effect ${births.length} times` })
  }
  const answers = wish.filter(({ outcome }) => outcome === 'ok').map(({ given }) => given.map(nameOf).toSorted().join())
  if (new Set(answers).size > 1 && first.kind === 'assign') {
    violations.push({
      invariant: 'repeat',
      problem: `${first.handle} was answered differently: ${answers.join(' and ')}`,
    })
  }
  return violations
}

/** The items in their order, so many at a time; the last chunk has the rest. */
function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size))
}

function nameOf(hold: { readonly address: string; readonly handle: string; readonly sequenceNumber: string }): string {
  return `${hold.address}#${hold.sequenceNumber} ${hold.handle}`
}
