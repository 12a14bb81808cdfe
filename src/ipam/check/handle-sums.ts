import { compareBytewise, type Handle } from '../../model/index.ts'

/** The numbers of a slot: the two halves of the hash of a handle's key, the first of them 0 if the slot is free; the halves of its sum. */
const slotLength = 4

/** The most slots that are taken, as a part of all. */
const fullest = 0.75

/** One of so many handles is a sample. */
const sampled = 512

/**
 * Compares what handles count with what they hold, in 16 bytes for each slot instead of the texts. A handle's sum grows by a hash of each
 * block and number that it holds, and shrinks by those that it counts: it ends at 0 if both are the same. Otherwise the handle is a
 * suspect, to be examined. A handle that is right is a suspect, too, if it shares its slot with one; a handle that is wrong is
 * missed with a probability of 2^-63.
 */
export class HandleSums {
  readonly #hash: Hash
  readonly #samples: string[] = []
  #slots = new Int32Array(1_024 * slotLength)
  #size = 0

  /** Hashes begin with `seed`, so that callers cannot choose handles which hide each other. */
  constructor(seed: number) {
    this.#hash = new Hash(seed)
  }

  /** Adds what the handle with this key holds in a block. */
  hold(key: string, block: string, count: number): void {
    this.#add(this.#slotOf(key), block, count, 1)
  }

  /** Takes off what the stored handle counts, except in the blocks that `isIgnored`. A handle that counts nothing becomes a suspect. */
  count(key: string, { blocks }: Handle, isIgnored: (block: string) => boolean): void {
    const slot = this.#slotOf(key)
    if (blocks.size === 0) this.#add(slot, '', 0, 1)
    for (const [block, count] of blocks) if (!isIgnored(block)) this.#add(slot, block, count, -1)
  }

  /** Removes a handle from the suspects, because its counts cannot be read. */
  clear(key: string): void {
    const slot = this.#slotOf(key)
    this.#slots.fill(0, slot + 2, slot + slotLength)
  }

  /** True if some handle has to be examined. */
  get hasSuspects(): boolean {
    for (let slot = 0; slot < this.#slots.length; slot += slotLength) if (this.#isOdd(slot)) return true
    return false
  }

  /** True if the handle with this key has to be examined. */
  isSuspect(key: string): boolean {
    this.#hash.take(key)
    return this.#isOdd(findSlot(this.#slots, this.#hash.one, this.#hash.other))
  }

  /** The keys of some handles that lie about evenly between all of them, in order. */
  get samples(): readonly string[] {
    return this.#samples.sort(compareBytewise)
  }

  #isOdd(slot: number): boolean {
    return this.#slots[slot + 2] !== 0 || this.#slots[slot + 3] !== 0
  }

  #add(slot: number, block: string, count: number, sign: 1 | -1): void {
    this.#hash.take(`${block} ${count}`)
    this.#slots[slot + 2] = Number(this.#slots[slot + 2]) + sign * this.#hash.one
    this.#slots[slot + 3] = Number(this.#slots[slot + 3]) + sign * this.#hash.other
  }

  #slotOf(key: string): number {
    this.#hash.take(key)
    const { one, other } = this.#hash
    const slot = findSlot(this.#slots, one, other)
    if (this.#slots[slot] !== 0) return slot
    // A substring refers to the text that it was cut from. This copies it.
    if (other % sampled === 0) this.#samples.push(` ${key}`.slice(1))
    this.#slots[slot] = one
    this.#slots[slot + 1] = other
    this.#size++
    if (this.#size * slotLength <= this.#slots.length * fullest) return slot
    this.#grow()
    return findSlot(this.#slots, one, other)
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Int32Array(before.length * 2)
    for (let slot = 0; slot < before.length; slot += slotLength) {
      const [one = 0, other = 0] = before.subarray(slot, slot + 2)
      if (one !== 0) this.#slots.set(before.subarray(slot, slot + slotLength), findSlot(this.#slots, one, other))
    }
  }
}

/** The slot with this hash, or the free one that it belongs in. The number of slots is a power of 2. */
function findSlot(slots: Int32Array, one: number, other: number): number {
  const mask = slots.length - 1
  let slot = Math.imul(other, slotLength) & mask
  while (slots[slot] !== 0 && (slots[slot] !== one || slots[slot + 1] !== other)) slot = (slot + slotLength) & mask
  return slot
}

/** The hash of a text in two halves of 32 bits, mixed as in MurmurHash3; the first is never 0. Fields, because a pair would be garbage. */
class Hash {
  readonly #seed: number
  one = 0
  other = 0

  constructor(seed: number) {
    this.#seed = seed
  }

  /** Sets the halves to those of `text`. */
  take(text: string): void {
    let one = this.#seed ^ 0xdeadbeef
    let other = this.#seed ^ 0x41c6ce57
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      one = Math.imul(one ^ code, 2_654_435_761)
      other = Math.imul(other ^ code, 1_597_334_677)
    }
    this.one = mix(one ^ Math.imul(other ^ (other >>> 15), 3_266_489_909)) | 1
    this.other = mix(other ^ Math.imul(one ^ (one >>> 15), 3_266_489_909))
  }
}

function mix(half: number): number {
  const mixed = Math.imul(half ^ (half >>> 16), 2_246_822_507)
  const again = Math.imul(mixed ^ (mixed >>> 13), 3_266_489_909)
  return again ^ (again >>> 16)
}
