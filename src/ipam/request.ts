import type { Rights } from '../access/index.ts'
import type { BlockIndex, ChargeIndex, HostReserved, Now, PoolUse } from '../model/index.ts'
import type { Address, Cidr, IpFamily } from '../net/index.ts'
import type { Revision } from '../plan/index.ts'

/** The inputs of a plan that are not in the datastore. The caller reads them, so that planning can be repeated. */
export interface IpamContext {
  readonly now: Now
  /** The index of blocks, kept beside the image that the view answers from. */
  readonly blocks: BlockIndex
  /** The rights of the caller. */
  readonly rights: Rights
  /** Knows which blocks have charges; without it, only upkeep gives charges back. */
  readonly charges?: Pick<ChargeIndex, 'isEmpty'> | undefined
  /** The addresses of a handle, if they are too many for the plan to read. */
  readonly held?: HandleSnapshot | undefined
}

/**
 * The addresses of a handle at one revision, read before the plan. The plan proves that the handle is still at `revision`: every transaction that
 * changes what a handle holds writes the handle too.
 */
export interface HandleSnapshot {
  readonly handle: string
  /** The revision that last changed the handle. */
  readonly revision: Revision
  readonly allocations: readonly Allocation[]
  /** Its blocks that cannot be read. */
  readonly unreadable: readonly Cidr[]
}

/** What an assignment asks for, parsed and with every default: either counts or named addresses, never both. */
export interface AssignRequest {
  readonly handle: string
  readonly node: string | undefined
  /** The number of addresses of each family to choose. */
  readonly counts: Readonly<Record<IpFamily, number>>
  /** The addresses to assign, instead of counts. */
  readonly addresses: readonly Address[]
  /** Names or CIDRs of the pools to choose from, in order of preference; if empty, every eligible pool. */
  readonly pools: readonly string[]
  /** Undefined: `Workload` for counts; no check of `allowedUses` for named addresses. */
  readonly use: PoolUse | undefined
  readonly namespaceLabels: Readonly<Record<string, string>>
  readonly attributes: Readonly<Record<string, string>>
  /** 0 if the request sets no limit of its own. */
  readonly maxBlocksPerNode: number
  /** The most addresses of each family that the handle may hold; undefined for any number. */
  readonly maxPerHandle?: number
  /** The addresses that the host keeps for itself in each new block; needs strict affinity. */
  readonly hostReserved?: Readonly<Partial<Record<IpFamily, HostReserved>>>
  /** True if fewer addresses than requested are acceptable. */
  readonly partial: boolean
}

/** One address that is held. */
export interface Allocation {
  readonly address: Address
  readonly block: Cidr
  /** The name of the pool that contains the block; undefined if no pool does. */
  readonly pool: string | undefined
  readonly node: string | undefined
  readonly handle: string | undefined
  readonly sequenceNumber: bigint
  readonly attributes: Readonly<Record<string, string>>
}

/** What was assigned, in the order in which the addresses were chosen or named. */
export interface AssignAnswer {
  readonly handle: string
  readonly addresses: readonly Allocation[]
}

/** One address to release, and what the caller expects of it. */
export interface ReleaseItem {
  readonly address: Address
  readonly handle?: string
  readonly sequenceNumber?: bigint
}

/** An address that was not released because it is not held as the caller says, or because its block cannot be read. */
export interface FailedRelease {
  readonly address: Address
  readonly reason: 'SequenceNumberMismatch' | 'HandleMismatch' | 'Unreadable'
  readonly message: string
}

/** The outcome of a release for each address. */
export interface ReleaseAnswer {
  readonly released: readonly Address[]
  readonly unallocated: readonly Address[]
  readonly failed: readonly FailedRelease[]
}
