/** Bounds of the datastore layer, each with its source. Sizes in bytes, times in milliseconds. */

/** etcd's `--max-txn-ops` default: bounds the longest of the compare, then and else lists of one transaction. */
export const transactionOperationsMax = 128

/** etcd's `--max-request-bytes` default is 1.5 MiB; the rest is room for compares and framing. */
export const transactionBytesMax = 1_400_000

/** The deadline of one call to etcd; longer than an election (1 s by default), shorter than a caller's patience. */
export const callDeadlineMs = 3_000

/** The deadline of the call that ends a lease: it only saves etcd from waiting for the lease's own end, and delays that of the server. */
export const revokeDeadlineMs = 1_000

/** How long past its deadline a caller waits for the fate of its commit. A silence of etcd that is shorter leaves nobody in doubt. */
export const settlingPatienceMs = 5_000

/** How long callers may still wait when the server has been told to stop; less than what service managers give it to end. */
export const stoppingPatienceMs = 5_000

/**
 * How much etcd may send before this server says that it goes on reading. HTTP/2 begins with 64 kB, of which a page of a snapshot takes
 * hundreds of turns.
 */
export const flowControlWindowBytes = 4_194_304

/** How often the watch asks for a sign of life, and whether one is overdue is looked at. */
export const watchProgressMs = 1_000

/** How long the watch may be silent, or behind what a read has seen, before it is given up; longer than an election. */
export const watchSilenceMaxMs = 5_000

/** Values per page while a snapshot is read: 15 kB blocks make pages of some 15 MB at the most. */
export const snapshotPageSize = 1_000

/** Full values of recently used keys kept in memory, per family. A block takes some 20 kB, a handle some 300 bytes. */
export const recentValuesMax = { digests: 2_048, recent: 65_536 } as const

/** How long etcd keeps the slots of a server that died. Only cleans up; nothing is decided by it. */
export const slotLeaseSeconds = 3_600

/** How long one lease takes all keys that are to expire: they share few leases, and stay this much longer at the most. */
export const expiringLeaseTurnSeconds = 3_600

/** Bounds of a journal. */
export interface JournalLimits {
  /** What it remembers for followers that take long: changes, and characters of their values. */
  readonly changesMax: number
  readonly charactersMax: number
  /** How often it makes sure that it is not behind etcd. */
  readonly proofMs: number
  /** How long it runs without followers: whoever was cut off is back by then. */
  readonly idleMs: number
}

export const journalLimits: JournalLimits = {
  changesMax: 10_000,
  charactersMax: 32_000_000,
  proofMs: 10_000,
  idleMs: 60_000,
}
