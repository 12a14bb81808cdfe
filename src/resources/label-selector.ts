/**
 * Kubernetes' label selectors, as `labelSelector=` carries them: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by
 * commas. Not Calico's selector language, which pools store.
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 */
import { isLabelKey, isLabelValue } from './object/index.ts'

/** One condition. An object matches if its labels fulfil all conditions. */
interface Requirement {
  readonly label: string
  readonly operator: 'in' | 'notin' | 'exists' | 'absent'
  readonly values: ReadonlySet<string>
}

/** A parsed label selector. */
export type LabelSelector = readonly Requirement[]

/** A selector, or what is wrong with its text, and at which position. */
export type LabelSelectorResult =
  | { readonly ok: true; readonly selector: LabelSelector }
  | { readonly ok: false; readonly problem: string }

/** The selector that matches everything. */
export const everyLabel: LabelSelector = []

/** Parses a label selector; blank text matches everything. */
export function parseLabelSelector(text: string): LabelSelectorResult {
  if (text.trim() === '') return { ok: true, selector: everyLabel }
  const scanner = new Scanner(text)
  const requirements: Requirement[] = []
  do {
    const requirement = parseRequirement(scanner)
    if (typeof requirement === 'string') return { ok: false, problem: requirement }
    requirements.push(requirement)
  } while (scanner.take(','))
  return scanner.isAtEnd
    ? { ok: true, selector: requirements }
    : { ok: false, problem: scanner.expected('"," or the end') }
}

/** True if `labels` fulfil the selector. A missing label is unequal to every value. */
export function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return selector.every(({ label, operator, values }) => {
    const value = Object.hasOwn(labels, label) ? labels[label] : undefined
    switch (operator) {
      case 'in':
        return value !== undefined && values.has(value)
      case 'notin':
        return value === undefined || !values.has(value)
      case 'exists':
        return value !== undefined
      case 'absent':
        return value === undefined
    }
  })
}

const tokenPattern = /==|!=|[=!,()]|[^\s=!,()]+/y

/** Splits the text into symbols and words, which blanks may separate. */
class Scanner {
  readonly #text: string
  #position = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.peek() === '' && this.#position === this.#text.length
  }

  /** The next token; empty at the end, and before a character that starts no token. */
  peek(): string {
    while (this.#text[this.#position] === ' ' || this.#text[this.#position] === '\t') this.#position += 1
    tokenPattern.lastIndex = this.#position
    return tokenPattern.exec(this.#text)?.[0] ?? ''
  }

  next(): string {
    const token = this.peek()
    this.#position += token.length
    return token
  }

  take(token: string): boolean {
    if (this.peek() !== token) return false
    this.next()
    return true
  }

  expected(what: string): string {
    const found = this.isAtEnd ? 'the end' : JSON.stringify(this.#text.slice(this.#position, this.#position + 20))
    return `expected ${what} at position ${String(this.#position)}, found ${found}`
  }
}

function parseRequirement(scanner: Scanner): Requirement | string {
  const isNegated = scanner.take('!')
  if (!isLabelKey(scanner.peek())) return scanner.expected('a label name')
  const label = scanner.next()
  if (isNegated) return { label, operator: 'absent', values: new Set() }
  switch (scanner.peek()) {
    case '=':
    case '==':
    case '!=': {
      const operator = scanner.next() === '!=' ? 'notin' : 'in'
      const value = parseValue(scanner)
      return value === undefined ? scanner.expected('a label value') : { label, operator, values: new Set([value]) }
    }
    case 'in':
    case 'notin': {
      const operator = scanner.next() === 'in' ? 'in' : 'notin'
      const values = parseSet(scanner)
      return typeof values === 'string' ? values : { label, operator, values }
    }
    default:
      return { label, operator: 'exists', values: new Set() }
  }
}

function parseSet(scanner: Scanner): ReadonlySet<string> | string {
  if (!scanner.take('(')) return scanner.expected('"("')
  const values = new Set<string>()
  do {
    const value = parseValue(scanner)
    if (value === undefined) return scanner.expected('a label value')
    values.add(value)
  } while (scanner.take(','))
  return scanner.take(')') ? values : scanner.expected('"," or ")"')
}

/** A value may be empty, as in `a=` and `a in (,b)`. */
function parseValue(scanner: Scanner): string | undefined {
  const token = scanner.peek()
  if (token === ',' || token === ')' || token === '') return ''
  return isLabelValue(token) ? scanner.next() : undefined
}
