import assert from 'node:assert/strict'

/**
 * JSON without losses. Calico's sequence numbers are nanoseconds since 1970, far beyond 2^53, and `JSON.parse` rounds them; and an
 * object built by `JSON.parse` inherits from `Object.prototype`. Here every number keeps its digits, and every name is just a name.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | JsonNumber | readonly Json[] | JsonObject

/**
 * A JSON object. Those made by {@link parseJson} and {@link jsonObject} inherit no names at all, so that `__proto__` and
 * `constructor` are ordinary names in them. As in every JavaScript object, names that are small integers come first, ascending.
 */
export interface JsonObject {
  readonly [name: string]: Json
}

/** A number that a JavaScript number would not hold exactly or not print back identically; `text` is the number as written. */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** The outcome of parsing: the value, or what is wrong and where. */
export type ParsedJson = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly problem: string }

/** How many arrays and objects may lie within each other. Calico's own values need six. */
export const depthMax = 200

/**
 * Reads one JSON text (RFC 8259). Of several members with the same name the last one counts, as in Go. Refuses whatever RFC 8259
 * refuses, and nesting deeper than {@link depthMax}; never throws.
 */
export function parseJson(text: string): ParsedJson {
  try {
    return { ok: true, value: new Parser(text).parse() }
  } catch (error) {
    if (error instanceof SyntaxProblem) return { ok: false, problem: error.message }
    throw error
  }
}

/**
 * The compact text of `json`, strings escaped as Go's encoding/json escapes them (`<`, `>`, `&`, U+2028 and U+2029 too). Members
 * keep the order of the object.
 * @see calico-formats.md section 2.1
 */
export function stringifyJson(json: Json): string {
  if (typeof json === 'string') return stringifyString(json)
  assert(typeof json !== 'number' || Number.isFinite(json), 'JSON has no NaN and no infinity')
  if (json === null || typeof json !== 'object') return String(json)
  if (json instanceof JsonNumber) return json.text
  if (isJsonArray(json)) return `[${json.map(stringifyJson).join(',')}]`
  return stringifyMembers(Object.entries(json).map(([name, value]) => [name, stringifyJson(value)]))
}

/** The text of one string, quoted and escaped as Go does it. */
export function stringifyString(text: string): string {
  if (!needsEscape.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(escapedByGoOnly, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** The text of an object whose members' values are JSON texts already, in the order given. */
export function stringifyMembers(members: readonly (readonly [name: string, valueText: string])[]): string {
  return `{${members.map(([name, valueText]) => `${stringifyString(name)}:${valueText}`).join(',')}}`
}

/** An object with these members and no inherited names. */
export function jsonObject(members: Iterable<readonly [name: string, value: Json]>): JsonObject {
  const object = new BareObject()
  for (const [name, value] of members) object[name] = value
  return object
}

/** Whether `json` is an object: neither null, nor an array, nor a number that keeps its text. */
export function isJsonObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !isJsonArray(json) && !(json instanceof JsonNumber)
}

/** Whether `json` is an array. */
export function isJsonArray(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json)
}

/**
 * Orders texts by their UTF-8 bytes, as Go orders the names of a map. JavaScript compares UTF-16 units, which differs where a
 * surrogate meets a character of U+E000 to U+FFFF.
 */
export function compareBytewise(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) {
    const unit = one.charCodeAt(at)
    const otherUnit = other.charCodeAt(at)
    if (unit !== otherUnit) return rank(unit) - rank(otherUnit)
  }
  return one.length - other.length
}

/** Lifts surrogates, which stand for characters beyond U+FFFF, above all other units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

const needsEscape = /["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/
const escapedByGoOnly = /[<>&\u2028\u2029]/g

/** The class behind {@link JsonObject}: V8 gives its instances a hidden class, which `Object.create(null)` does not get. */
class BareObject {
  [name: string]: Json

  static {
    Object.setPrototypeOf(this.prototype, null)
    Reflect.deleteProperty(this.prototype, 'constructor')
  }
}

/** Why a text is not JSON; thrown and caught in this file only. */
class SyntaxProblem extends Error {}

const char = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  point: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d
} as const

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t'
}

/** Digits that always fit a JavaScript number exactly. */
const exactDigitsMax = 15

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  parse(): Json {
    const value = this.#value(0)
    if (!Number.isNaN(this.#next())) throw this.#expected('the end of the text')
    return value
  }

  /** The next character that is not white space, which is not consumed; NaN at the end. */
  #next(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) this.#at++
      else return code
    }
  }

  #value(depth: number): Json {
    const code = this.#next()
    if (code === char.quote) return this.#string()
    if ((code >= char.zero && code <= char.nine) || code === char.minus) return this.#number()
    if (code === char.openBrace) return this.#object(this.#deeper(depth))
    if (code === char.openBracket) return this.#array(this.#deeper(depth))
    if (this.#text.startsWith('null', this.#at)) return this.#word('null', null)
    if (this.#text.startsWith('true', this.#at)) return this.#word('true', true)
    if (this.#text.startsWith('false', this.#at)) return this.#word('false', false)
    throw this.#expected('a value')
  }

  #word(word: string, value: null | boolean): null | boolean {
    this.#at += word.length
    return value
  }

  #deeper(depth: number): number {
    if (depth >= depthMax) throw new SyntaxProblem(`position ${this.#at}: nested deeper than ${depthMax} levels`)
    return depth + 1
  }

  #object(depth: number): JsonObject {
    const object = new BareObject()
    this.#at++
    if (this.#next() === char.closeBrace) {
      this.#at++
      return object
    }
    for (;;) {
      if (this.#next() !== char.quote) throw this.#expected('a name in double quotes')
      const name = this.#string()
      if (this.#next() !== char.colon) throw this.#expected('":"')
      this.#at++
      object[name] = this.#value(depth)
      const code = this.#next()
      if (code !== char.comma && code !== char.closeBrace) throw this.#expected('"," or "}"')
      this.#at++
      if (code === char.closeBrace) return object
    }
  }

  #array(depth: number): readonly Json[] {
    const array: Json[] = []
    this.#at++
    if (this.#next() === char.closeBracket) {
      this.#at++
      return array
    }
    for (;;) {
      array.push(this.#value(depth))
      const code = this.#next()
      if (code !== char.comma && code !== char.closeBracket) throw this.#expected('"," or "]"')
      this.#at++
      if (code === char.closeBracket) return array
    }
  }

  #string(): string {
    const text = this.#text
    const start = this.#at + 1
    for (let at = start; ; at++) {
      const code = text.charCodeAt(at)
      if (code === char.quote) {
        this.#at = at + 1
        return text.slice(start, at)
      }
      if (code === char.backslash) return this.#stringWithEscapes(start, at)
      if (!(code >= 0x20)) throw this.#unfinishedString(at)
    }
  }

  #stringWithEscapes(start: number, firstEscape: number): string {
    const text = this.#text
    let result = ''
    let from = start
    for (let at = firstEscape; ; at++) {
      const code = text.charCodeAt(at)
      if (code === char.quote) {
        this.#at = at + 1
        return result + text.slice(from, at)
      }
      if (code === char.backslash) {
        this.#at = at
        result += text.slice(from, at) + this.#escape()
        at = this.#at - 1
        from = this.#at
      } else if (!(code >= 0x20)) throw this.#unfinishedString(at)
    }
  }

  #escape(): string {
    const letter = this.#text.charAt(this.#at + 1)
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#expected('"\\u" with four hexadecimal digits')
      this.#at += 6
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const character = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined
    if (character === undefined) throw this.#expected('one of the escapes of JSON')
    this.#at += 2
    return character
  }

  #number(): number | JsonNumber {
    const text = this.#text
    const start = this.#at
    let at = start
    let value = 0
    let code = text.charCodeAt(at)
    while (code >= char.zero && code <= char.nine) {
      value = value * 10 + (code - char.zero)
      code = text.charCodeAt(++at)
    }
    const digits = at - start
    const isSimple = digits > 0 && digits <= exactDigitsMax && code !== char.point && (code | 0x20) !== 0x65
    if (isSimple && (digits === 1 || text.charCodeAt(start) !== char.zero)) {
      this.#at = at
      return value
    }
    return this.#unusualNumber()
  }

  #unusualNumber(): number | JsonNumber {
    const pattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
    pattern.lastIndex = this.#at
    const text = pattern.exec(this.#text)?.[0]
    if (text === undefined) throw this.#expected('a number')
    this.#at += text.length
    const number = Number(text)
    const isExact = Number.isSafeInteger(number) || !Number.isInteger(number)
    return isExact && String(number) === text ? number : new JsonNumber(text)
  }

  #expected(what: string): SyntaxProblem {
    const found = this.#at < this.#text.length ? JSON.stringify(this.#text.charAt(this.#at)) : 'the end of the text'
    return new SyntaxProblem(`position ${this.#at}: expected ${what}, found ${found}`)
  }

  #unfinishedString(at: number): SyntaxProblem {
    this.#at = at
    return this.#expected('the rest of a string (control characters must be escaped)')
  }
}
