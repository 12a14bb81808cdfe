import { addressCount, type Cidr } from '../net/index.ts'
import type { BlockDigest } from './block.ts'

/** How many addresses the largest block has (/20 or /116): how far before a range a block that reaches into it may begin. */
const largestBlock = 4096n

/** Digests that arrive out of order are merged in bulk beyond this many; below it each is put in its place. */
const bulkMin = 64

/** Digests of blocks of one address family, one per CIDR, in the order of their addresses. */
export class OrderedBlocks {
  #ordered: BlockDigest[] = []
  /** Not yet in `#ordered`: the many that arrive together at start would each move half of it. */
  #arriving: BlockDigest[] = []

  set(digest: BlockDigest): void {
    const last = this.#ordered.at(-1)
    if (this.#arriving.length === 0 && (last === undefined || compare(last.cidr, digest.cidr) < 0)) {
      this.#ordered.push(digest)
      return
    }
    this.#arriving.push(digest)
  }

  delete(cidr: Cidr): void {
    this.#arrange()
    const position = this.#firstAtOrAfter(cidr)
    const found = this.#ordered[position]
    if (found !== undefined && compare(found.cidr, cidr) === 0) this.#ordered.splice(position, 1)
  }

  /** Those that share an address with `range`, ascending. */
  *overlapping(range: Cidr): Iterable<BlockDigest> {
    this.#arrange()
    const end = range.base + addressCount(range)
    const earliest = { ...range, base: range.base - largestBlock }
    for (let position = this.#firstAtOrAfter(earliest); position < this.#ordered.length; position++) {
      const digest = this.#ordered[position]
      if (digest === undefined || digest.cidr.base >= end) return
      if (digest.cidr.base + addressCount(digest.cidr) > range.base) yield digest
    }
  }

  #arrange(): void {
    if (this.#arriving.length === 0) return
    const arriving = this.#arriving
    this.#arriving = []
    if (arriving.length >= bulkMin) {
      const merged = new Map<string, BlockDigest>()
      for (const digest of [...this.#ordered, ...arriving]) merged.set(identity(digest.cidr), digest)
      this.#ordered = [...merged.values()].sort((left, right) => compare(left.cidr, right.cidr))
      return
    }
    for (const digest of arriving) {
      const position = this.#firstAtOrAfter(digest.cidr)
      const found = this.#ordered[position]
      const isThere = found !== undefined && compare(found.cidr, digest.cidr) === 0
      this.#ordered.splice(position, isThere ? 1 : 0, digest)
    }
  }

  #firstAtOrAfter(cidr: Cidr): number {
    let low = 0
    let high = this.#ordered.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const digest = this.#ordered[middle]
      if (digest !== undefined && compare(digest.cidr, cidr) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

function identity(cidr: Cidr): string {
  return `${String(cidr.base)}/${String(cidr.prefixLength)}`
}

function compare(left: Cidr, right: Cidr): number {
  if (left.base !== right.base) return left.base < right.base ? -1 : 1
  return left.prefixLength - right.prefixLength
}
