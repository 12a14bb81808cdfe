import { firstAtOrAfter } from '../plan/index.ts'
import { type Address, compareAddresses, type IpFamily } from './address.ts'
import { greater, lesser } from './bigints.ts'
import { type Cidr, firstAddress, lastAddress } from './cidr.ts'

/** Addresses `first` to `last`, both included, as numbers of one family. */
interface Range {
  readonly first: bigint
  readonly last: bigint
}

/**
 * An immutable set of addresses: the union of CIDRs, which may overlap, nest and touch. Each method looks at the union: the set of
 * two halves covers the whole (docs/calico/ipam.md section 8, reservations). Each lookup is a binary search.
 */
export class CidrSet {
  /** Disjoint, with a gap between neighbours, ascending. */
  readonly #ranges: Readonly<Record<IpFamily, readonly Range[]>>

  private constructor(ranges: Readonly<Record<IpFamily, readonly Range[]>>) {
    this.#ranges = ranges
  }

  /** The union of CIDRs of both families, given in any order. */
  static of(cidrs: Iterable<Cidr>): CidrSet {
    const all = [...cidrs]
    return new CidrSet({ 4: unionOf(all, 4), 6: unionOf(all, 6) })
  }

  /** True if no address is in the set. */
  get isEmpty(): boolean {
    return this.#ranges[4].length === 0 && this.#ranges[6].length === 0
  }

  /** True if the address is in the set. */
  has(address: Address): boolean {
    const range = this.#firstReaching(address)
    return range !== undefined && range.first <= address.value
  }

  /** True if every address of the CIDR is in the set. */
  covers(cidr: Cidr): boolean {
    const range = this.#firstReaching(firstAddress(cidr))
    return range !== undefined && range.first <= cidr.base && range.last >= lastAddress(cidr).value
  }

  /** True if at least one address of the CIDR is in the set. */
  overlaps(cidr: Cidr): boolean {
    const range = this.#firstReaching(firstAddress(cidr))
    return range !== undefined && range.first <= lastAddress(cidr).value
  }

  /** The last address of the unbroken run in the set that begins at `address`; undefined if `address` is not in the set. */
  lastOfRunAt(address: Address): Address | undefined {
    const range = this.#firstReaching(address)
    if (range === undefined || range.first > address.value) return undefined
    return { family: address.family, value: range.last }
  }

  /** The unbroken runs of addresses of the CIDR that are in the set, ascending. */
  *runsIn(cidr: Cidr): Iterable<{ readonly first: Address; readonly last: Address }> {
    const { family } = cidr
    for (const { first, last } of this.#runsBetween(family, cidr.base, lastAddress(cidr).value)) {
      yield { first: { family, value: first }, last: { family, value: last } }
    }
  }

  /** The addresses from `first` to `last`, both included and of one family, that are not in the set: runs of them, ascending. */
  *gapsBetween({ family, value: first }: Address, { value: last }: Address): Iterable<Range> {
    let next = first
    for (const run of this.#runsBetween(family, first, last)) {
      if (run.first > next) yield { first: next, last: run.first - 1n }
      next = run.last + 1n
    }
    if (next <= last) yield { first: next, last }
  }

  /** The number of addresses of the CIDR that are in the set, each counted once. Takes a step for each range of the set inside it. */
  countIn(cidr: Cidr): bigint {
    return this.countBetween(firstAddress(cidr), lastAddress(cidr))
  }

  /** Like {@link countIn}, for the addresses from `first` to `last`, both included and of one family. */
  countBetween({ family, value: first }: Address, { value: last }: Address): bigint {
    let count = 0n
    for (const run of this.#runsBetween(family, first, last)) count += run.last - run.first + 1n
    return count
  }

  /** The parts of the ranges that lie between `first` and `last`, both included, ascending. */
  *#runsBetween(family: IpFamily, first: bigint, last: bigint): Iterable<Range> {
    const ranges = this.#ranges[family]
    for (let index = firstReaching(ranges, first); index < ranges.length; index++) {
      const range = ranges[index]
      if (range === undefined || range.first > last) return
      yield { first: greater(range.first, first), last: lesser(range.last, last) }
    }
  }

  /** The lowest range that ends at the address or after it. */
  #firstReaching(address: Address): Range | undefined {
    const ranges = this.#ranges[address.family]
    return ranges[firstReaching(ranges, address.value)]
  }
}

function unionOf(cidrs: readonly Cidr[], family: IpFamily): readonly Range[] {
  const sorted = cidrs
    .filter((cidr) => cidr.family === family)
    .sort((a, b) => compareAddresses(firstAddress(a), firstAddress(b)))
  const union: Range[] = []
  for (const cidr of sorted) {
    const first = cidr.base
    const last = lastAddress(cidr).value
    const previous = union.at(-1)
    if (previous === undefined || first > previous.last + 1n) union.push({ first, last })
    else union[union.length - 1] = { first: previous.first, last: greater(previous.last, last) }
  }
  return union
}

/** The position of the lowest range that ends at `value` or after it. */
function firstReaching(ranges: readonly Range[], value: bigint): number {
  return firstAtOrAfter(ranges, value, ({ last }) => last)
}
