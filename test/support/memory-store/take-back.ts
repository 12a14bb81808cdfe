import { countedAnew, type KeyChange, undone } from '../../../src/datastore/kubernetes/engine/undo.ts'
import type { Revision } from '../../../src/plan/index.ts'
import type { ObjectServer } from './object-server.ts'

/** A write that was carried out. */
export interface Done extends KeyChange {
  /** The revision that it made. */
  readonly revision: Revision
}

/**
 * Takes back the writes of a plan that lost a race half-way. An object that nobody has changed since becomes what it was. Of one that
 * somebody has changed, only what the plan added is taken back: the addresses that it assigned, and their counts.
 */
export async function takeBack(server: ObjectServer, done: readonly Done[]): Promise<void> {
  for (const write of done.toReversed()) {
    while (!(await tryTakeBack(server, write))) continue
  }
}

/** Subtracts from a handle what a plan counted less, after somebody else has changed it. False when that was changed once more. */
export async function settleHandle(server: ObjectServer, change: KeyChange): Promise<boolean> {
  const { text, revision } = server.read(change.key.text)
  const next = countedAnew(change, text)
  return next === text || (await server.swap(change.key.text, revision, next)) !== undefined
}

async function tryTakeBack(server: ObjectServer, write: Done): Promise<boolean> {
  const { key, revision } = write
  const present = server.read(key.text)
  const text = undone(write, present.text, present.revision === revision)
  if (text === present.text) return true
  const expected = present.text === undefined ? 0n : present.revision
  return (await server.swap(key.text, expected, text)) !== undefined
}
