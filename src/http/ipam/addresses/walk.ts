import { unlimited } from '../../../access/index.ts'
import type { Allocation } from '../../../ipam/index.ts'
import { blockKey } from '../../../model/index.ts'
import { ordinalOf } from '../../../net/index.ts'
import { findAddresses } from './list.ts'
import type { Place } from './place.ts'
import type { SelectionQuery } from './selection.ts'
import type { Reader } from './snapshot.ts'

/** Addresses that are read at once and kept until they are taken. */
const readAhead = 1_000

/**
 * Walks through all addresses, whatever the rights of the caller. Reads each block once, however few addresses are taken at a time.
 * Addresses may change during the walk, so a caller that changes one must prove that it is still as it was found.
 */
export class AddressWalk {
  readonly #reader: Reader
  readonly #query: SelectionQuery
  /** The addresses found from `from` to `to`; to the end if `to` is undefined. */
  #found: readonly Allocation[] = []
  #from: Place | undefined
  #to: Place | undefined

  constructor(reader: Reader, query: SelectionQuery) {
    this.#reader = reader
    this.#query = query
  }

  /** Returns up to `limit` addresses from `start` on. The next take begins at `next`, which is undefined at the end. */
  async take(
    start: Place,
    limit: number,
  ): Promise<{ readonly addresses: readonly Allocation[]; readonly next: Place | undefined }> {
    if (!this.#covers(start)) {
      this.#found = []
      this.#to = start
    }
    this.#from = start
    this.#found = this.#found.filter((allocation) => comparePlaces(placeOf(allocation), start) >= 0)
    while (this.#found.length <= limit && this.#to !== undefined) {
      const page = await findAddresses(this.#reader, unlimited, { ...this.#query, limit: readAhead }, this.#to)
      this.#found = [...this.#found, ...page.addresses]
      this.#to = page.next
    }
    const following = this.#found[limit]
    return {
      addresses: this.#found.slice(0, limit),
      next: following === undefined ? this.#to : placeOf(following),
    }
  }

  #covers(place: Place): boolean {
    if (this.#from === undefined || comparePlaces(place, this.#from) < 0) return false
    return this.#to === undefined || comparePlaces(place, this.#to) <= 0
  }
}

function placeOf({ block, address }: Allocation): Place {
  return { key: blockKey(block).text, ordinal: ordinalOf(block, address) }
}

function comparePlaces(one: Place, other: Place): number {
  if (one.key === other.key) return one.ordinal - other.ordinal
  return one.key < other.key ? -1 : 1
}
