import { isUtf8 } from 'node:buffer'
import { type RefusalError, refusal, refuseFields } from './errors.ts'
import { bodyLimits } from './limits.ts'
import { quotePath, quoteValue } from './quoting.ts'
import { parseYaml } from './yaml-text.ts'

/**
 * Reads a JSON body (RFC 8259). Refuses what `JSON.parse` would silently change: a name given twice in one object, an integer that a
 * JavaScript number cannot hold exactly, and text that is not Unicode. An empty body is undefined. Throws {@link RefusalError}.
 */
export function parseJsonBody(bytes: Buffer): unknown {
  const text = decode(bytes)
  if (text.trim() === '') return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw refusal(
      'BadRequest',
      `The body is not JSON: ${error instanceof SyntaxError ? error.message : 'it cannot be parsed'}`,
    )
  }
  return checkJson(text, value)
}

/**
 * Reads a YAML body: one document of YAML 1.2, core schema, of which JSON is a subset. Refuses tags outside of the core schema, and
 * what {@link parseJsonBody} refuses. Throws {@link RefusalError}.
 */
export function parseYamlBody(bytes: Buffer): unknown {
  const text = decode(bytes)
  const json = /^\s*[[{]/.test(text) ? tryJson(text) : undefined
  if (json !== undefined) return checkJson(text, json)
  if (bytes.length > bodyLimits.yamlBytes) {
    throw refusal(
      'RequestEntityTooLarge',
      `A YAML body may have ${bodyLimits.yamlBytes} bytes; send JSON or a smaller body`,
    )
  }
  const value = parseYaml(text)
  if (value !== undefined) checkValues(value)
  return value
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // It may be YAML's flow style.
    return undefined
  }
}

function checkJson(text: string, value: unknown): unknown {
  // Only a name given twice can make the value have fewer members than the text.
  if (checkValues(value) !== countMembers(text)) checkNames(text)
  return value
}

/** Counts the members of all objects in a JSON text: each has one colon outside of strings. */
function countMembers(text: string): number {
  let members = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === colonCode) members++
    else if (code === quoteCode) at = endOfString(text, at) - 1
  }
  return members
}

const colonCode = 0x3a
const quoteCode = 0x22

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

/** Returns the index after the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end + 1
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
    if (count > bodyLimits.values)
      throw refusal('RequestEntityTooLarge', `The body holds more than ${bodyLimits.values} values; send fewer`)
    if (typeof value === 'object' && value !== null && path.length >= bodyLimits.depth)
      throw refusal('BadRequest', `The body nests deeper than ${bodyLimits.depth} levels`)
    const problem = problemOf(value)
    if (problem !== undefined) throw refuseField(path, problem)
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
