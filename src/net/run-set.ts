import assert from 'node:assert/strict'
import { firstAtOrAfter } from '../plan/index.ts'

/**
 * A set of whole numbers of any size, made for block numbers: hundreds of thousands, often consecutive, beyond 2^64 in IPv6 (a /48
 * pool alone has 2^74 blocks). It stores numbers in pages of 4,096, and a page as its borders: the sorted places at which membership
 * changes. With one list for all numbers, a change could splice megabytes if the runs are short; a page bounds that, and its borders
 * are numbers instead of bigints.
 */
export class RunSet {
  /** From a page's number to its borders. A page without members has no entry. */
  readonly #pages = new Map<bigint, number[]>()
  /** The numbers of the full pages, so that `nextAbsent` skips a run over many pages in one step. Undefined until a page is full. */
  #full: RunSet | undefined
  #size = 0n

  /** The number of members. */
  get size(): bigint {
    return this.#size
  }

  /** True if the number is in the set. */
  has(number: bigint): boolean {
    const borders = this.#pages.get(pageOf(number))
    return borders !== undefined && isInside(bordersUpTo(borders, offsetInPage(number)))
  }

  /** Adds the number; does nothing if the set has it. */
  add(number: bigint): void {
    if (this.has(number)) return
    const page = pageOf(number)
    const borders = this.#pages.get(page) ?? []
    this.#pages.set(page, borders)
    flip(borders, offsetInPage(number))
    if (isFull(borders)) (this.#full ??= new RunSet()).add(page)
    this.#size += 1n
  }

  /** Removes the number; does nothing if the set does not have it. */
  delete(number: bigint): void {
    const page = pageOf(number)
    const borders = this.#pages.get(page)
    if (borders === undefined || !this.has(number)) return
    if (isFull(borders)) this.#full?.delete(page)
    flip(borders, offsetInPage(number))
    if (borders.length === 0) this.#pages.delete(page)
    this.#size -= 1n
  }

  /** The smallest number from `from` up that is not in the set. A few binary searches, however long the run that contains `from`. */
  nextAbsent(from: bigint): bigint {
    let number = from
    for (;;) {
      const page = pageOf(number)
      const afterFull = this.#full?.nextAbsent(page) ?? page
      if (afterFull !== page) number = afterFull << BigInt(pageBits)
      const borders = this.#pages.get(pageOf(number))
      if (borders === undefined) return number
      const place = offsetInPage(number)
      const count = bordersUpTo(borders, place)
      if (!isInside(count)) return number
      // The run ends with its page at the latest; it may continue in the next one.
      const end = borders[count]
      assert(end !== undefined, 'a run must end within its page')
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

function offsetInPage(number: bigint): number {
  return Number(BigInt.asUintN(pageBits, number))
}

/** Borders alternate between "members from here" and "none from here": after an odd number of them, a place is a member. */
function isInside(borderCount: number): boolean {
  return borderCount % 2 === 1
}

/** The number of borders at `place` or before it. */
function bordersUpTo(borders: readonly number[], place: number): number {
  return firstAtOrAfter(borders, place + 1, (border) => border)
}

/**
 * Changes whether a place is a member. This toggles the border at the place and the one after it: an existing border disappears (two
 * runs join, or a run ends up empty), a missing one appears.
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
