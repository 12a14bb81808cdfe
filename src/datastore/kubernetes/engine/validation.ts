import type { Family, Revision } from '../../../plan/index.ts'
import type { Image } from '../../image/index.ts'
import type { GuardedPrefix, PlannedBatch, Read } from '../../planning/index.ts'
import { revisionOf } from '../api/index.ts'
import { listVersions, type StoredKind, type StoredKinds, type Versions } from './kinds.ts'

/** What a second look at the reads of a batch showed. */
export interface Validation {
  /** Keys that have changed since they were read; their present values are in memory. */
  readonly outdated: readonly string[]
  /** Families of listings that have changed. */
  readonly families: readonly Family<unknown>[]
  /** A revision at which everything was as it had been read. */
  readonly revision: Revision
}

/**
 * Looks again at what a batch has only read. Whatever has the same version before the blocks were written and after, had it when they were.
 * One read for each object, or one list of names and versions for each kind with a guarded listing. `learned` is what each feed had learned
 * when the batch was planned. Throws `ApiFailure`.
 */
export async function validate(
  kinds: StoredKinds,
  image: Image,
  batch: PlannedBatch,
  learned: ReadonlyMap<StoredKind, number>,
): Promise<Validation> {
  const reads = [...batch.reads].filter(({ key }) => !batch.writes.has(key.text))
  const guards = [...batch.guards]
  const asOf = [...kinds.all()].reduce((most, { informer: { revision } }) => (revision > most ? revision : most), 0n)
  const listedKinds = new Set(guards.map(({ family }) => kinds.of(family)))
  const listing = new Map([...listedKinds].map((kind) => [kind, listVersions(kind)]))
  const looking = reads.map(async (read) => {
    const kind = kinds.of(read.key.family)
    return (await isAsRead(kinds, kind, read, await listing.get(kind))) ? [] : [read.key.text]
  })
  const [outdated, entries] = await Promise.all([
    Promise.all(looking),
    Promise.all(Array.from(listing, async ([kind, versions]) => [kind, await versions] as const)),
  ])
  const listed = new Map(entries)
  const isBroken = (guard: GuardedPrefix): boolean => {
    const kind = kinds.of(guard.family)
    const versions = listed.get(kind)
    return versions === undefined || !isKept(kind, guard, versions, batch, learned.get(kind) ?? 0)
  }
  const families = new Set(guards.filter(isBroken).map(({ family }) => family))
  for (const { family, guard, prefix } of guards) {
    const versions = listed.get(kinds.of(family))
    if (versions !== undefined && !families.has(family)) image.of(family).prove(guard, prefix, versions.revision)
  }
  return { outdated: outdated.flat(), families: [...families], revision: asOf }
}

async function isAsRead(
  kinds: StoredKinds,
  kind: StoredKind,
  { key, revision }: Read,
  versions: Versions | undefined,
): Promise<boolean> {
  const name = kind.form.nameOf(key.text)
  // What cannot be stored is absent for ever.
  if (!name.ok) return revision === 0n
  if (versions !== undefined && (versions.ofNames.get(name.name) ?? 0n) === revision) return true
  const found = await kinds.fetch(key)
  return found === revision
}

/** True if no object below the prefix has come or, unless the guard is about that only, changed. What the batch writes does not count. */
function isKept(
  kind: StoredKind,
  { family, guard, prefix, revision }: GuardedPrefix,
  versions: Versions,
  batch: PlannedBatch,
  learned: number,
): boolean {
  const written = new Set(
    [...batch.writes.values()]
      .filter(({ key }) => key.family === family)
      .map(({ key }) => kind.form.nameOf(key.text))
      .flatMap((name) => (name.ok ? [name.name] : [])),
  )
  for (const [name, version] of versions.ofNames) {
    if (version <= revision || written.has(name)) continue
    // A name does not tell its key: one that is not known may be below the prefix.
    const key = kind.feed.keyNamed(name)
    if (key !== undefined && !key.startsWith(prefix)) continue
    if (kind.feed.wasKnown(name, learned, guard === 'created' ? undefined : version)) continue
    return false
  }
  return true
}

/** Brings families up to the present: compares names and versions with memory, and reads what differs. Throws `ApiFailure`. */
export async function refreshKind(kind: StoredKind): Promise<void> {
  const versions = await listVersions(kind)
  const changed: string[] = []
  for (const [name, version] of versions.ofNames) if (kind.feed.versionNamed(name) !== version) changed.push(name)
  const read = async (): Promise<void> => {
    for (let name = changed.pop(); name !== undefined; name = changed.pop()) {
      const object = await kind.objects.get(name)
      if (object !== undefined) kind.feed.found(object, revisionOf(object))
    }
  }
  await Promise.all(Array.from({ length: 16 }, read))
  kind.feed.listedNames(new Set(versions.ofNames.keys()), versions.revision)
}
