import { addressCount, formatCidr } from '../../net/index.ts'
import { parseTime } from '../time.ts'
import type { Attribute } from './attribute.ts'
import { type Block, parseBlockKey, windowsReservedHandle } from './block.ts'

/** The parts of a block that its digest is made of. Every block is one. */
export interface BlockOutline
  extends Pick<Block, 'cidr' | 'affinity' | 'affinityClaimTime' | 'allocations' | 'sequenceNumber'> {
  readonly unallocated: readonly number[]
  readonly attributes: readonly Pick<Attribute, 'handle' | 'releasedAt'>[] | null
}

/**
 * What the index wants of a stored block, without making a block of it: a server reads far more of them than it ever takes an address
 * from. Knows only the form in which Go and this server write blocks: no white space, every name exact, in Go's order. Undefined for
 * whatever else a block may look like, and for all that {@link blocks}.decode refuses: only decoding tells what it is. The handles of the
 * outline are left out, but for those of Windows.
 * @see docs/calico/formats.md section 2.2
 */
export function outlineOf(key: string, text: string): BlockOutline | undefined {
  const scanner = new Scanner(text)
  try {
    return scanner.block(key)
  } catch (reason) {
    if (reason === unusual) return undefined
    throw reason
  }
}

/** Thrown and caught in this file only, where it costs a fraction of an error, which would collect its stack. */
const unusual = Symbol('not the form that is known here')

const char = { comma: 0x2c, zero: 0x30, nine: 0x39, n: 0x6e } as const

/** What is between the quotes of a string. Strings with escapes are left to decoding. */
const plainText = String.raw`[^"\\\u0000-\u001f]*`

const member = `"${plainText}":"${plainText}"`
const stringMap = `\\{(?:${member}(?:,${member})*)?\\}`

/** A comma, but for the first field of an object. */
const separator = String.raw`(?:(?<=\{)|(?<!\{),)`

/** The fields of an entry come in Go's order, each of them only if it is not empty. */
const attribute =
  `\\{(?:"handle_id":"(${plainText})")?(?:${separator}"secondary":${stringMap})?` +
  `(?:${separator}"alternateOwnerAttrs":${stringMap})?(?:${separator}"releasedAt":"(${plainText})")?\\}`

/** Digits that stay below 2^64, whatever they are. */
const uint64DigitsMax = 19

/** Digits of an index or an ordinal: more than any block has addresses. */
const indexDigitsMax = 6

type AttributeOutline = NonNullable<BlockOutline['attributes']>[number]

/** An entry of which there is nothing to know but that it is there. */
const plain: AttributeOutline = {}

const windowsReserved: AttributeOutline = { handle: windowsReservedHandle }

/** Walks once over the text. Each method consumes what its name says, or declines. */
class Scanner {
  // Regular expressions get over strings several times faster than a loop over their characters.
  readonly #stringPattern = new RegExp(`"${plainText}"`, 'y')
  readonly #attributePattern = new RegExp(attribute, 'y')
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  block(key: string): BlockOutline {
    const cidr = parseBlockKey(key) ?? this.#decline()
    this.#expect(`{"cidr":"${formatCidr(cidr)}","affinity":`)
    const affinity = this.#has('null') ? null : this.#string()
    const affinityClaimTime = this.#has(',"affinity_claim_time":') ? this.#time() : undefined
    this.#expect(',"allocations":[')
    const allocations = this.#allocations()
    if (BigInt(allocations.length) !== addressCount(cidr)) this.#decline()
    this.#expect(',"unallocated":[')
    const unallocated = this.#unallocated(allocations)
    this.#expect(',"attributes":')
    const attributes = this.#has('null') ? null : this.#attributes()
    const attributeCount = attributes?.length ?? 0
    for (const index of allocations) if (index !== null && index >= attributeCount) this.#decline()
    this.#expect(',"sequenceNumber":')
    const sequenceNumber = this.#uint64()
    this.#expect(',"sequenceNumberForAllocation":{')
    this.#sequenceNumbers(allocations.length)
    this.#expect(',"deleted":')
    if (!this.#has('false')) this.#expect('true')
    if (this.#has(',"hostAffinity":')) this.#string()
    this.#expect('}')
    if (this.#at !== this.#text.length) this.#decline()
    return {
      cidr,
      affinity,
      ...(affinityClaimTime === undefined ? {} : { affinityClaimTime }),
      allocations,
      unallocated,
      attributes,
      sequenceNumber,
    }
  }

  #allocations(): readonly (number | null)[] {
    const allocations: (number | null)[] = []
    do {
      if (this.#code() !== char.n) allocations.push(this.#index())
      else {
        this.#expect('null')
        allocations.push(null)
      }
    } while (this.#hasComma())
    this.#expect(']')
    return allocations
  }

  #unallocated(allocations: readonly (number | null)[]): readonly number[] {
    const unallocated: number[] = []
    if (this.#has(']')) return unallocated
    const isQueued = new Uint8Array(allocations.length)
    do {
      const place = this.#index()
      if (allocations[place] !== null || isQueued[place] === 1) this.#decline()
      isQueued[place] = 1
      unallocated.push(place)
    } while (this.#hasComma())
    this.#expect(']')
    return unallocated
  }

  #attributes(): readonly AttributeOutline[] {
    const attributes: AttributeOutline[] = []
    this.#expect('[')
    if (this.#has(']')) return attributes
    do attributes.push(this.#attribute())
    while (this.#hasComma())
    this.#expect(']')
    return attributes
  }

  #attribute(): AttributeOutline {
    const [, handle, releasedAt] = this.#match(this.#attributePattern)
    const attribute =
      handle?.length === windowsReservedHandle.length && handle.toLowerCase() === windowsReservedHandle
        ? windowsReserved
        : plain
    if (releasedAt === undefined) return attribute
    return parseTime(releasedAt) === undefined ? this.#decline() : { ...attribute, releasedAt }
  }

  #sequenceNumbers(size: number): void {
    if (this.#has('}')) return
    do {
      this.#expect('"')
      if (this.#index() >= size) this.#decline()
      this.#expect('":')
      this.#skipDigits(uint64DigitsMax)
    } while (this.#hasComma())
    this.#expect('}')
  }

  #time(): string {
    const time = this.#string()
    return parseTime(time) === undefined ? this.#decline() : time
  }

  #string(): string {
    const start = this.#at + 1
    this.#match(this.#stringPattern)
    return this.#text.slice(start, this.#at - 1)
  }

  #match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text) ?? this.#decline()
    this.#at = pattern.lastIndex
    return match
  }

  #uint64(): bigint {
    const start = this.#at
    this.#skipDigits(uint64DigitsMax)
    return BigInt(this.#text.slice(start, this.#at))
  }

  #index(): number {
    const start = this.#at
    this.#skipDigits(indexDigitsMax)
    let index = 0
    for (let at = start; at < this.#at; at++) index = index * 10 + this.#text.charCodeAt(at) - char.zero
    return index
  }

  /** A whole number from 0 up, as JSON has it: without zeros in front of it. */
  #skipDigits(digitsMax: number): void {
    const start = this.#at
    let at = start
    let code = this.#text.charCodeAt(at)
    while (code >= char.zero && code <= char.nine) code = this.#text.charCodeAt(++at)
    const count = at - start
    if (count === 0 || count > digitsMax || (count > 1 && this.#code() === char.zero)) this.#decline()
    this.#at = at
  }

  #hasComma(): boolean {
    if (this.#code() !== char.comma) return false
    this.#at++
    return true
  }

  #has(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false
    this.#at += expected.length
    return true
  }

  #expect(expected: string): void {
    if (!this.#has(expected)) this.#decline()
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at)
  }

  #decline(): never {
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw unusual
  }
}
