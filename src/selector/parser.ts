import { type Comparison, type Membership, type Selector, group, negation } from './selector.ts'
import { type Token, type TokenKind, operatorExpected, tokensOf } from './tokens.ts'

/**
 * Why a text is no selector: where it stops making sense (0-based, in UTF-16 units as JavaScript counts the characters of a string),
 * what would have made sense there, and both in a sentence.
 */
export interface SelectorError {
  readonly position: number
  readonly expected: string
  readonly message: string
}

/** What a text says as a selector, or why it says nothing. */
export type ParsedSelector =
  | { readonly ok: true; readonly selector: Selector }
  | { readonly ok: false; readonly error: SelectorError }

/**
 * How deep parentheses may nest. Calico has no limit, but its schema ends a selector at 1,024 characters, in which there is no room
 * for more pairs than this. It bounds the recursion of everyone who walks a selector.
 */
const nestingMax = 512

/** A message quotes at most 20 characters of the text. */
const quotedPattern = /^(.{20}).+$/su

const comparisons: readonly Comparison[] = ['==', '!=', 'contains', 'starts with', 'ends with']
const memberships: readonly Membership[] = ['in', 'not in']

/** An open parenthesis, or the whole text: what has been read of its "||" and of the last "&&" inside. */
interface Frame {
  readonly outer: Frame | undefined
  readonly isNegated: boolean
  readonly depth: number
  readonly disjuncts: Selector[]
  readonly conjuncts: Selector[]
}

/**
 * Reads a selector of Calico's language. Blank text selects everything. Nothing is trimmed: spaces and tabs may stand between
 * tokens, a line break may not.
 * @see docs/calico/formats.md 6.1 and 6.2
 */
export function parseSelector(text: string): ParsedSelector {
  const tokens = new Tokens(text)
  if (tokens.take('end')) return success({ kind: 'all' })

  // Parentheses are kept in a list of frames and not on the stack, which a row of them could exhaust.
  let frame = openFrame(undefined, false)
  for (;;) {
    const isNegated = readNegations(tokens)
    const opening = tokens.take('(')
    if (opening) {
      if (frame.depth === nestingMax) return tokens.failure(`at most ${nestingMax} nested parentheses`, opening)
      frame = openFrame(frame, isNegated)
      continue
    }
    const primitive = readPrimitive(tokens)
    if (!primitive.ok) return primitive

    let operand = isNegated ? negation(primitive.selector) : primitive.selector
    while (frame.outer !== undefined && tokens.take(')')) {
      operand = closeFrame(frame, operand)
      frame = frame.outer
    }
    if (tokens.take('&&')) {
      frame.conjuncts.push(operand)
    } else if (tokens.take('||')) {
      frame.disjuncts.push(group('and', frame.conjuncts.splice(0), operand))
    } else if (frame.outer !== undefined) {
      return tokens.failure('"&&", "||" or ")"')
    } else {
      return tokens.take('end') ? success(closeFrame(frame, operand)) : tokens.failure('"&&", "||" or the end')
    }
  }
}

function openFrame(outer: Frame | undefined, isNegated: boolean): Frame {
  const depth = outer === undefined ? 0 : outer.depth + 1
  return { outer, isNegated, depth, disjuncts: [], conjuncts: [] }
}

function closeFrame(frame: Frame, last: Selector): Selector {
  const selector = group('or', frame.disjuncts, group('and', frame.conjuncts, last))
  return frame.isNegated ? negation(selector) : selector
}

/** Whether an odd number of "!" comes next. */
function readNegations(tokens: Tokens): boolean {
  let isNegated = false
  while (tokens.take('!')) isNegated = !isNegated
  return isNegated
}

function readPrimitive(tokens: Tokens): ParsedSelector {
  const call = tokens.take('all', 'global')
  if (call) return success({ kind: call.kind })
  const has = tokens.take('has')
  if (has) return success({ kind: 'has', label: has.text })
  const label = tokens.take('label')
  return label ? readCondition(tokens, label.text) : tokens.failure('a label name, has(), all(), "!" or "("')
}

function readCondition(tokens: Tokens, label: string): ParsedSelector {
  const comparison = tokens.take(...comparisons)
  if (comparison) {
    const string = tokens.take('string')
    if (!string) return tokens.failure('a string in quotes')
    return success({ kind: 'comparison', label, operator: comparison.kind, value: string.text })
  }
  const membership = tokens.take(...memberships)
  if (!membership) return tokens.failure(operatorExpected)
  if (!tokens.take('{')) return tokens.failure('a set, like {"a", "b"}')
  const values = new Set(readStrings(tokens))
  if (!tokens.take('}')) return tokens.failure('a string in quotes or "}"')
  return success({ kind: 'membership', label, operator: membership.kind, values })
}

/** Strings with commas between them; one comma may follow the last. */
function readStrings(tokens: Tokens): readonly string[] {
  const values: string[] = []
  for (let string = tokens.take('string'); string; string = tokens.take(',') && tokens.take('string')) {
    values.push(string.text)
  }
  return values
}

function success(selector: Selector): ParsedSelector {
  return { ok: true, selector }
}

/** The tokens of a text, read one after the other. */
class Tokens {
  readonly #text: string
  readonly #tokens: readonly [Token, ...Token[]]
  #next: Token
  #count = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = tokensOf(text)
    this.#next = this.#tokens[0]
  }

  /** The next token, if it is of one of these kinds, and goes past it. Stays at the last token. */
  take<Kind extends TokenKind>(...kinds: readonly Kind[]): (Token & { readonly kind: Kind }) | undefined {
    const token = this.#next
    const kind = kinds.find((each) => each === token.kind)
    if (kind === undefined) return undefined
    this.#count += 1
    this.#next = this.#tokens[this.#count] ?? token
    return { ...token, kind }
  }

  /** That a token is not what the grammar wants; one that could not be read knows better what was missing. */
  failure(wanted: string, token: Token = this.#next): ParsedSelector {
    const { kind, text, position } = token
    const expected = kind === 'unreadable' ? text : wanted
    const rest = this.#text.slice(position).replace(quotedPattern, '$1…')
    const found = rest === '' ? 'the end of the selector' : `\`${rest}\``
    return {
      ok: false,
      error: { position, expected, message: `expected ${expected} at position ${position}, found ${found}` },
    }
  }
}
