/** One assignment of one address, as it is answered: who has it, and which assignment it is. */
export interface Holding {
  readonly address: string
  readonly handle: string
  readonly sequenceNumber: string
}

/** The target of a release; without an address, everything that the handle holds. */
export interface Target {
  readonly address?: string
  readonly handle: string
  readonly sequenceNumber?: string
}

/** `refused` has an answer that says so, or was never sent; after `unknown` anything may have happened, at any time since. */
export type Outcome = 'ok' | 'refused' | 'unknown'

/** One call. Times in milliseconds of the harness's one monotonic clock; an unknown call returns never. */
export interface Call {
  readonly id: number
  readonly kind: 'assign' | 'ensure' | 'release'
  readonly server: number
  readonly invoked: number
  readonly returned: number
  readonly outcome: Outcome
  /** The status of the answer; 0 without one. */
  readonly status: number
  /** Of an assign: the handle, and how many addresses. Different requests have different handles; a repeated request has the same. */
  readonly handle: string
  readonly count: number
  readonly idempotencyKey?: string
  /** Of an assign that is ok: what it was given. */
  readonly given: readonly Holding[]
  /** Of a release: what it is after. */
  readonly targets: readonly Target[]
  /** Of a release that is ok: the addresses it took back. */
  readonly released: readonly string[]
}

/** A change of one key; without a text it was deleted. */
export interface Change {
  readonly key: string
  readonly text?: string
}

/** All changes of one etcd transaction. */
export interface RevisionOfKeys {
  readonly revision: bigint
  readonly changes: readonly Change[]
}

/**
 * What one write of the store changes: every key of a call, or a single object. Without transactions, others see a call half done: handles
 * count too much, affinities are unfinished, and what was not acknowledged may be undone.
 */
export type WriteUnit = 'transaction' | 'object'

/** All that was seen of a run. */
export interface History {
  readonly calls: readonly Call[]
  /** Every revision of Calico's keys since the first, in order. */
  readonly revisions: readonly RevisionOfKeys[]
  /** A transaction unless it is said. */
  readonly writeUnit?: WriteUnit
}
