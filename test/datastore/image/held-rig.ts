import { HeldFamily } from '../../../src/datastore/image/index.ts'
import type { Family, Lookup, Observer, Revision } from '../../../src/plan/index.ts'
import { numbersBelow } from '../rig.ts'

/** What is held of a family of numbers, with what its observer and its reporter were told. */
export function hold(held: Family<number>['held']) {
  const observed: [key: string, lookup: Lookup<unknown>][] = []
  const observer: Observer<unknown> = { changed: (key, lookup) => observed.push([key, lookup]) }
  const problems: [key: string, problem: string][] = []
  const family = new HeldFamily(numbersBelow('/n/', held), observer, (key, problem) => problems.push([key, problem]))
  return { family, observed, problems }
}

/** A value as an event of the watch brings it. */
export function stored(text: string, revision: Revision, asOf = revision) {
  return { text, revision, asOf }
}

/** What the watch tells of a key that was written, and created then unless before. */
export function put(revision: Revision, text: string, createRevision = revision) {
  return { revision, createRevision, value: Buffer.from(text) }
}

/** What the watch tells of a key that was deleted. */
export function deleted(revision: Revision) {
  return { revision, createRevision: 0n, value: undefined }
}
