import type { ComparisonOperator, MembershipOperator } from './selector.ts'

/** The kind of a token. `unreadable` is the last token, like `end`; its text says what was expected there. */
export type TokenKind =
  | (typeof symbols)[number]
  | ComparisonOperator
  | MembershipOperator
  | 'label'
  | 'string'
  | 'has'
  | 'all'
  | 'global'
  | 'end'
  | 'unreadable'

/** A piece of a selector. `text` is the name of a label, also of the one in `has()`, or the value of a string; otherwise empty. */
export interface Token {
  readonly kind: TokenKind
  readonly text: string
  /** The position of its first character, counted from 0 in UTF-16 units as in JavaScript strings. */
  readonly position: number
}

/** The name of what must follow a label. */
export const operatorExpected = 'an operator (==, !=, in, not in, contains, starts with, ends with)'

/** Longer symbols come first, so that "!=" is not read as "!". */
const symbols = ['==', '!=', '&&', '||', '!', '(', ')', '{', '}', ','] as const

/** Halves of symbols, which have no meaning alone. */
const halves = ['=', '&', '|']

const quotes = ['"', "'"]

/** These are functions only if the parenthesis follows at once: "all == 'x'" is about a label named all. */
const calls = ['has', 'all', 'global'] as const

/** Tried in this order. A word ends at a character that cannot be in a label's name: "contains'a'" is valid. */
const words = [
  { kind: 'contains', pattern: /^contains(?![\w./-])/ },
  { kind: 'starts with', pattern: /^starts[ \t]*with(?![\w./-])/ },
  { kind: 'ends with', pattern: /^ends[ \t]*with(?![\w./-])/ },
  { kind: 'not in', pattern: /^not[ \t]*in(?![\w./-])/ },
  { kind: 'in', pattern: /^in(?![\w./-])/ },
] as const

const blanksPattern = /^[ \t]*/
const labelPattern = /^[\w./-]+/
const labelNameLengthMax = 512

/**
 * Splits a selector's text into tokens; the last one is `end` or `unreadable`. Words are operators only right after a label, so a label
 * may be named `in` or `contains`.
 * @see docs/calico/formats.md section 6.1
 */
export function readTokens(text: string): readonly [Token, ...Token[]] {
  const scanner = new TokenScanner(text)
  let last = nextToken(scanner, false)
  const tokens: [Token, ...Token[]] = [last]
  while (last.kind !== 'end' && last.kind !== 'unreadable') {
    last = nextToken(scanner, last.kind === 'label')
    tokens.push(last)
  }
  return tokens
}

function nextToken(scanner: TokenScanner, isAfterLabel: boolean): Token {
  scanner.takeMatch(blanksPattern)
  const { position } = scanner
  if (position === scanner.length) return { kind: 'end', text: '', position }

  const symbol = symbols.find((text) => scanner.take(text))
  if (symbol !== undefined) return { kind: symbol, text: '', position }
  const half = halves.find((text) => scanner.take(text))
  if (half !== undefined) return unreadableToken(position, `"${half}${half}"`)
  const quote = quotes.find((text) => scanner.take(text))
  if (quote !== undefined) return stringToken(scanner, quote, position)

  if (isAfterLabel) {
    const word = words.find(({ pattern }) => scanner.takeMatch(pattern) !== '')
    return word === undefined ? unreadableToken(position, operatorExpected) : { kind: word.kind, text: '', position }
  }
  const call = calls.find((name) => scanner.take(`${name}(`))
  return call === undefined ? labelToken(scanner, position) : callToken(scanner, call, position)
}

/** A string ends at the next quote of the same kind; there are no escapes. */
function stringToken(scanner: TokenScanner, quote: string, position: number): Token {
  const text = scanner.takeUntil(quote)
  return text === undefined
    ? unreadableToken(scanner.length, `the closing ${quote} of the string`)
    : { kind: 'string', text, position }
}

function callToken(scanner: TokenScanner, kind: (typeof calls)[number], position: number): Token {
  scanner.takeMatch(blanksPattern)
  let text = ''
  if (kind === 'has') {
    const label = labelToken(scanner, scanner.position)
    if (label.kind === 'unreadable') return label
    text = label.text
    scanner.takeMatch(blanksPattern)
  }
  return scanner.take(')') ? { kind, text, position } : unreadableToken(scanner.position, '")"')
}

function labelToken(scanner: TokenScanner, position: number): Token {
  const text = scanner.takeMatch(labelPattern)
  if (text === '') return unreadableToken(position, 'a label name')
  if (text.length > labelNameLengthMax)
    return unreadableToken(position, `a label name of at most ${labelNameLengthMax} characters`)
  return { kind: 'label', text, position }
}

function unreadableToken(position: number, expected: string): Token {
  return { kind: 'unreadable', text: expected, position }
}

/** The rest of the text that is not read yet. */
class TokenScanner {
  readonly length: number
  #rest: string

  constructor(text: string) {
    this.length = text.length
    this.#rest = text
  }

  get position(): number {
    return this.length - this.#rest.length
  }

  /** Consumes `text` if it comes next; returns true if it did. */
  take(text: string): boolean {
    const comesNext = this.#rest.startsWith(text)
    if (comesNext) this.#rest = this.#rest.slice(text.length)
    return comesNext
  }

  /** Consumes and returns what the pattern matches next; '' if it does not match. The pattern must begin with ^. */
  takeMatch(pattern: RegExp): string {
    const match = pattern.exec(this.#rest)?.[0] ?? ''
    this.#rest = this.#rest.slice(match.length)
    return match
  }

  /** Consumes the text up to the next `mark` and the mark, and returns the text; undefined if there is no mark. */
  takeUntil(mark: string): string | undefined {
    const end = this.#rest.indexOf(mark)
    if (end < 0) return undefined
    const taken = this.#rest.slice(0, end)
    this.#rest = this.#rest.slice(end + mark.length)
    return taken
  }
}
