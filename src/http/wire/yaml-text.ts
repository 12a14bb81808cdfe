import type { CST } from 'yaml'
import { Composer, isScalar, LineCounter, Parser } from 'yaml'
import { type RefusalError, refusal } from './errors.ts'
import { bodyLimits } from './limits.ts'

/**
 * The value of one document of YAML 1.2, core schema; undefined when there is none. Throws a refusal for anything else, and for
 * what nests too deep or holds too much. Works in two steps because the second one recurses, and would overflow the stack.
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
    throw notUnderstood(`${fault.message} (line ${line}, column ${col})`)
  }
  const [document, ...others] = documents.filter(({ contents }) => !isNothing(contents))
  if (others.length > 0) throw refusal('BadRequest', 'The body holds several YAML documents; send one at a time')
  try {
    return document?.toJS({ maxAliasCount: bodyLimits.yamlAliases })
  } catch (error) {
    // The only complaints left are about aliases: unknown ones, or too many.
    throw notUnderstood(error instanceof Error ? error.message : 'an alias leads nowhere')
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
    if (count > 2 * bodyLimits.yamlValues)
      throw refusal(
        'RequestEntityTooLarge',
        `A YAML body may hold ${bodyLimits.yamlValues} values; send JSON, or less at a time`,
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

function notUnderstood(problem: string): RefusalError {
  return refusal('BadRequest', `The body is not YAML as it is understood here: ${problem}`)
}
