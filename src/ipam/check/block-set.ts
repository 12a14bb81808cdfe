import { bits, type Cidr, type IpFamily, type PrefixLength, RunSet } from '../../net/index.ts'

/** Which blocks there are, in little memory however many: by family and prefix length the numbers of the blocks, counted from address 0. */
export class BlockSet {
  readonly #sets = new Map<
    string,
    { readonly family: IpFamily; readonly length: PrefixLength; readonly numbers: RunSet }
  >()

  /** Whether there is a block of exactly this CIDR. */
  has(cidr: Cidr): boolean {
    return this.#sets.get(nameOf(cidr))?.numbers.has(numberOf(cidr)) === true
  }

  /** Adds a block, and gives those added before that share an address with it. */
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

  /** Blocks of one size never overlap. Those of another size are looked up one by one: a block has room for 4,096 at the most. */
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

function nameOf({ family, prefixLength }: Cidr): string {
  return `${String(family)}/${String(prefixLength)}`
}

function numberOf({ family, base, prefixLength }: Cidr): bigint {
  return base >> BigInt(bits(family) - prefixLength)
}
