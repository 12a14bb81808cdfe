import { bits, type Cidr, type IpFamily, type PrefixLength, RunSet } from '../../net/index.ts'

/** The blocks that a check has seen. */
export interface KnownBlocks {
  readonly all: BlockSet
  /** The CIDRs, by their text, of blocks that cannot be read, so that their contents are unknown. */
  readonly unreadable: ReadonlyMap<string, Cidr>
}

/**
 * A set of blocks in little memory, however many there are: for each family and prefix length the numbers of the blocks, counted from
 * address 0.
 */
export class BlockSet {
  readonly #sets = new Map<
    string,
    { readonly family: IpFamily; readonly length: PrefixLength; readonly numbers: RunSet }
  >()

  /** True if the set has a block of exactly this CIDR. */
  has(cidr: Cidr): boolean {
    return this.#sets.get(nameOf(cidr))?.numbers.has(numberOf(cidr)) === true
  }

  /** Adds a block, and returns the earlier blocks that share an address with it. */
  add(cidr: Cidr): readonly Cidr[] {
    const found = this.#overlapping(cidr)
    const set = this.#sets.get(nameOf(cidr)) ?? {
      family: cidr.family,
      length: cidr.prefixLength,
      numbers: new RunSet(),
    }
    this.#sets.set(nameOf(cidr), set)
    set.numbers.add(numberOf(cidr))
    return found
  }

  /** Blocks of one size never overlap. Smaller blocks are looked up one by one: a block has room for at most 4,096. */
  #overlapping(cidr: Cidr): readonly Cidr[] {
    const found: Cidr[] = []
    for (const { family, length, numbers } of this.#sets.values()) {
      if (family !== cidr.family || length === cidr.prefixLength) continue
      const shift = BigInt(bits(family) - length)
      const first = cidr.base >> shift
      const count = length < cidr.prefixLength ? 1n : 1n << BigInt(length - cidr.prefixLength)
      for (let number = first; number < first + count; number++) {
        if (numbers.has(number)) found.push({ family, base: number << shift, prefixLength: length })
      }
    }
    return found
  }
}

/** Family and prefix length, as text. */
function nameOf({ family, prefixLength }: Cidr): string {
  return `${family}/${prefixLength}`
}

function numberOf({ family, base, prefixLength }: Cidr): bigint {
  return base >> BigInt(bits(family) - prefixLength)
}
