import { isUtf8 } from 'node:buffer'
import { JsonNumber, parseJson } from '../../model/index.ts'
import { type RefusalError, refusal, refuseFields } from './errors.ts'
import { bodyLimits } from './limits.ts'
import { quotePath, quoteValue } from './quoting.ts'
import { parseYaml } from './yaml-text.ts'

/** How to read a body. */
export interface BodyOptions {
  /**
   * True if a number that JavaScript would change becomes a {@link JsonNumber}, with all its digits. Otherwise one that a JavaScript number
   * cannot hold exactly is refused.
   */
  readonly keepsDigits: boolean
}

/**
 * Reads a JSON body (RFC 8259). Refuses what `JSON.parse` would silently change: a name given twice in one object, an integer that
 * cannot be kept exactly, and text that is not Unicode. An empty body is undefined. Throws {@link RefusalError}.
 */
export function parseJsonBody(bytes: Buffer, options: BodyOptions): unknown {
  const text = decode(bytes)
  if (text.trim() === '') return undefined
  const members = countMembers(text)
  const { value, problem } = readJson(text, options)
  if (problem !== undefined) throw refusal('BadRequest', `The body is not JSON: ${problem}`)
  return checkJson(text, value, members)
}

/**
 * Reads a YAML body: one document of YAML 1.2, core schema, of which JSON is a subset. Refuses tags outside of the core schema, and
 * what {@link parseJsonBody} refuses. Throws {@link RefusalError}.
 */
export function parseYamlBody(bytes: Buffer, options: BodyOptions): unknown {
  const text = decode(bytes)
  if (/^\s*[[{]/.test(text)) {
    const members = countMembers(text)
    const { value, problem } = readJson(text, options)
    if (problem === undefined) return checkJson(text, value, members)
    // It may be YAML's flow style.
  }
  if (bytes.length > bodyLimits.yamlBytes) {
    throw refusal(
      'RequestEntityTooLarge',
      `A YAML body may have ${bodyLimits.yamlBytes} bytes; send JSON or a smaller body`,
    )
  }
  const value = parseYaml(text, options.keepsDigits)
  if (value !== undefined) checkValues(value)
  return value
}

function readJson(text: string, { keepsDigits }: BodyOptions): { readonly value?: unknown; readonly problem?: string } {
  if (keepsDigits) {
    const parsed = parseJson(text)
    return parsed.ok ? { value: parsed.value } : { problem: parsed.problem }
  }
  try {
    const value: unknown = JSON.parse(text)
    return { value }
  } catch (error) {
    return { problem: error instanceof SyntaxError ? error.message : 'it cannot be parsed' }
  }
}

function checkJson(text: string, value: unknown, members: number): unknown {
  // Only a name given twice can make the value have fewer members than the text.
  if (checkValues(value) !== members) checkNames(text)
  return value
}

/**
 * Counts the members of all objects in a JSON text: each has one colon outside of strings. Refuses a text that nests too deep or holds too
 * many values before it is parsed, which takes much longer. If the text is no JSON, the number means nothing.
 */
function countMembers(text: string): number {
  let members = 0
  let values = 1
  let depth = 0
  let last = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    // Blanks.
    if (code <= 0x20) continue
    switch (code) {
      case char.quote:
        at = endOfString(text, at) - 1
        break
      case char.colon:
        members++
        break
      case char.comma:
        values++
        break
      case char.openBrace:
      case char.openBracket:
        values++
        depth++
        break
      case char.closeBrace:
      case char.closeBracket:
        // There was nothing inside.
        if (last === char.openBrace || last === char.openBracket) values--
        depth--
        break
      default:
    }
    last = code
    if (values > bodyLimits.values) throw tooManyValues()
    if (depth > bodyLimits.depth) throw tooDeep()
  }
  return members
}

const char = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const

function tooManyValues(): RefusalError {
  return refusal('RequestEntityTooLarge', `The body holds more than ${bodyLimits.values} values; send fewer`)
}

function tooDeep(): RefusalError {
  return refusal('BadRequest', `The body nests deeper than ${bodyLimits.depth} levels`)
}

function decode(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw refusal('BadRequest', 'The body is not UTF-8 text')
  const text = bytes.toString('utf8')
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

/**
 * Refuses a name given twice in one object: parsers differ in which of the two they use. `text` is valid JSON, so this looks at strings
 * and brackets only.
 */
function checkNames(text: string): void {
  const open: (Set<string> | undefined)[] = []
  const mark = /["{}[\]]/g
  const colon = /\s*:/y
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    switch (found[0]) {
      case '{':
        open.push(new Set())
        break
      case '[':
        open.push(undefined)
        break
      case '"': {
        const end = endOfString(text, found.index)
        mark.lastIndex = end
        colon.lastIndex = end
        if (colon.test(text)) checkName(String(JSON.parse(text.slice(found.index, end))), open.at(-1))
        break
      }
      default:
        open.pop()
    }
  }
}

/** Returns the index after the string that starts at `start`; the length of the text if it does not end. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end < 0 ? text.length : end + 1
}

function isEscaped(text: string, index: number): boolean {
  let first = index
  while (text[first - 1] === '\\') first -= 1
  return (index - first) % 2 === 1
}

function checkName(name: string, names: Set<string> | undefined): void {
  if (names?.has(name))
    throw refusal('BadRequest', `The name ${quoteValue(name)} is given twice in one object; give it once`)
  names?.add(name)
}

/** Refuses a value that is not exact, nests too deep or holds too much. Returns the number of members of all its objects. */
function checkValues(body: unknown): number {
  let count = 0
  let members = 0
  const path: (string | number)[] = []
  const visitPart = (name: string | number, part: unknown): void => {
    path.push(name)
    visit(part)
    path.pop()
  }
  const visit = (value: unknown): void => {
    count += 1
    if (count > bodyLimits.values) throw tooManyValues()
    if (typeof value === 'object' && value !== null && path.length >= bodyLimits.depth) throw tooDeep()
    const problem = problemOf(value instanceof JsonNumber ? value.text : value)
    if (problem !== undefined) throw refuseField(path, problem)
    if (value instanceof JsonNumber) return
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) visitPart(index, item)
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, item] of Object.entries(value)) {
        members += 1
        const nameProblem = name === '__proto__' ? 'this name is not allowed' : problemOf(name)
        if (nameProblem !== undefined) throw refuseField([...path, name], nameProblem)
        visitPart(name, item)
      }
    }
  }
  visit(body)
  return members
}

function problemOf(value: unknown): string | undefined {
  if (
    typeof value === 'number' &&
    (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
  ) {
    return 'this number cannot be kept exactly; give at most 9007199254740991, or a string where one is allowed'
  }
  if (typeof value === 'string' && value.length > bodyLimits.textLength) {
    return `a text of ${value.length} characters is too long; give at most ${bodyLimits.textLength}`
  }
  if (typeof value === 'string' && /[\uD800-\uDFFF]/u.test(value))
    return 'this text holds half a character (a lone surrogate)'
  return undefined
}

function refuseField(path: readonly (string | number)[], message: string): RefusalError {
  return refuseFields('BadRequest', [{ field: quotePath(path, 'body'), reason: 'FieldValueInvalid', message }])
}
