import type { Family, Key, Listed, Lookup } from './stored.ts'

/**
 * A plan is a pure, synchronous function over a {@link View}: it reads keys and says which to write. The store records every read and
 * compares it when it commits the writes, so that no decision stands on stale data.
 */

/**
 * How a listing is proved inside the transaction. `changed`: no key of the prefix was created or changed since; `created`: none
 * was created since; `hint`: nothing is compared, the caller must `get` what it relies on, and a plan that writes nothing is
 * only believed after the prefix has been read afresh from etcd. No guard sees deletions: `get` what was really used.
 */
export type Guard = 'changed' | 'created' | 'hint'

/** How a key is read. */
export interface GetOptions {
  readonly assumeAbsent?: boolean
  readonly awaitCommit?: boolean
}

/** What a plan may see; every call is recorded. */
export interface View {
  /**
   * The value of `key`, compared at commit. A key that is not in memory interrupts the plan, is fetched, and the plan runs
   * again; with `assumeAbsent` it is taken not to exist instead (and the commit proves it). With `awaitCommit` the plan does not
   * stand on what an earlier operation of its transaction writes there, but waits for the next one: all that a transaction writes has
   * one revision, by which states in between cannot be told apart. For plans that tell the revision, or compare it.
   */
  get<Value>(key: Key<Value>, options?: GetOptions): Lookup<Value>
  /** Says which keys the plan will `get`, so that those not in memory are fetched together. */
  prefetch(keys: readonly Key<unknown>[]): void
  /** All entries of a family held as `values` whose key starts with `prefix` (the family's own prefix unless given), in key order. */
  list<Value>(family: Family<Value>, guard: Guard, prefix?: string): readonly Listed<Value>[]
  /**
   * Says that the plan looks at an index kept beside the image of `family` (its observer). What an index says is a hint: the plan
   * must `get` what it relies on, and a plan that writes nothing, or nothing but what is to expire, is only believed after the family
   * has been read afresh. With the guard `created` the commit also proves that no key of the family has been created that the index
   * does not know; and the plan waits for the next transaction when an earlier operation of this one writes to the family.
   */
  consult(family: Family<unknown>, guard?: 'created' | 'hint'): void
  /**
   * Says that plans of `company` read the same keys as a rule: when one of them has to wait for a commit under way, the others wait
   * with it at once, without the work of finding out. To be called before such a key is read.
   */
  waitWith(company: string): void
  /** Whether a commit under way on this server is writing the key: choosing another among equals avoids waiting. A hint. */
  isBusy(key: Key<unknown>): boolean
  /** Whether others keep writing the key before this server can: choosing another among equals avoids the fight. A hint. */
  isContested(key: Key<unknown>): boolean
}

/** A change of one key. */
export type Write =
  | {
      readonly kind: 'put'
      readonly key: Key<unknown>
      readonly value: unknown
      /** Whether etcd is to forget it after a while (`expirySeconds`). */
      readonly isExpiring: boolean
      /** The text to store; encoded once, however often it is asked for. */
      encode(): string
    }
  | { readonly kind: 'delete'; readonly key: Key<unknown> }

/** The outcome of planning: what to answer, and what to write. A refusal is an answer without writes, and validated all the same. */
export interface Plan<Answer> {
  readonly answer: Answer
  readonly writes: readonly Write[]
}

/** Stores `value` under `key`; for a while only, when it is to expire. */
export function put<Value>(key: Key<Value>, value: Value, options: { readonly isExpiring?: boolean } = {}): Write {
  let text: string | undefined
  const encode = (): string => (text ??= key.family.encode(value))
  return { kind: 'put', key, value, isExpiring: options.isExpiring ?? false, encode }
}

/** Removes `key`. */
export function remove(key: Key<unknown>): Write {
  return { kind: 'delete', key }
}

/** A plan that answers without writing. */
export function answerOnly<Answer>(answer: Answer): Plan<Answer> {
  return { answer, writes: [] }
}
