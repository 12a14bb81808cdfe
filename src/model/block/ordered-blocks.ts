import { addressCount, type Cidr } from '../../net/index.ts'
import { firstAtOrAfter } from '../../plan/index.ts'

/** The number of addresses in the largest block (/20 or /116). A block that overlaps a range begins at most this far before it. */
const largestBlock = 4096n

/** This many new entries or more are sorted in bulk; fewer are inserted one by one. */
const bulkMin = 64

/** Entries about blocks of one address family, one per CIDR, in the order of their addresses, larger blocks first. */
export class OrderedBlocks<Entry extends { readonly cidr: Cidr }> {
  #ordered: Entry[] = []
  /** New entries that are not in `#ordered` yet: at start many come together, and each insertion would move half of it. */
  #arriving: Entry[] = []

  get isEmpty(): boolean {
    return this.#ordered.length === 0 && this.#arriving.length === 0
  }

  /** Adds an entry; it replaces the one of the same CIDR. */
  set(entry: Entry): void {
    const position = this.#firstAtOrAfter(entry.cidr)
    const found = this.#ordered[position]
    if (this.#arriving.length > 0) this.#arriving.push(entry)
    else if (found === undefined) this.#ordered.push(entry)
    else if (compare(found.cidr, entry.cidr) === 0) this.#ordered[position] = entry
    else this.#arriving.push(entry)
  }

  /** Deletes the entry of the CIDR; does nothing if there is none. */
  delete(cidr: Cidr): void {
    this.#arrange()
    const position = this.#firstAtOrAfter(cidr)
    const found = this.#ordered[position]
    if (found !== undefined && compare(found.cidr, cidr) === 0) this.#ordered.splice(position, 1)
  }

  /** The entries of blocks that share an address with `range`, ascending. */
  overlapping(range: Cidr): Iterable<Entry> {
    return this.between(range.base, range.base + addressCount(range) - 1n)
  }

  /** The entries of blocks that have an address from `first` to `last`, both included, as numbers; ascending. */
  *between(first: bigint, last: bigint): Iterable<Entry> {
    this.#arrange()
    const earliest = first - largestBlock
    let position = firstAtOrAfter(this.#ordered, earliest, (entry) => entry.cidr.base)
    for (; position < this.#ordered.length; position++) {
      const entry = this.#ordered[position]
      if (entry === undefined || entry.cidr.base > last) return
      const { base } = entry.cidr
      if (base >= first || base + addressCount(entry.cidr) > first) yield entry
    }
  }

  /** The entries after `cidr`, which may have an entry or not; by default all entries. */
  *after(cidr?: Cidr): Iterable<Entry> {
    this.#arrange()
    let position = cidr === undefined ? 0 : this.#firstAtOrAfter(cidr)
    const found = this.#ordered[position]
    if (cidr !== undefined && found !== undefined && compare(found.cidr, cidr) === 0) position++
    for (; position < this.#ordered.length; position++) {
      const entry = this.#ordered[position]
      if (entry !== undefined) yield entry
    }
  }

  #arrange(): void {
    const arriving = this.#arriving
    if (arriving.length === 0) return
    this.#arriving = []
    if (arriving.length >= bulkMin) {
      this.#ordered = withoutRepeats(
        [...this.#ordered, ...arriving].sort((left, right) => compare(left.cidr, right.cidr)),
      )
      return
    }
    for (const entry of arriving) {
      const position = this.#firstAtOrAfter(entry.cidr)
      const found = this.#ordered[position]
      const isThere = found !== undefined && compare(found.cidr, entry.cidr) === 0
      this.#ordered.splice(position, isThere ? 1 : 0, entry)
    }
  }

  #firstAtOrAfter(cidr: Cidr): number {
    let position = firstAtOrAfter(this.#ordered, cidr.base, (entry) => entry.cidr.base)
    // Larger blocks with the same first address come before it; a stored block rarely has one.
    for (; position < this.#ordered.length; position++) {
      const entry = this.#ordered[position]
      if (entry === undefined || compare(entry.cidr, cidr) >= 0) break
    }
    return position
  }
}

/** Keeps the last entry of each CIDR: the newest one, as sorting keeps the order of equal entries. */
function withoutRepeats<Entry extends { readonly cidr: Cidr }>(sorted: readonly Entry[]): Entry[] {
  return sorted.filter(({ cidr }, position) => {
    const next = sorted[position + 1]
    return next === undefined || compare(cidr, next.cidr) !== 0
  })
}

function compare(left: Cidr, right: Cidr): number {
  if (left.base !== right.base) return left.base < right.base ? -1 : 1
  return left.prefixLength - right.prefixLength
}
