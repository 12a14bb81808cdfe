/** Blocks as Calico stores them in Kubernetes, and its changes of them: written apart from ippoold's own, so that one checks the other. */

/** The spec of a block, as the API server answers it: numbers beyond 2^53 are bigints. */
export interface BlockSpec {
  readonly cidr: string
  /** Such as `host:node-1`; absent if the block belongs to nobody. */
  readonly affinity?: string
  readonly affinityClaimTime?: string
  /** For each ordinal the place of its attribute; null if it is free. */
  readonly allocations: readonly (number | null)[]
  /** The free ordinals, the next to be assigned first. */
  readonly unallocated: readonly number[]
  readonly attributes: readonly BlockAttribute[]
  readonly sequenceNumber: number | bigint
  readonly sequenceNumberForAllocation?: Readonly<Record<string, number | bigint>>
  readonly deleted?: boolean
  readonly strictAffinity: false
}

/** Who holds some ordinals of a block. */
export interface BlockAttribute {
  readonly handle_id?: string
  readonly secondary?: Readonly<Record<string, string>>
  readonly alternateOwnerAttrs?: Readonly<Record<string, string>>
  readonly releasedAt?: string
}

/** A block with no address in use, that belongs to `affinity`. Its number starts from the clock. */
export function emptyBlock(cidr: string, affinity: string): BlockSpec {
  const size = sizeOf(cidr)
  return {
    cidr,
    affinity,
    affinityClaimTime: `${new Date().toISOString().slice(0, 19)}Z`,
    allocations: Array.from({ length: size }, () => null),
    unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
    attributes: [],
    sequenceNumber: BigInt(Date.now()) * 1_000_000n,
    sequenceNumberForAllocation: {},
    deleted: false,
    strictAffinity: false,
  }
}

/** True if no address of the block is in use. */
export function isEmpty({ allocations }: BlockSpec): boolean {
  return allocations.every((index) => index === null)
}

/** The ordinals that a handle holds. */
export function ordinalsOf({ allocations, attributes }: BlockSpec, handle: string): readonly number[] {
  return allocations.flatMap((index, ordinal) => {
    return index !== null && attributes[index]?.handle_id === handle ? [ordinal] : []
  })
}

/** The block after the next free ordinal went to `attribute`; undefined if the block is full. */
export function take(
  block: BlockSpec,
  attribute: BlockAttribute,
): { readonly block: BlockSpec; readonly ordinal: number; readonly sequenceNumber: bigint } | undefined {
  const [ordinal, ...unallocated] = block.unallocated
  if (ordinal === undefined) return undefined
  const same = block.attributes.findIndex((other) => JSON.stringify(other) === JSON.stringify(attribute))
  const attributes = same < 0 ? [...block.attributes, attribute] : block.attributes
  const sequenceNumber = BigInt(block.sequenceNumber)
  const taken = {
    ...block,
    allocations: block.allocations.with(ordinal, same < 0 ? attributes.length - 1 : same),
    unallocated,
    attributes,
    sequenceNumberForAllocation: { ...block.sequenceNumberForAllocation, [ordinal]: sequenceNumber },
  }
  return { block: renumber(taken), ordinal, sequenceNumber }
}

/** The block after these ordinals, which are in use, were released. Attributes that nobody uses any more go. */
export function free(block: BlockSpec, ordinals: readonly number[]): BlockSpec {
  const allocations = block.allocations.map((index, ordinal) => (ordinals.includes(ordinal) ? null : index))
  const used = [...new Set(allocations.filter((index) => index !== null))].toSorted((a, b) => a - b)
  const numbers = Object.entries(block.sequenceNumberForAllocation ?? {})
  return renumber({
    ...block,
    allocations: allocations.map((index) => (index === null ? null : used.indexOf(index))),
    unallocated: [...block.unallocated, ...ordinals],
    attributes: used.flatMap((index) => block.attributes[index] ?? []),
    sequenceNumberForAllocation: Object.fromEntries(numbers.filter(([ordinal]) => !ordinals.includes(Number(ordinal)))),
  })
}

/** The block after a write that changes nothing else. */
export function renumber(block: BlockSpec): BlockSpec {
  return { ...block, sequenceNumber: BigInt(block.sequenceNumber) + 1n }
}

/** The block after it was taken from its host. */
export function strip({ affinity: _, affinityClaimTime: __, ...block }: BlockSpec): BlockSpec {
  return renumber(block)
}

/** The address of an ordinal, of a block of IPv4 that ends in its last byte. */
export function addressOf({ cidr }: Pick<BlockSpec, 'cidr'>, ordinal: number): string {
  const [, start = '', last = ''] = /^(\d+\.\d+\.\d+\.)(\d+)\//.exec(cidr) ?? []
  return `${start}${Number(last) + ordinal}`
}

function sizeOf(cidr: string): number {
  return 2 ** ((cidr.includes(':') ? 128 : 32) - Number(cidr.split('/')[1]))
}
