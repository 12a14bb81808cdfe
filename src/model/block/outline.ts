import { addressCount, formatCidr } from '../../net/index.ts'
import { parseTime } from '../time.ts'
import type { Attribute } from './attribute.ts'
import { type Block, parseBlockKey, windowsReservedHandle } from './block.ts'

/** The parts of a block that its digest is made of. Every block is one. */
export interface BlockOutline
  extends Pick<Block, 'cidr' | 'affinity' | 'affinityClaimTime' | 'allocations' | 'sequenceNumber'> {
  readonly unallocated: readonly number[]
  readonly attributes: readonly Pick<Attribute, 'handle' | 'active' | 'releasedAt'>[] | null
}

/**
 * Reads from a stored block only what its digest needs: a server reads far more blocks than it assigns addresses from. It knows only the
 * form in which Go and this server write blocks: no white space, exact names, Go's order. For any other form, and for every text that
 * {@link blocks}.decode refuses, it returns undefined: such a text has to be decoded. The outline omits all handles but that of Windows,
 * and all attributes of holders but the node.
 * @see docs/calico/formats.md section 2.2
 */
export function outlineOf(key: string, text: string): BlockOutline | undefined {
  const scanner = new BlockScanner(text)
  try {
    return scanner.block(key)
  } catch (reason) {
    if (reason === unusual) return undefined
    throw reason
  }
}

/** Thrown and caught in this file only. A symbol, because an Error is many times slower: it collects its stack. */
const unusual = Symbol('the block is written in another form')

const charCode = { comma: 0x2c, zero: 0x30, nine: 0x39, n: 0x6e } as const

/** The characters of a string without escapes. A text with escapes has to be decoded. */
const plainText = String.raw`[^"\\\u0000-\u001f]*`

const member = `"${plainText}":"${plainText}"`
const stringMapPattern = `\\{(?:${member}(?:,${member})*)?\\}`

/** A comma, except before the first field of an object. */
const separator = String.raw`(?:(?<=\{)|(?<!\{),)`

/** An entry has its fields in Go's order, and only those that are not empty. */
const attribute =
  `\\{(?:"handle_id":"(${plainText})")?(?:${separator}"secondary":(${stringMapPattern}))?` +
  `(?:${separator}"alternateOwnerAttrs":${stringMapPattern})?(?:${separator}"releasedAt":"(${plainText})")?\\}`

/** Any number of this many digits is below 2^64. */
const uint64DigitsMax = 19

/** Enough digits for any index or ordinal of a block. */
const indexDigitsMax = 6

type AttributeOutline = NonNullable<BlockOutline['attributes']>[number]

/** The node in a map that {@link attribute} has matched: the last one, as in JSON. Quotes only begin and end strings there. */
const nodeMember = new RegExp(`.*[{,]"node":"(${plainText})"`, 's')

/** An entry of any other handle. */
const otherHandle: AttributeOutline = {}

const windowsReserved: AttributeOutline = { handle: windowsReservedHandle }

/** Reads the text once from start to end. Each method consumes what its name says, or declines the text. */
class BlockScanner {
  // Regular expressions skip strings several times faster than a loop over the characters.
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
      if (this.#code() !== charCode.n) allocations.push(this.#index())
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
    const [, handle, active, releasedAt] = this.#match(this.#attributePattern)
    const attribute =
      handle?.length === windowsReservedHandle.length && handle.toLowerCase() === windowsReservedHandle
        ? windowsReserved
        : otherHandle
    if (releasedAt === undefined) {
      const node = active === undefined ? undefined : nodeMember.exec(active)?.[1]
      return node === undefined ? attribute : { ...attribute, active: { node } }
    }
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
    for (let at = start; at < this.#at; at++) index = index * 10 + this.#text.charCodeAt(at) - charCode.zero
    return index
  }

  /** A whole number from 0 up as JSON writes it: without leading zeros. */
  #skipDigits(digitsMax: number): void {
    const start = this.#at
    let at = start
    let code = this.#text.charCodeAt(at)
    while (code >= charCode.zero && code <= charCode.nine) code = this.#text.charCodeAt(++at)
    const count = at - start
    if (count === 0 || count > digitsMax || (count > 1 && this.#code() === charCode.zero)) this.#decline()
    this.#at = at
  }

  #hasComma(): boolean {
    if (this.#code() !== charCode.comma) return false
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
