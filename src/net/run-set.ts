import assert from 'node:assert/strict'

/**
 * A set of whole numbers of any size, made for block numbers: hundreds of thousands, often beside each other, beyond 2^64 in IPv6
 * (a /48 pool alone holds 2^74 blocks). Numbers are held in pages of 4,096, a page as the sorted places at which membership
 * changes. One list over everything would need a splice of megabytes per change when the runs are short; a page bounds it, and
 * keeps bigints out of it.
 */
export class RunSet {
  /** Page number to its borders; a page without members is not there. */
  readonly #pages = new Map<bigint, number[]>()
  /** The numbers of the pages that are full, once there is one: a run over many pages is left in one step. */
  #full: RunSet | undefined
  #size = 0n

  /** How many numbers are in the set. */
  get size(): bigint {
    return this.#size
  }

  /** Whether the number is in the set. */
  has(number: bigint): boolean {
    const borders = this.#pages.get(pageOf(number))
    return borders !== undefined && isInside(bordersUpTo(borders, placeOf(number)))
  }

  /** Puts the number into the set; does nothing when it is there. */
  add(number: bigint): void {
    if (this.has(number)) return
    const page = pageOf(number)
    const borders = this.#pages.get(page) ?? []
    this.#pages.set(page, borders)
    flip(borders, placeOf(number))
    if (isFull(borders)) (this.#full ??= new RunSet()).add(page)
    this.#size += 1n
  }

  /** Takes the number out of the set; does nothing when it is not there. */
  delete(number: bigint): void {
    const page = pageOf(number)
    const borders = this.#pages.get(page)
    if (borders === undefined || !this.has(number)) return
    if (isFull(borders)) this.#full?.delete(page)
    flip(borders, placeOf(number))
    if (borders.length === 0) this.#pages.delete(page)
    this.#size -= 1n
  }

  /** The smallest number from `from` upwards that is not in the set: a few binary searches, however long the run that it is in. */
  nextAbsent(from: bigint): bigint {
    let number = from
    for (;;) {
      const page = pageOf(number)
      const afterFull = this.#full?.nextAbsent(page) ?? page
      if (afterFull !== page) number = afterFull << BigInt(pageBits)
      const borders = this.#pages.get(pageOf(number))
      if (borders === undefined) return number
      const place = placeOf(number)
      const count = bordersUpTo(borders, place)
      if (!isInside(count)) return number
      // The run ends with its page at the latest; the next page may go on with it.
      const end = borders[count]
      assert(end !== undefined, 'a run that does not end in its page')
      number += BigInt(end - place)
    }
  }
}

const pageBits = 12

function pageOf(number: bigint): bigint {
  return number >> BigInt(pageBits)
}

function isFull(borders: readonly number[]): boolean {
  return borders[0] === 0 && borders[1] === 1 << pageBits
}

function placeOf(number: bigint): number {
  return Number(BigInt.asUintN(pageBits, number))
}

/** Borders alternate between "members from here" and "none from here", so that their number up to a place tells on which side it is. */
function isInside(borderCount: number): boolean {
  return borderCount % 2 === 1
}

/** How many borders are at `place` or below. */
function bordersUpTo(borders: readonly number[], place: number): number {
  let low = 0
  let high = borders.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const border = borders[middle]
    if (border !== undefined && border <= place) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Makes a member of a place that was none, or the reverse. Either way the borders at the place and after it change sides: one that
 * is there goes (runs join, or a run shrinks to nothing), one that is missing comes.
 */
function flip(borders: number[], place: number): void {
  const count = bordersUpTo(borders, place)
  const isBorder = borders[count - 1] === place
  const isBorderAfter = borders[count] === place + 1
  if (isBorder && isBorderAfter) borders.splice(count - 1, 2)
  else if (isBorder) borders[count - 1] = place + 1
  else if (isBorderAfter) borders[count] = place
  else borders.splice(count, 0, place, place + 1)
}
