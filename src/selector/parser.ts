import { type ComparisonOperator, type MembershipOperator, type Selector, joinOperands, negate } from './selector.ts'
import { type Token, type TokenKind, operatorExpected, readTokens } from './tokens.ts'

/**
 * The reason why a text is no selector: the position of the error, counted from 0 in UTF-16 units as in JavaScript strings, what was
 * expected there, and both in a sentence.
 */
export interface SelectorError {
  readonly position: number
  readonly expected: string
  readonly message: string
}

/** The outcome of parsing a selector. */
export type ParsedSelector =
  | { readonly ok: true; readonly selector: Selector }
  | { readonly ok: false; readonly error: SelectorError }

/**
 * The maximum nesting of parentheses. Calico has no such limit, but its schema limits a selector to 1,024 characters, which cannot
 * contain more pairs. Functions that walk a selector recurse no deeper than this.
 */
const nestingMax = 512

/** A message quotes at most 20 characters of the text. */
const quotedPattern = /^(.{20}).+$/su

const comparisons: readonly ComparisonOperator[] = ['==', '!=', 'contains', 'starts with', 'ends with']
const memberships: readonly MembershipOperator[] = ['in', 'not in']

/** An open parenthesis, or the whole text: the operands read so far of its "||", and of the last "&&" inside it. */
interface Frame {
  readonly outer: Frame | undefined
  readonly isNegated: boolean
  readonly depth: number
  readonly disjuncts: Selector[]
  readonly conjuncts: Selector[]
}

/**
 * Parses a selector of Calico's language. Blank text selects everything. Spaces and tabs may stand between tokens, line breaks may not.
 * @see docs/calico/formats.md sections 6.1 and 6.2
 */
export function parseSelector(text: string): ParsedSelector {
  const tokens = new Tokens(text)
  if (tokens.take('end')) return succeed({ kind: 'all' })

  // Open parentheses are kept in a list of frames instead of on the stack, which a long row of them could exhaust.
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

    let operand = isNegated ? negate(primitive.selector) : primitive.selector
    while (frame.outer !== undefined && tokens.take(')')) {
      operand = closeFrame(frame, operand)
      frame = frame.outer
    }
    if (tokens.take('&&')) {
      frame.conjuncts.push(operand)
    } else if (tokens.take('||')) {
      frame.disjuncts.push(joinOperands('and', frame.conjuncts.splice(0), operand))
    } else if (frame.outer !== undefined) {
      return tokens.failure('"&&", "||" or ")"')
    } else {
      return tokens.take('end') ? succeed(closeFrame(frame, operand)) : tokens.failure('"&&", "||" or the end')
    }
  }
}

function openFrame(outer: Frame | undefined, isNegated: boolean): Frame {
  const depth = outer === undefined ? 0 : outer.depth + 1
  return { outer, isNegated, depth, disjuncts: [], conjuncts: [] }
}

function closeFrame(frame: Frame, last: Selector): Selector {
  const selector = joinOperands('or', frame.disjuncts, joinOperands('and', frame.conjuncts, last))
  return frame.isNegated ? negate(selector) : selector
}

/** Consumes every "!" that comes next; true if their number is odd. */
function readNegations(tokens: Tokens): boolean {
  let isNegated = false
  while (tokens.take('!')) isNegated = !isNegated
  return isNegated
}

function readPrimitive(tokens: Tokens): ParsedSelector {
  const call = tokens.take('all', 'global')
  if (call) return succeed({ kind: call.kind })
  const has = tokens.take('has')
  if (has) return succeed({ kind: 'has', label: has.text })
  const label = tokens.take('label')
  return label ? readCondition(tokens, label.text) : tokens.failure('a label name, has(), all(), "!" or "("')
}

function readCondition(tokens: Tokens, label: string): ParsedSelector {
  const comparison = tokens.take(...comparisons)
  if (comparison) {
    const string = tokens.take('string')
    if (!string) return tokens.failure('a string in quotes')
    return succeed({ kind: 'comparison', label, operator: comparison.kind, value: string.text })
  }
  const membership = tokens.take(...memberships)
  if (!membership) return tokens.failure(operatorExpected)
  if (!tokens.take('{')) return tokens.failure('a set, like {"a", "b"}')
  const values = new Set(readStrings(tokens))
  if (!tokens.take('}')) return tokens.failure('a string in quotes or "}"')
  return succeed({ kind: 'membership', label, operator: membership.kind, values })
}

/** Reads strings with commas between them; one comma may follow the last. */
function readStrings(tokens: Tokens): readonly string[] {
  const values: string[] = []
  for (let string = tokens.take('string'); string; string = tokens.take(',') && tokens.take('string')) {
    values.push(string.text)
  }
  return values
}

function succeed(selector: Selector): ParsedSelector {
  return { ok: true, selector }
}

/** The tokens of a text, consumed one after the other. */
class Tokens {
  readonly #text: string
  readonly #tokens: readonly [Token, ...Token[]]
  #next: Token
  #count = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = readTokens(text)
    this.#next = this.#tokens[0]
  }

  /** Consumes and returns the next token if it has one of these kinds. The last token is never consumed. */
  take<Kind extends TokenKind>(...kinds: readonly Kind[]): (Token & { readonly kind: Kind }) | undefined {
    const token = this.#next
    const kind = kinds.find((each) => each === token.kind)
    if (kind === undefined) return undefined
    this.#count += 1
    this.#next = this.#tokens[this.#count] ?? token
    return { ...token, kind }
  }

  /** The error of a token that the grammar does not expect. An `unreadable` token says itself what was expected. */
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
