import {
  assignAutomatically,
  type Block,
  type BlockIndex,
  blockKey,
  newBlock,
  parseAffinity,
} from '../../src/model/index.ts'
import {
  type Cidr,
  type IpFamily,
  formatCidr,
  mustParseCidr,
  type PrefixLength,
  prefixLength,
} from '../../src/net/index.ts'

/** When the blocks were made: 2026-11-23T04:00:00Z. */
export const madeAt = { nanoseconds: 1_795_406_400_000_000_000n }

/** A prefix length of the family; throws when there is no such. */
export function size(family: IpFamily, length: number): PrefixLength {
  const valid = prefixLength(family, length)
  if (valid === undefined) throw new Error(`/${length} is no prefix length`)
  return valid
}

/** A block of which the first `heldCount` addresses are held. */
export function blockOf(cidr: string | Cidr, affinity: string | null, heldCount = 0): Block {
  const host = affinity === null ? null : (parseAffinity(affinity) ?? null)
  const block = newBlock(typeof cidr === 'string' ? mustParseCidr(cidr) : cidr, host, madeAt)
  return assignAutomatically(block, heldCount, () => false, { handle: 'h' }).block
}

/** Tells the index of blocks as if they had just been stored. */
export function store(index: BlockIndex, ...blocks: readonly Block[]): void {
  for (const block of blocks) index.changed(blockKey(block.cidr).text, { kind: 'value', value: block })
}

/** The CIDRs of entries, as text. */
export function cidrsOf(entries: Iterable<{ readonly cidr: Cidr }>): readonly string[] {
  return [...entries].map(({ cidr }) => formatCidr(cidr))
}
