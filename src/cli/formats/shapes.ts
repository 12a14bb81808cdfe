import type { Texts } from './entries.ts'
import { FormatProblem, type Position } from './problem.ts'

/** An object of JSON, whatever is in it. */
export type Members = Readonly<Record<string, unknown>>

/** Readers of values that a file should have. Each throws a {@link FormatProblem} that names the value by `path`. */
export class Shapes {
  readonly #position: Position | undefined

  constructor(position?: Position) {
    this.#position = position
  }

  members(value: unknown, path: string): Members {
    if (isMembers(value)) return value
    throw this.problem(path, value, 'an object')
  }

  list(value: unknown, path: string): readonly unknown[] {
    if (Array.isArray(value)) return value
    throw this.problem(path, value, 'a list')
  }

  text(value: unknown, path: string): string {
    if (typeof value === 'string') return value
    throw this.problem(path, value, 'a text')
  }

  textOrNull(value: unknown, path: string): string | null {
    return value === null || value === undefined ? null : this.text(value, path)
  }

  count(value: unknown, path: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
    throw this.problem(path, value, 'a whole number')
  }

  texts(value: unknown, path: string): Texts {
    const entries = Object.entries(this.members(value, path))
    return Object.fromEntries(entries.map(([name, text]) => [name, this.text(text, `${path}.${name}`)]))
  }

  problem(path: string, value: unknown, wanted: string): FormatProblem {
    const given = value === undefined ? 'is missing' : `is ${quote(value)}`
    return new FormatProblem(`${path} ${given}; it must be ${wanted}`, this.#position)
  }
}

/** True for an object of JSON. */
function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Prints a value short enough for a message. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** Parses JSON. Throws a {@link FormatProblem} with the place of the fault. */
export function parseJson(text: string, firstLine = 1): unknown {
  try {
    return JSON.parse(text)
  } catch (fault) {
    const message = fault instanceof Error ? fault.message : String(fault)
    const [, line, column] = /\(line (\d+) column (\d+)\)/.exec(message) ?? []
    const position = { line: firstLine + Number(line ?? 1) - 1, column: Number(column ?? 1) }
    throw new FormatProblem(`this is no JSON: ${message.replace(/ in JSON at position.*$/s, '')}`, position)
  }
}
