/** Bounds of the datastore layer, each with its source. Sizes in bytes, times in milliseconds. */

/** etcd's `--max-txn-ops` default: bounds the longest of the compare, then and else lists of one transaction. */
export const transactionOperationsMax = 128

/** etcd's `--max-request-bytes` default is 1.5 MiB; the rest is room for compares and framing. */
export const transactionBytesMax = 1_400_000

/** The deadline of one call to etcd; longer than an election (1 s by default), shorter than a caller's patience. */
export const callDeadlineMs = 3_000

/** Values per page while a snapshot is read: 15 kB blocks make pages of some 15 MB at the most. */
export const snapshotPageSize = 1_000

/** Full values of recently used keys kept in memory, per family. A block takes some 20 kB, a handle some 300 bytes. */
export const recentValuesMax = { digests: 2_048, recent: 65_536 } as const

/** How long etcd keeps the slots of a server that died. Only cleans up; nothing is decided by it. */
export const slotLeaseSeconds = 3_600

/** How long one lease takes all keys that are to expire: they share few leases, and stay this much longer at the most. */
export const expiringLeaseTurnSeconds = 3_600

/**
 * Values per page while everything is read at one revision. Small where values are large; large where there are many, because etcd
 * counts all that follow for each page.
 */
export const scanPageSize = { values: 1_000, digests: 50, recent: 10_000 } as const
