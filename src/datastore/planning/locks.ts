import type { HeldFamily, Image } from '../image/index.ts'
import type { PlannedBatch } from './batch.ts'
import type { BusyKeys } from './busy-keys.ts'

/** A key that a commit is writing, and its family in memory. */
export interface Locked {
  readonly key: string
  readonly isCreated: boolean
  readonly held: HeldFamily
}

/**
 * Keeps later batches and the watch away from the keys that `batch` writes, until {@link unlock}. Throws when a key is of a family that
 * was not declared; then nothing is locked.
 */
export function lock(batch: PlannedBatch, image: Image, busy: BusyKeys): readonly Locked[] {
  const locked = [...batch.reads]
    .filter(({ key }) => batch.writes.has(key.text))
    .map(({ key, revision }) => ({ key: key.text, isCreated: revision === 0n, held: image.of(key.family) }))
  for (const { key, isCreated, held } of locked) {
    busy.add(key, isCreated)
    held.awaitCommit(key)
  }
  for (const [group, key] of batch.apartGroups) busy.letGroupWait(group, key)
  return locked
}

/** Releases the locks, after the commit's results were applied to the image. */
export function unlock(locked: readonly Locked[], busy: BusyKeys): void {
  for (const { key, held } of locked) {
    busy.delete(key)
    held.commitEnded(key)
  }
}
