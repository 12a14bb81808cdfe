import { Readable } from 'node:stream'
import { CsvError, type CsvErrorCode, type InfoRecord, parse } from 'csv-parse'
import type { Texts } from './entries.ts'
import { FormatProblem } from './problem.ts'
import { quote } from './shapes.ts'

/** The text of a file, in parts. */
export type Chunks = AsyncIterable<string>

/** The values of one row of CSV, and the line at which it begins. */
export interface CsvRecord {
  readonly values: readonly string[]
  readonly line: number
}

/**
 * Reads the rows of CSV, without empty ones. A file whose first line has semicolons and no comma is separated by semicolons, as
 * spreadsheets write it in many countries. Throws a {@link FormatProblem} for quotes that are wrong.
 */
export async function* readRecords(chunks: Chunks): AsyncGenerator<CsvRecord, void> {
  const { delimiter, all } = await withDelimiter(chunks)
  const options = { delimiter, bom: true, info: true, relax_column_count: true, skip_empty_lines: true, trim: true }
  const parser = Readable.from(all).pipe(parse(options))
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: InfoRecord }>) {
      const breaks = record.join('').split('\n').length - 1
      yield { values: record, line: info.lines - breaks }
    }
  } catch (fault) {
    throw fault instanceof CsvError ? problemOf(fault) : fault
  }
}

async function withDelimiter(chunks: Chunks): Promise<{ readonly delimiter: string; readonly all: Chunks }> {
  const iterator = chunks[Symbol.asyncIterator]()
  const first = await iterator.next()
  const text = first.done === true ? '' : first.value
  const [heading = ''] = text.split('\n')
  async function* all(): AsyncGenerator<string, void> {
    yield text
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  }
  return { delimiter: heading.includes(';') && !heading.includes(',') ? ';' : ',', all: all() }
}

const faults: Readonly<Partial<Record<CsvErrorCode, string>>> = {
  CSV_QUOTE_NOT_CLOSED: 'the quote that opens this value is not closed; close it with a quote',
  INVALID_OPENING_QUOTE: 'there is a quote in the middle of a value; put the value in quotes, and double the quote',
  CSV_INVALID_CLOSING_QUOTE: 'there is something behind the closing quote of a value; double the quotes inside of it',
}

function problemOf(fault: CsvError): FormatProblem {
  const { code, lines, column } = fault
  const position = { line: Number(lines), ...(typeof column === 'number' && { column: column + 1 }) }
  return new FormatProblem(faults[code] ?? fault.message, position)
}

/** The names of columns, and their places: in any case, with spaces or underscores, with the asterisk of Infoblox or without. */
export class Heading {
  readonly #places: ReadonlyMap<string, number>
  /** The names as the file spells them. */
  readonly names: readonly string[]

  constructor({ values }: CsvRecord) {
    this.#places = new Map(values.map((name, place) => [spell(name), place]))
    this.names = values
  }

  /** The place of the first of these columns that there is. */
  placeOf(...names: readonly string[]): number | undefined {
    for (const name of names) {
      const place = this.#places.get(name)
      if (place !== undefined) return place
    }
    return undefined
  }

  has(...names: readonly string[]): boolean {
    return this.placeOf(...names) !== undefined
  }

  /** The columns whose names begin with `prefix`, without it. */
  namesAfter(prefix: string): readonly string[] {
    return [...this.#places.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
  }
}

function spell(name: string): string {
  return name.toLowerCase().replace(/\*$/, '').replaceAll('_', ' ').trim()
}

/** A row below a heading. */
export class Row {
  readonly #heading: Heading
  readonly #values: readonly string[]
  readonly line: number

  /** Throws a {@link FormatProblem} for a row that is longer than its heading. */
  constructor(heading: Heading, { values, line }: CsvRecord) {
    const more = values.slice(heading.names.length).findIndex((value) => value !== '')
    if (more >= 0) {
      const column = heading.names.length + more + 1
      const message = `${quote(values[column - 1])} stands below no heading; the heading has ${heading.names.length} columns`
      throw new FormatProblem(message, { line, column })
    }
    this.#heading = heading
    this.#values = values
    this.line = line
  }

  /** The value in the first of these columns that there is; empty if there is none, or nothing in it. */
  text(...names: readonly string[]): string {
    const place = this.#heading.placeOf(...names)
    const value = place === undefined ? '' : (this.#values[place] ?? '')
    // NetBox shows a dash for nothing.
    return value === '—' ? '' : value
  }

  /** The values of columns that have one, by other names. */
  texts(columns: Readonly<Record<string, readonly string[]>>): Texts {
    const values = Object.entries(columns).map(([name, names]) => [name, this.text(...names)] as const)
    return Object.fromEntries(values.filter(([, value]) => value !== ''))
  }

  /** The problem of a value: it is not what is `wanted`. */
  problem(wanted: string, ...names: readonly string[]): FormatProblem {
    const place = this.#heading.placeOf(...names)
    const value = this.text(...names)
    const given = value === '' ? 'nothing' : quote(value)
    const [name, column] = place === undefined ? [names[0], {}] : [this.#heading.names[place], { column: place + 1 }]
    return new FormatProblem(`${name ?? ''} is ${given}; it must be ${wanted}`, { line: this.line, ...column })
  }
}

/** Reads rows below one heading, which must have the columns that `isKnown` asks for. */
export async function* readTable(
  chunks: Chunks,
  isKnown: (heading: Heading) => boolean,
  wanted: string,
): AsyncGenerator<{ readonly heading: Heading; readonly row: Row }, void> {
  let heading: Heading | undefined
  for await (const record of readRecords(chunks)) {
    if (heading !== undefined) yield { heading, row: new Row(heading, record) }
    else {
      heading = new Heading(record)
      if (!isKnown(heading)) throw new FormatProblem(`the heading must have ${wanted}`, { line: record.line })
    }
  }
  if (heading === undefined) throw new FormatProblem(`the file is empty; it must have a heading with ${wanted}`)
}
