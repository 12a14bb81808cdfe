import type { CST } from 'yaml'
import { Composer, isScalar, LineCounter, Parser } from 'yaml'
import { type RefusalError, refusal } from './errors.ts'
import { bodyLimits } from './limits.ts'

/**
 * Parses one document of YAML 1.2, core schema; undefined if there is none. Throws a refusal for anything else, and for a document that
 * nests too deep or holds too many values. These are checked on the tokens first: composing recurses, and could overflow the stack.
 */
export function parseYaml(text: string): unknown {
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
    throw notYaml(`${fault.message} (line ${line}, column ${col})`)
  }
  const [document, ...others] = documents.filter(({ contents }) => !isNothing(contents))
  if (others.length > 0) throw refusal('BadRequest', 'The body holds several YAML documents; send one')
  try {
    return document?.toJS({ maxAliasCount: bodyLimits.yamlAliases })
  } catch (error) {
    // Only aliases can fail here: unknown ones, or too many.
    throw notYaml(error instanceof Error ? error.message : 'an alias refers to nothing')
  }
}

/** True if there is nothing between two document markers. An explicit `null` is a value. */
function isNothing(contents: unknown): boolean {
  return contents === null || (isScalar(contents) && contents.value === null && contents.source === '')
}

/** Refuses YAML that nests too deep or holds too many values, without recursion. */
function checkTokens(tokens: readonly CST.Token[]): void {
  const open: { readonly part: CST.Token | CST.CollectionItem; readonly depth: number }[] = tokens.map((part) => ({
    part,
    depth: 0,
  }))
  for (let count = 0, next = open.pop(); next !== undefined; next = open.pop()) {
    const { part } = next
    const depth = next.depth + ('items' in part ? 1 : 0)
    count += 1
    if (count > 2 * bodyLimits.yamlValues)
      throw refusal(
        'RequestEntityTooLarge',
        `A YAML body may hold ${bodyLimits.yamlValues} values; send JSON or fewer values`,
      )
    if (depth > bodyLimits.depth) throw refusal('BadRequest', `The body nests deeper than ${bodyLimits.depth} levels`)
    const inside = [
      ...('items' in part ? part.items : []),
      'key' in part ? part.key : undefined,
      'value' in part ? part.value : undefined,
    ]
    for (const child of inside) if (typeof child === 'object' && child !== null) open.push({ part: child, depth })
  }
}

function notYaml(problem: string): RefusalError {
  return refusal('BadRequest', `The body is not YAML 1.2 of the core schema: ${problem}`)
}
