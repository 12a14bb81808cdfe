import type { Decodable, Family, Key, Listed, Lookup, Plan, Revision, View } from '../plan/index.ts'
import type { Follower } from './changes.ts'
import type { Declaration } from './declaration.ts'
import type { Leadership, LeadershipOptions } from './leadership.ts'
import type { Probe } from './probe.ts'

/**
 * A datastore as the rest of ippoold sees it: plans go in, answers that are stored come out. Every method may throw
 * {@link DatastoreUnavailable}. A plan does not know whether the store has transactions; one that has none writes object by object, in
 * the order that `inOrder` gives.
 */
export interface Store {
  /**
   * Carries out a plan, and resolves once its writes are stored. The store may run the plan several times, until nothing that it read has
   * changed. Throws what the plan throws.
   */
  submit<Answer>(plan: (view: View) => Plan<Answer>, options?: SubmitOptions): Promise<Outcome<Answer>>
  /** Reads entries of a family past what is in memory. Throws {@link RevisionCompacted} when the revision asked for is gone. */
  page<Value>(family: Decodable<Value>, options?: PageOptions): Promise<Page<Value>>
  /**
   * Follows every change after a revision that the store has reached, in order. `families` lie side by side in the store, in this order.
   * Throws {@link RevisionCompacted} when history does not go back that far.
   */
  follow(families: readonly Decodable<unknown>[], after: Revision): Promise<Follower>
  /** The value of a key in memory, which may be older than the stored one: a hint. Undefined when it is not in memory. */
  peek<Value>(key: Key<Value>): Lookup<Value> | undefined
  /** The entries in memory below `prefix`, in key order: a hint. Only of a family that is held as `values`. */
  peekAll<Value>(family: Family<Value>, prefix: string): readonly Listed<Value>[]
  /** A candidate for leading a task on one server at a time. */
  candidate(options: LeadershipOptions): Leadership
  /** The number of plans submitted that have no outcome yet. */
  readonly pending: number
  /** How long the oldest plan whose commit has not begun had waited a moment ago, in milliseconds. */
  readonly waitedMs: number
  /** Returns the sizes of memory and queue, and the state of the servers when they were last asked. Costs next to nothing. */
  figures(): StoreFigures
  /** Tells whether the server can do its work. */
  health(): Health
  /** The place of the data in words, such as `the etcd at http://127.0.0.1:2379`. */
  readonly description: string
  /** The servers behind the store, and their versions. */
  members(): Promise<readonly Member[]>
  /** Says that the server stops in `afterMs`: it is not ready from now on, and gives up what waits for long after that time. */
  announceStop(afterMs?: number): void
  /** Settles what is in flight, for at most `patienceMs`, and closes all connections. */
  close(patienceMs?: number): Promise<void>
}

/** How to open a store. */
export interface StoreOptions {
  readonly declarations: readonly Declaration[]
  readonly limits: StoreLimits
  /** Hears what the store does; nothing hears it unless given. */
  readonly probe?: Probe
}

/** Bounds that an operator sets. */
export interface StoreLimits {
  /** Most operations in one transaction; 1 switches group commit off. */
  readonly batchOperationsMax: number
  /** Most transactions in flight at once. */
  readonly batchesInFlight: number
  /** Most operations waiting; the store refuses more. */
  readonly queueLengthMax: number
  /** The deadline of an operation that names none. */
  readonly deadlineMs: number
  /** How long expiring keys are kept, at the least. */
  readonly expirySeconds: number
}

/** How to carry out a plan. */
export interface SubmitOptions {
  /** Milliseconds after which the caller prefers to hear that nothing was changed. */
  readonly deadlineMs?: number
  /** Plan and validate, but write nothing. */
  readonly dryRun?: boolean
}

/** The plan's answer, and the revision at which it is true. */
export interface Outcome<Answer> {
  readonly answer: Answer
  readonly revision: Revision
  /** The uids that the store has given to new objects in place of those in the plan, by the plan's. Undefined: it kept the plan's. */
  readonly uids?: ReadonlyMap<string, string> | undefined
}

/** Which entries of a family to read. */
export interface PageOptions {
  readonly limit?: number
  /** The last key of the page before. */
  readonly after?: string
  /** The first key that may be in the page; not with `after`. */
  readonly from?: string
  /** The last key that may be in the page. */
  readonly to?: string
  /** The only keys to read, at least one, in key order; instead of a limit and a range. */
  readonly keys?: readonly string[]
  /** The revision of the page before: all pages of a listing are of one revision. */
  readonly revision?: Revision
  /** Read no values: the family decodes an empty text for each key, or the value if the store cannot leave it out. */
  readonly keysOnly?: boolean
  /** Reuse a decoded value in memory if it has the entry's revision. */
  readonly isDecodedOnce?: boolean
  /** Milliseconds after which the read fails; the store's deadline unless given. */
  readonly deadlineMs?: number
}

/** Some entries of a family, in key order, at one revision. */
export interface Page<Value> {
  readonly entries: readonly Listed<Value>[]
  readonly revision: Revision
  /** The number of entries that follow. */
  readonly remaining: number
}

/** The server's ability to do its work; a check that is not ok says why. */
export interface Health {
  readonly ready: boolean
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly message: string }[]
}

/** Operations and transactions on their way. */
export interface QueueFigures {
  /** Operations that wait to be planned; those that wait for a commit are not among them. */
  readonly waiting: number
  /** Transactions that the datastore has not answered. */
  readonly inFlight: number
}

/** The size of a family of keys in memory. */
export interface FamilyFigures {
  readonly family: string
  readonly keys: number
  /** The length of these keys, and of the values that are held with them, as they are stored. */
  readonly bytes: number
}

/** The size of a journal: the changes of one kind of keys, remembered for all its followers. */
export interface JournalFigures {
  /** The name of the journal: what its keys begin with. */
  readonly journal: string
  /** Keys that exist. */
  readonly keys: number
  /** Changes that are remembered. */
  readonly changes: number
  /** The length of the values of these changes. */
  readonly bytes: number
}

/** A server of the datastore, as it was when it was last asked. A figure that it does not tell is undefined. */
export interface MemberFigures {
  readonly endpoint: string
  readonly isAnswering: boolean
  readonly hasLeader: boolean | undefined
  readonly isLeader: boolean | undefined
  /** The size of the database on disk. */
  readonly databaseBytes: number | undefined
  /** The part of that size in use: the rest is free for new data. */
  readonly databaseUsedBytes: number | undefined
  /** The size that the database may reach on disk before all changes are refused. */
  readonly quotaBytes: number | undefined
  /** Alarms that some server has raised, as this one knows them. */
  readonly alarms: readonly string[]
}

/** The figures that a store reports about itself. */
export interface StoreFigures {
  readonly queue: QueueFigures
  readonly families: readonly FamilyFigures[]
  readonly journals: readonly JournalFigures[]
  readonly members: readonly MemberFigures[]
}

/** One server of the datastore. */
export interface Member {
  readonly endpoint: string
  /** `unreachable` for one that does not answer. */
  readonly version: string
}
