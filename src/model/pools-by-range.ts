import { type Cidr, hostBits, type IpFamily, lastAddress, type PrefixLength } from '../net/index.ts'
import { firstAtOrAfter } from '../plan/index.ts'

/** Something that has a range of addresses. */
interface Ranged {
  readonly cidr: Cidr
}

/** Finds the pools that share addresses with a block or a range, in a time that does not depend on how many pools there are. */
export class PoolsByRange<Entry extends Ranged> {
  /**
   * By family, prefix length and first address without its host bits. A Map hashes the lowest 64 bits of a bigint only, and those of
   * IPv6 pools are the same. Several pools may have the same range.
   */
  readonly #byStart: Readonly<Record<IpFamily, Map<PrefixLength, Map<bigint, Entry[]>>>> = {
    4: new Map(),
    6: new Map(),
  }
  /** By first address. */
  readonly #ascending: Readonly<Record<IpFamily, readonly Entry[]>>

  constructor(entries: readonly Entry[]) {
    for (const entry of entries) {
      const { family, prefixLength, base } = entry.cidr
      const start = base >> hostBits(entry.cidr)
      const ofLength = this.#byStart[family].get(prefixLength) ?? new Map<bigint, Entry[]>()
      this.#byStart[family].set(prefixLength, ofLength)
      const ofStart = ofLength.get(start)
      if (ofStart === undefined) ofLength.set(start, [entry])
      else ofStart.push(entry)
    }
    this.#ascending = { 4: ascending(entries, 4), 6: ascending(entries, 6) }
  }

  /** The pools that contain `cidr`, in no order. */
  *around({ family, prefixLength, base }: Cidr): Iterable<Entry> {
    for (const [length, ofLength] of this.#byStart[family]) {
      if (length > prefixLength) continue
      const bits = hostBits({ family, prefixLength: length, base })
      yield* ofLength.get(base >> bits) ?? []
    }
  }

  /** The pools that lie in `cidr` and are smaller. */
  *within(cidr: Cidr): Iterable<Entry> {
    const entries = this.#ascending[cidr.family]
    const { value: last } = lastAddress(cidr)
    let position = firstAtOrAfter(entries, cidr.base, (entry) => entry.cidr.base)
    for (; position < entries.length; position++) {
      const entry = entries[position]
      if (entry === undefined || entry.cidr.base > last) return
      if (entry.cidr.prefixLength > cidr.prefixLength) yield entry
    }
  }

  /** The innermost pool that contains `cidr`: of pools with the same range, the last. */
  innermost(cidr: Cidr): Entry | undefined {
    let innermost: Entry | undefined
    for (const entry of this.around(cidr)) {
      if (innermost === undefined || entry.cidr.prefixLength >= innermost.cidr.prefixLength) innermost = entry
    }
    return innermost
  }
}

function ascending<Entry extends Ranged>(entries: readonly Entry[], family: IpFamily): readonly Entry[] {
  const ofFamily = entries.filter(({ cidr }) => cidr.family === family)
  return ofFamily.sort((one, other) => (one.cidr.base < other.cidr.base ? -1 : one.cidr.base > other.cidr.base ? 1 : 0))
}
