import { batchKeysMax } from '../planning/index.ts'

/** Limits of the store on etcd, each with its source. Sizes in bytes, times in milliseconds. */

/** etcd's `--max-txn-ops` default: limits the longest of the compare, then and else lists of one transaction. */
export const transactionOperationsMax = batchKeysMax

/** etcd's `--max-request-bytes` default is 1.5 MiB; the rest is room for compares and framing. */
export const transactionBytesMax = 1_400_000

/** The deadline of one call to etcd: longer than an election (1 s by default), shorter than a caller's patience. */
export const callDeadlineMs = 3_000

/** The deadline of the call that revokes a lease: the lease would expire anyway, and the server's stop waits for the call. */
export const revokeDeadlineMs = 1_000

/**
 * How much etcd may send before this server confirms that it reads. HTTP/2's default is 64 kB, which would cost hundreds of round trips
 * for a page of a snapshot.
 */
export const flowControlWindowBytes = 4_194_304

/** How often the watch asks for progress, and checks whether an answer is overdue. */
export const watchProgressMs = 1_000

/** How long the watch may be silent, or behind what a read has seen, before it is given up. Longer than an election. */
export const watchSilenceMaxMs = 5_000

/** How often a server without trouble checks that etcd carries out changes. Each check is an entry in etcd's log. */
export const changeCheckMs = 5_000

/** How often members of etcd are asked how they are, how often for their quota, and how long that may take. */
export const memberPollMs = 10_000
export const quotaPollMs = 300_000
export const pagePatienceMs = 2_000

/** How long a plan that needs the present waits for the watch to tell of a mark, before the families are read instead. */
export const markPatienceMs = 500

/** Values per page of a snapshot. With blocks of 15 kB, a page is about 15 MB. */
export const snapshotPageSize = 1_000

/** How long etcd keeps the slots of a server that died. Only cleans up: nothing depends on it. */
export const slotLeaseSeconds = 3_600

/** How long new expiring keys are attached to one lease: they share few leases, and stay at most this much longer. */
export const expiringLeaseTurnSeconds = 3_600

/** Limits of a journal. */
export interface JournalLimits {
  /** How many changes, and characters of their values, it remembers for slow followers. */
  readonly changesMax: number
  readonly charactersMax: number
  /** How often it checks that it is not behind etcd. */
  readonly proofMs: number
  /** How long it runs without followers: a client that was cut off is back by then. */
  readonly idleMs: number
}

export const journalLimits: JournalLimits = {
  changesMax: 10_000,
  charactersMax: 32_000_000,
  proofMs: 10_000,
  idleMs: 60_000,
}
