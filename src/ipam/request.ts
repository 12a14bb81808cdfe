import type { BlockIndex, HostReserved, Now, PoolUse } from '../model/index.ts'
import type { Address, Cidr, IpFamily } from '../net/index.ts'

/** What a plan knows of the world outside the datastore. Read by the shell, so that planning stays repeatable. */
export interface Context {
  readonly now: Now
  /** Which blocks there are; kept beside the image that the view answers from. */
  readonly blocks: BlockIndex
}

/** A wish for addresses, parsed and complete: either counts or named addresses, never both. */
export interface AssignRequest {
  readonly handle: string
  readonly node: string | undefined
  /** How many addresses of each family to choose. */
  readonly counts: Readonly<Record<IpFamily, number>>
  /** These very addresses, instead of counts. */
  readonly addresses: readonly Address[]
  /** Names or CIDRs of the only pools to choose from, in order of preference; empty: every eligible pool. */
  readonly pools: readonly string[]
  /** Undefined: `Workload` for counts; no check of `allowedUses` for named addresses. */
  readonly use: PoolUse | undefined
  readonly namespaceLabels: Readonly<Record<string, string>>
  readonly attributes: Readonly<Record<string, string>>
  /** 0: no limit of the request's own. */
  readonly maxBlocksPerNode: number
  /** How many addresses of each family the handle may hold; undefined: any number. */
  readonly maxPerHandle?: number
  /** What the host keeps for itself of each new block; needs strict affinity. */
  readonly hostReserved?: Readonly<Partial<Record<IpFamily, HostReserved>>>
  /** Fewer addresses than asked for are fine. */
  readonly partial: boolean
}

/** One address that somebody holds. */
export interface Allocation {
  readonly address: Address
  readonly block: Cidr
  /** The name of the pool that contains the block; undefined when no pool does any more. */
  readonly pool: string | undefined
  readonly node: string | undefined
  readonly handle: string | undefined
  readonly sequenceNumber: bigint
  readonly attributes: Readonly<Record<string, string>>
}

/** Everything that answers a wish, in the order in which the addresses were chosen or named. */
export interface AssignAnswer {
  readonly handle: string
  readonly addresses: readonly Allocation[]
}

/** One address to take back, with what its owner knows about it. */
export interface ReleaseItem {
  readonly address: Address
  readonly handle?: string
  readonly sequenceNumber?: bigint
}

/** An address that was not taken back because its holder is not who the caller says, or because its block cannot be read. */
export interface FailedRelease {
  readonly address: Address
  readonly reason: 'SequenceNumberMismatch' | 'HandleMismatch' | 'Unreadable'
  readonly message: string
}

/** What became of each address of a release. */
export interface ReleaseAnswer {
  readonly released: readonly Address[]
  readonly unallocated: readonly Address[]
  readonly failed: readonly FailedRelease[]
}
