import type { Family, Key, Listed, Lookup } from './stored.ts'

/**
 * A planner is a pure, synchronous function over a {@link View}: it reads keys and returns a {@link Plan}, the keys to write and the
 * answer. The store records every read and compares it when it commits the writes, so that no decision relies on stale data.
 */

/**
 * How the commit proves that a listing still holds.
 * - `changed`: no key of the prefix was created or changed since.
 * - `created`: no key of the prefix was created since.
 * - `current`: the listing was complete at a moment within the call, and no server of ippoold has changed the family since. A change
 *   that another program makes between that moment and the commit goes unnoticed, so the planner must `get` what it uses. For choosing
 *   among many keys: the cost does not grow with their number. For few keys, or a family that is not announced, as `changed`.
 * - `hint`: the commit compares nothing. The planner must `get` what it relies on. If it writes nothing, the store reads the prefix
 *   afresh and plans again before it trusts the answer.
 *
 * Do not rely on a guard to notice deletions: `get` the entries that the decision depends on.
 */
export type Guard = 'changed' | 'created' | 'current' | 'hint'

/** How {@link View.get} reads a key. */
export interface GetOptions {
  readonly assumeAbsent?: boolean
  readonly awaitCommit?: boolean
}

/** What a planner can read. The store records every call. */
export interface View {
  /**
   * The value of `key`; the commit compares it. If the key is not in memory, the store interrupts the planner, fetches the key and
   * plans again. With `assumeAbsent`, a key that is not in memory counts as absent instead, and the commit proves it. With
   * `awaitCommit`, the plan waits for the next transaction if an earlier plan of this one writes the key: all writes of a transaction
   * have the same revision, which cannot tell the states in between apart. Plans that return or compare a revision need it.
   */
  get<Value>(key: Key<Value>, options?: GetOptions): Lookup<Value>
  /** Announces keys that the planner will `get`, so that the store fetches those not in memory together. */
  prefetch(keys: readonly Key<unknown>[]): void
  /** All entries below `prefix` (by default the family's own), in key order. Only for families held as `values`. */
  list<Value>(family: Family<Value>, guard: Guard, prefix?: string): readonly Listed<Value>[]
  /**
   * Announces that the planner looks at an index that an observer keeps beside the image of `family`. The index is a hint: the planner
   * must `get` what it relies on. If the plan writes nothing, or only keys that expire, the store reads the family afresh and plans
   * again before it trusts the answer. With the guard `created`, the commit also proves that the index knows every key of the family,
   * and the plan waits for the next transaction if an earlier plan of this one writes to the family.
   */
  consult(family: Family<unknown>, guard?: 'created' | 'hint'): void
  /**
   * Groups plans that contend for the same keys: once one plan of the group waits for a commit in flight, the rest wait too, without
   * being planned. If the plan writes a family that is changed singly, the rest wait for its own commit. Call it before reading those keys.
   */
  waitWith(group: string): void
  /** True if a commit in flight on this server writes the key: choosing another key of equal worth avoids waiting. A hint. */
  isBusy(key: Key<unknown>): boolean
  /** True if other servers keep writing the key before this one can: choosing another key of equal worth avoids the race. A hint. */
  isContested(key: Key<unknown>): boolean
}

/** A change of one key. */
export type Write =
  | {
      readonly kind: 'put'
      readonly key: Key<unknown>
      readonly value: unknown
      /** True if the store deletes the key by itself after `expirySeconds`. */
      readonly isExpiring: boolean
      /** The text to store; encoded once, however often it is asked for. */
      encode(): string
    }
  | { readonly kind: 'delete'; readonly key: Key<unknown> }

/** A decision: the answer, and the writes. A refusal is an answer without writes; the store validates its reads all the same. */
export interface Plan<Answer> {
  readonly answer: Answer
  readonly writes: readonly Write[]
}

/** Stores `value` under `key`. With `isExpiring`, the store deletes the key after a while. */
export function put<Value>(key: Key<Value>, value: Value, options: { readonly isExpiring?: boolean } = {}): Write {
  let text: string | undefined
  const encode = (): string => (text ??= key.family.encode(value))
  return { kind: 'put', key, value, isExpiring: options.isExpiring ?? false, encode }
}

/** Deletes `key`. */
export function remove(key: Key<unknown>): Write {
  return { kind: 'delete', key }
}

/** A plan that answers and writes nothing. */
export function answerOnly<Answer>(answer: Answer): Plan<Answer> {
  return { answer, writes: [] }
}
