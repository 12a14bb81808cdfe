import { isUtf8 } from 'node:buffer'
import type { CST } from 'yaml'
import { Composer, isScalar, LineCounter, Parser } from 'yaml'
import { RefusalError, refuseFields } from './errors.ts'
import { quotePath, quoteValue } from './quoting.ts'

/** Bounds on what a body may hold, so that no body costs much more than its own length. */
export const bodyLimits = {
  /** Objects, lists and scalars. */
  values: 20_000,
  depth: 64,
  /** Characters of one text. All annotations of an object together may have 262,144; patterns are not tried on longer texts. */
  textLength: 300_000,
  /** YAML takes a hundred times longer to parse than JSON. */
  yamlBytes: 32 * 1024,
  yamlValues: 5_000,
  yamlAliases: 32,
} as const

/**
 * Reads a JSON body (RFC 8259). Stricter than `JSON.parse` where that would change what the caller said without a word: a name
 * given twice in one object, an integer that a JSON number cannot hold exactly, and text that is not Unicode are refused. An
 * empty body is undefined. Throws {@link RefusalError}.
 */
export function parseJsonBody(bytes: Buffer): unknown {
  const text = decode(bytes)
  if (text.trim() === '') return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw refuseBody(
      'BadRequest',
      `The body is not JSON: ${error instanceof SyntaxError ? error.message : 'it cannot be parsed'}`,
    )
  }
  return checkJson(text, value)
}

/**
 * Reads a YAML body: one document of YAML 1.2, core schema, of which JSON is a subset; otherwise as {@link parseJsonBody}. A
 * tag that is not of the core schema is refused. Throws {@link RefusalError}.
 */
export function parseYamlBody(bytes: Buffer): unknown {
  const text = decode(bytes)
  const json = /^\s*[[{]/.test(text) ? tryJson(text) : undefined
  if (json !== undefined) return checkJson(text, json)
  if (bytes.length > bodyLimits.yamlBytes) {
    throw refuseBody(
      'RequestEntityTooLarge',
      `A YAML body may have ${bodyLimits.yamlBytes} bytes; send JSON, or less at a time`,
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
    // It may still be YAML's flow style.
    return undefined
  }
}

function checkJson(text: string, value: unknown): unknown {
  checkNames(text)
  checkValues(value)
  return value
}

function decode(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw refuseBody('BadRequest', 'The body is not UTF-8 text')
  const text = bytes.toString('utf8')
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

/**
 * Refuses a name given twice in one object: parsers differ in which of the two they believe. `text` is known to be JSON, so
 * only its strings and brackets are looked at.
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
    if (open.length > bodyLimits.depth) throw refuseBody('BadRequest', tooDeep)
  }
}

/** The index after the string that starts at `start`. */
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
    throw refuseBody('BadRequest', `The name ${quoteValue(name)} is given twice in one object; give it once`)
  names?.add(name)
}

/** Parses in two steps, because the second one recurses: what nests too deep must be found between them. */
function parseYaml(text: string): unknown {
  const lines = new LineCounter()
  const tokens = [...new Parser(lines.addNewLine).parse(text)]
  checkTokens(tokens)
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: false,
    stringKeys: true,
    resolveKnownTags: false,
    logLevel: 'silent',
  })
  const documents = [...composer.compose(tokens)]
  const fault = documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])[0]
  if (fault) {
    const { line, col } = lines.linePos(fault.pos[0])
    throw refuseBody(
      'BadRequest',
      `The body is not YAML as it is understood here: ${fault.message} (line ${line}, column ${col})`,
    )
  }
  const [document, ...others] = documents.filter(({ contents }) => !isNothing(contents))
  if (others.length > 0) throw refuseBody('BadRequest', 'The body holds several YAML documents; send one at a time')
  try {
    return document?.toJS({ maxAliasCount: bodyLimits.yamlAliases })
  } catch (error) {
    // The only complaints left are about aliases: unknown ones, or too many.
    throw refuseBody(
      'BadRequest',
      `The body is not YAML as it is understood here: ${error instanceof Error ? error.message : 'alias'}`,
    )
  }
}

/** Whether there is nothing between two marks of a document's end, which is not the same as a `null` in so many letters. */
function isNothing(contents: unknown): boolean {
  return contents === null || (isScalar(contents) && contents.value === null && contents.source === '')
}

/** Refuses YAML that nests too deep or holds too much, without recursion. */
function checkTokens(tokens: readonly CST.Token[]): void {
  const open: { readonly part: CST.Token | CST.CollectionItem; readonly depth: number }[] = tokens.map((part) => ({
    part,
    depth: 0,
  }))
  for (let count = 0, next = open.pop(); next !== undefined; next = open.pop()) {
    const { part } = next
    const depth = next.depth + ('items' in part ? 1 : 0)
    count += 1
    if (count > 2 * bodyLimits.yamlValues) throw refuseBody('RequestEntityTooLarge', tooMany(bodyLimits.yamlValues))
    if (depth > bodyLimits.depth) throw refuseBody('BadRequest', tooDeep)
    const inside = [
      ...('items' in part ? part.items : []),
      'key' in part ? part.key : undefined,
      'value' in part ? part.value : undefined,
    ]
    for (const child of inside) if (typeof child === 'object' && child !== null) open.push({ part: child, depth })
  }
}

/** Refuses what a JSON value in memory cannot mean exactly, or should not hold. */
function checkValues(body: unknown): void {
  let count = 0
  const visit = (value: unknown, path: readonly (string | number)[]): void => {
    count += 1
    if (count > bodyLimits.values) throw refuseBody('RequestEntityTooLarge', tooMany(bodyLimits.values))
    // Only aliases can make a value nest deeper than its text.
    if (path.length > bodyLimits.depth) throw refuseBody('BadRequest', tooDeep)
    const problem = problemOf(value)
    if (problem !== undefined) throw refuseField(path, problem)
    if (Array.isArray(value)) value.forEach((item, index) => visit(item, [...path, index]))
    else if (typeof value === 'object' && value !== null) {
      for (const [name, item] of Object.entries(value)) {
        const nameProblem = name === '__proto__' ? 'this name is not allowed' : problemOf(name)
        if (nameProblem !== undefined) throw refuseField([...path, name], nameProblem)
        visit(item, [...path, name])
      }
    }
  }
  visit(body, [])
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

const tooDeep = `The body nests deeper than ${bodyLimits.depth} levels`

function tooMany(limit: number): string {
  return `The body holds more than ${limit} values; send less at a time`
}

function refuseField(path: readonly (string | number)[], message: string): RefusalError {
  return refuseFields('BadRequest', [{ field: quotePath(path, 'body'), reason: 'FieldValueInvalid', message }])
}

function refuseBody(reason: 'BadRequest' | 'RequestEntityTooLarge', message: string): RefusalError {
  return new RefusalError({ reason, message, causes: [] })
}
