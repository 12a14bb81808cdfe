import type { CST } from 'yaml'
import { Composer, isScalar, Lexer, LineCounter, Parser, visit } from 'yaml'
import { readNumber } from '../../model/index.ts'
import { type RefusalError, refusal } from './errors.ts'
import { bodyLimits } from './limits.ts'

/**
 * Parses one document of YAML 1.2, core schema; undefined if there is none. With `keepsDigits`, a number that JSON writes as it is written
 * here, and that JavaScript would change, becomes a `JsonNumber`. Throws a refusal for anything else, for a document that nests too
 * deep, and for one with too many tokens. These are checked first: composing recurses, could overflow the stack, and takes the longest.
 */
export function parseYaml(text: string, keepsDigits: boolean): unknown {
  const lines = new LineCounter()
  const tokens = parseTokens(text, lines)
  checkTokens(tokens, lines)
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
  if (fault) throw notYaml(fault.message, lines, fault.pos[0])
  const [document, ...others] = documents.filter(({ contents }) => !isNothing(contents))
  if (others.length > 0) throw refusal('BadRequest', 'The body holds several YAML documents; send one')
  if (document === undefined) return undefined
  if (keepsDigits) {
    visit(document, {
      Scalar: (_key, node) => {
        const { source = '', value } = node
        if (typeof value === 'number' && jsonNumber.test(source)) node.value = readNumber(source)
      },
    })
  }
  try {
    return document.toJS({ maxAliasCount: bodyLimits.yamlAliases })
  } catch (error) {
    // Only aliases can fail here: unknown ones, or too many.
    throw notYaml(error instanceof Error ? error.message : 'an alias refers to nothing')
  }
}

const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** True if there is nothing between two document markers. An explicit `null` is a value. */
function isNothing(contents: unknown): boolean {
  return contents === null || (isScalar(contents) && contents.value === null && contents.source === '')
}

function parseTokens(text: string, lines: LineCounter): readonly CST.Token[] {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  const tokens: CST.Token[] = []
  let count = 0
  for (const lexeme of new Lexer().lex(text)) {
    count += 1
    if (count > bodyLimits.yamlTokens)
      throw refusal(
        'RequestEntityTooLarge',
        `A YAML body may have ${bodyLimits.yamlTokens} tokens, which are names, values, marks and blanks; send JSON or less`,
      )
    tokens.push(...parser.next(lexeme))
  }
  tokens.push(...parser.end())
  return tokens
}

/**
 * Refuses YAML that nests too deep, without recursion. Refuses commas without an item before them, and escapes that YAML does not have: the
 * composer would make an error of each, which takes longer than everything else.
 */
function checkTokens(tokens: readonly CST.Token[], lines: LineCounter): void {
  const open: { readonly part: CST.Token | CST.CollectionItem; readonly depth: number }[] = tokens.map((part) => ({
    part,
    depth: 0,
  }))
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { part } = next
    const depth = next.depth + ('items' in part ? 1 : 0)
    if (depth > bodyLimits.depth) throw refusal('BadRequest', `The body nests deeper than ${bodyLimits.depth} levels`)
    if ('type' in part && part.type === 'flow-collection' && part.items.slice(0, -1).some(isEmptyItem))
      throw notYaml('a comma without an item before it', lines, part.offset)
    if (
      'type' in part &&
      part.type === 'double-quoted-scalar' &&
      part.source.replaceAll(validEscape, '').includes('\\')
    )
      throw notYaml('an escape that YAML does not have', lines, part.offset)
    const inside = [
      ...('items' in part ? part.items : []),
      'key' in part ? part.key : undefined,
      'value' in part ? part.value : undefined,
    ]
    for (const child of inside) if (typeof child === 'object' && child !== null) open.push({ part: child, depth })
  }
}

/** An escape in double quotes; also one of a line break. @see YAML 1.2.2 section 5.7 */
const validEscape = /\\(?:[0abt\tnvfre "/\\N_LP\r\n]|x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|U[\dA-Fa-f]{8})/g

function isEmptyItem({ key, sep, value }: CST.CollectionItem): boolean {
  return !key && !sep && !value
}

function notYaml(problem: string, lines?: LineCounter, offset = 0): RefusalError {
  const { line = 0, col = 0 } = lines?.linePos(offset) ?? {}
  const place = lines === undefined ? '' : ` (line ${line}, column ${col})`
  return refusal('BadRequest', `The body is not YAML 1.2 of the core schema: ${problem}${place}`)
}
