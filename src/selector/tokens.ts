import type { Comparison, Membership } from './selector.ts'

/** What a token is. `unreadable` ends the text like `end`, and its text says what should have stood there. */
export type TokenKind =
  | (typeof symbols)[number]
  | Comparison
  | Membership
  | 'label'
  | 'string'
  | 'has'
  | 'all'
  | 'global'
  | 'end'
  | 'unreadable'

/** A piece of a selector. `text` is the name of a label (or of the label in `has()`), or the value of a string; else it is empty. */
export interface Token {
  readonly kind: TokenKind
  readonly text: string
  /** Where it begins: 0-based, in UTF-16 units as JavaScript counts the characters of a string. */
  readonly position: number
}

/** What must follow a label. */
export const operatorExpected = 'an operator (==, !=, in, not in, contains, starts with, ends with)'

/** Longer symbols first, so that "!=" is not read as "!". */
const symbols = ['==', '!=', '&&', '||', '!', '(', ')', '{', '}', ','] as const

/** Half symbols: there is nothing that one of them alone could mean. */
const halves = ['=', '&', '|']

const quotes = ['"', "'"]

/** Functions only when the parenthesis follows at once: "all == 'x'" is about a label called all. */
const calls = ['has', 'all', 'global'] as const

/** In the order in which they are tried. A word ends where a label's name could not go on: "contains'a'" is fine. */
const words = [
  { kind: 'contains', pattern: /^contains(?![\w./-])/ },
  { kind: 'starts with', pattern: /^starts[ \t]*with(?![\w./-])/ },
  { kind: 'ends with', pattern: /^ends[ \t]*with(?![\w./-])/ },
  { kind: 'not in', pattern: /^not[ \t]*in(?![\w./-])/ },
  { kind: 'in', pattern: /^in(?![\w./-])/ },
] as const

const blanksPattern = /^[ \t]*/
const labelPattern = /^[\w./-]+/
const labelLengthMax = 512

/**
 * The tokens of a selector's text, the last one `end` or `unreadable`. Words are operators only right after a label, so that a label
 * may be called `in` or `contains`.
 * @see docs/calico/formats.md 6.1
 */
export function tokensOf(text: string): readonly [Token, ...Token[]] {
  const scanner = new Scanner(text)
  let last = nextToken(scanner, false)
  const tokens: [Token, ...Token[]] = [last]
  while (last.kind !== 'end' && last.kind !== 'unreadable') {
    last = nextToken(scanner, last.kind === 'label')
    tokens.push(last)
  }
  return tokens
}

function nextToken(scanner: Scanner, isAfterLabel: boolean): Token {
  scanner.takeMatch(blanksPattern)
  const { position } = scanner
  if (position === scanner.length) return { kind: 'end', text: '', position }

  const symbol = symbols.find((text) => scanner.take(text))
  if (symbol !== undefined) return { kind: symbol, text: '', position }
  const half = halves.find((text) => scanner.take(text))
  if (half !== undefined) return unreadable(position, `"${half}${half}"`)
  const quote = quotes.find((text) => scanner.take(text))
  if (quote !== undefined) return stringToken(scanner, quote, position)

  if (isAfterLabel) {
    const word = words.find(({ pattern }) => scanner.takeMatch(pattern) !== '')
    return word === undefined ? unreadable(position, operatorExpected) : { kind: word.kind, text: '', position }
  }
  const call = calls.find((name) => scanner.take(`${name}(`))
  return call === undefined ? labelToken(scanner, position) : callToken(scanner, call, position)
}

/** A string ends at the next quote of its own kind; nothing can be escaped. */
function stringToken(scanner: Scanner, quote: string, position: number): Token {
  const text = scanner.takeUntil(quote)
  return text === undefined
    ? unreadable(scanner.length, `the closing ${quote} of the string`)
    : { kind: 'string', text, position }
}

function callToken(scanner: Scanner, kind: (typeof calls)[number], position: number): Token {
  scanner.takeMatch(blanksPattern)
  let text = ''
  if (kind === 'has') {
    const label = labelToken(scanner, scanner.position)
    if (label.kind === 'unreadable') return label
    text = label.text
    scanner.takeMatch(blanksPattern)
  }
  return scanner.take(')') ? { kind, text, position } : unreadable(scanner.position, '")"')
}

function labelToken(scanner: Scanner, position: number): Token {
  const text = scanner.takeMatch(labelPattern)
  if (text === '') return unreadable(position, 'a label name')
  if (text.length > labelLengthMax) return unreadable(position, `a label name of at most ${labelLengthMax} characters`)
  return { kind: 'label', text, position }
}

function unreadable(position: number, expected: string): Token {
  return { kind: 'unreadable', text: expected, position }
}

/** The text that is still to be read. */
class Scanner {
  readonly length: number
  #rest: string

  constructor(text: string) {
    this.length = text.length
    this.#rest = text
  }

  get position(): number {
    return this.length - this.#rest.length
  }

  /** Goes past `text` if it comes next, and says whether it did. */
  take(text: string): boolean {
    const comesNext = this.#rest.startsWith(text)
    if (comesNext) this.#rest = this.#rest.slice(text.length)
    return comesNext
  }

  /** Goes past what the pattern (which must begin with ^) finds next, and gives it; '' when it finds nothing. */
  takeMatch(pattern: RegExp): string {
    const match = pattern.exec(this.#rest)?.[0] ?? ''
    this.#rest = this.#rest.slice(match.length)
    return match
  }

  /** Goes past the next `mark` and gives what was before it; undefined when there is none. */
  takeUntil(mark: string): string | undefined {
    const end = this.#rest.indexOf(mark)
    if (end < 0) return undefined
    const taken = this.#rest.slice(0, end)
    this.#rest = this.#rest.slice(end + mark.length)
    return taken
  }
}
