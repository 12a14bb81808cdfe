import { setTimeout as pause } from 'node:timers/promises'
import type { JsonObject } from '../../../model/index.ts'
import type { Revision } from '../../../plan/index.ts'
import { type ApiOutcome, type ApiRefusal, isConflict, type ObjectClient, revisionOf } from '../api/index.ts'
import { nameIn, objectAt } from '../forms/index.ts'
import { type Expectation, stampOf, type Versions, withStamp } from './stamps.ts'

/** An object as it is now; undefined: there is none. */
export interface Present {
  readonly object: JsonObject | undefined
}

/** What became of a write. */
export type Written =
  /** It was applied, once. `object` is the version that it made; undefined after a removal. */
  | { readonly kind: 'applied'; readonly object: JsonObject | undefined }
  /** It was not, and never will be: the object is another one now. `present` is undefined if that could not be read. */
  | { readonly kind: 'conflict'; readonly present: Present | undefined }
  /** It was not, and never will be, for a reason that lies in the write or in the rights of this server. */
  | { readonly kind: 'refused'; readonly refusal: ApiRefusal }
  /** It was not, and never will be: the API server did not get it in time. */
  | { readonly kind: 'unsent'; readonly error: Error }
  /** Nobody could tell in time. */
  | { readonly kind: 'unknown'; readonly error: Error }

/** When to stop, on the clock of `performance.now`. */
export interface Patience {
  /** From then on, a write that cannot have been applied is given up. */
  readonly deadline: number
  /** How long after the deadline a write that may have been applied is pursued. */
  readonly settlingMs: number
}

/** The parts of a writer. */
export interface WriterParts {
  readonly objects: Pick<ObjectClient, 'get' | 'list' | 'create' | 'replace' | 'remove'>
  readonly versions: Versions
  /** Makes a text that no other write has. */
  readonly newStamp: () => string
}

const unreadable: Written = { kind: 'unknown', error: new Error('the object cannot be read') }

/** Between two copies of a write. */
const retryMs = { first: 50, max: 1_000 } as const

/**
 * Writes single objects, each write once at the most. Every write depends on a version, or on there being no object of the name, so that a
 * write whose answer was lost is sent again as it is: only one of the copies can be applied. A stamp tells whether one was.
 * @see docs/decisions/0021-plans-on-single-objects.md
 */
export class ObjectWriter {
  readonly #parts: WriterParts

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  /** Creates an object. A conflict: there is one of the name. */
  create(object: JsonObject, patience: Patience): Promise<Written> {
    return this.#store(object, patience, (stamped) => this.#parts.objects.create(stamped))
  }

  /** Replaces the object at the version that `object` has. */
  replace(object: JsonObject, patience: Patience): Promise<Written> {
    return this.#store(object, patience, (stamped) => this.#parts.objects.replace(stamped))
  }

  /** Deletes the object at the version that `object` has. Applied: there is no such object any more, whoever has deleted it. */
  async remove(object: JsonObject, { deadline, settlingMs }: Patience): Promise<Written> {
    const attempt = new Attempt(deadline, settlingMs)
    for (;;) {
      const outcome = await this.#parts.objects.remove(object)
      if (outcome.kind === 'answered') return { kind: 'applied', object: undefined }
      if (outcome.kind === 'refused' && outcome.refusal.status === 404) return { kind: 'applied', object: undefined }
      if (outcome.kind === 'refused' && isConflict(outcome.refusal)) {
        const present = await this.#read(nameIn(object), attempt)
        if (present === undefined && attempt.isInDoubt) return unreadable
        if (present !== undefined && uidOf(present.object) !== uidOf(object)) {
          return { kind: 'applied', object: undefined }
        }
        // The version to be deleted is over, so that no copy can be applied any more.
        return { kind: 'conflict', present }
      }
      const end = attempt.note(outcome)
      if (end !== undefined) return end
      await attempt.pause()
    }
  }

  async #store(
    object: JsonObject,
    { deadline, settlingMs }: Patience,
    send: (stamped: JsonObject) => Promise<ApiOutcome>,
  ): Promise<Written> {
    const stamp = this.#parts.newStamp()
    const stamped = withStamp(object, stamp)
    const expectation = this.#parts.versions.expect(stamp)
    const attempt = new Attempt(deadline, settlingMs)
    try {
      for (;;) {
        const outcome = await send(stamped)
        if (outcome.kind === 'answered') return { kind: 'applied', object: outcome.object }
        const isOver = outcome.kind === 'refused' && (isConflict(outcome.refusal) || outcome.refusal.status === 404)
        const end = isOver ? await this.#judge(stamped, stamp, attempt, expectation) : attempt.note(outcome)
        if (end !== undefined) return end
        await attempt.pause()
      }
    } finally {
      expectation.end()
    }
  }

  /** The version that the write depends on is over: either a copy has ended it, or another write. */
  async #judge(stamped: JsonObject, stamp: string, attempt: Attempt, expectation: Expectation): Promise<Written> {
    const present = await this.#read(nameIn(stamped), attempt)
    if (!attempt.isInDoubt) return { kind: 'conflict', present }
    if (present === undefined) return unreadable
    const { object, revision } = present
    if (object !== undefined && stampOf(object) === stamp) return { kind: 'applied', object }
    const evidence = await expectation.lookUpTo(revision, attempt.leftMs)
    switch (evidence.kind) {
      case 'made':
        return { kind: 'applied', object: evidence.object }
      case 'none':
        return { kind: 'conflict', present: { object } }
      case 'gap':
        return { kind: 'unknown', error: new Error('the object was changed before it could be read') }
    }
  }

  /** The present object, with a version up to which every change of it is to be looked at. Undefined if it cannot be read in time. */
  async #read(name: string, attempt: Attempt): Promise<(Present & { readonly revision: Revision }) | undefined> {
    for (;;) {
      try {
        const { objects } = this.#parts
        const object = await objects.get(name)
        if (object !== undefined) return { object, revision: revisionOf(object) }
        // That there is none has no version of its own.
        return { object, revision: (await objects.list({ limit: 1, isMetadataOnly: true })).revision }
      } catch {
        if (attempt.leftMs <= 0) return undefined
        await attempt.pause()
      }
    }
  }
}

/** The copies of one write: whether one may have been applied, and how much time is left. */
class Attempt {
  /** True if a copy was sent whose answer was lost. */
  isInDoubt = false
  readonly #deadline: number
  readonly #settlingMs: number
  #pauseMs: number = retryMs.first

  constructor(deadline: number, settlingMs: number) {
    this.#deadline = deadline
    this.#settlingMs = settlingMs
  }

  /** Milliseconds until the write is given up. */
  get leftMs(): number {
    return this.#deadline + (this.isInDoubt ? this.#settlingMs : 0) - performance.now()
  }

  /** Takes note of a copy that was not applied, or whose answer was lost. Returns the end if there is to be no other copy. */
  note(outcome: Exclude<ApiOutcome, { kind: 'answered' }>): Written | undefined {
    if (outcome.kind === 'refused') {
      // Copies may be treated differently, as when a right is withdrawn in between.
      if (!this.isInDoubt) return { kind: 'refused', refusal: outcome.refusal }
      return this.leftMs > 0 ? undefined : { kind: 'unknown', error: new Error(outcome.refusal.message) }
    }
    if (outcome.kind === 'lost') this.isInDoubt = true
    if (this.leftMs > 0) return undefined
    return { kind: this.isInDoubt ? 'unknown' : 'unsent', error: outcome.error }
  }

  async pause(): Promise<void> {
    await pause(Math.max(0, Math.min(this.#pauseMs, this.leftMs)))
    this.#pauseMs = Math.min(retryMs.max, this.#pauseMs * 2)
  }
}

function uidOf(object: JsonObject | undefined): unknown {
  return objectAt(object, 'metadata')['uid']
}
