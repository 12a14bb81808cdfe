import { addressCount, type Cidr } from '../../net/index.ts'

/** How many addresses the largest block has (/20 or /116): how far before a range a block that reaches into it may begin. */
const largestBlock = 4096n

/** What arrives out of order is sorted in bulk from this many on; below it each is put in its place. */
const bulkMin = 64

/** Whatever is known of blocks of one address family, one entry per CIDR, in the order of their addresses. */
export class OrderedBlocks<Entry extends { readonly cidr: Cidr }> {
  #ordered: Entry[] = []
  /** Not yet in `#ordered`: the many that arrive together at start would each move half of it. */
  #arriving: Entry[] = []

  get isEmpty(): boolean {
    return this.#ordered.length === 0 && this.#arriving.length === 0
  }

  /** Takes the entry instead of the one of the same CIDR, if there is one. */
  set(entry: Entry): void {
    const position = this.#firstAtOrAfter(entry.cidr)
    const found = this.#ordered[position]
    if (this.#arriving.length > 0) this.#arriving.push(entry)
    else if (found === undefined) this.#ordered.push(entry)
    else if (compare(found.cidr, entry.cidr) === 0) this.#ordered[position] = entry
    else this.#arriving.push(entry)
  }

  delete(cidr: Cidr): void {
    this.#arrange()
    const position = this.#firstAtOrAfter(cidr)
    const found = this.#ordered[position]
    if (found !== undefined && compare(found.cidr, cidr) === 0) this.#ordered.splice(position, 1)
  }

  /** Those that share an address with `range`, ascending. */
  *overlapping(range: Cidr): Iterable<Entry> {
    this.#arrange()
    const end = range.base + addressCount(range)
    const earliest = { ...range, base: range.base - largestBlock }
    for (let position = this.#firstAtOrAfter(earliest); position < this.#ordered.length; position++) {
      const entry = this.#ordered[position]
      if (entry === undefined || entry.cidr.base >= end) return
      const { base } = entry.cidr
      if (base >= range.base || base + addressCount(entry.cidr) > range.base) yield entry
    }
  }

  /** Those that come after `cidr`, be it there or not; all when it is not given. */
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
    let low = 0
    let high = this.#ordered.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.#ordered[middle]
      if (entry !== undefined && compare(entry.cidr, cidr) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Of sorted entries the last of each CIDR: sorting keeps the order of equals, so that it is the newest. */
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
