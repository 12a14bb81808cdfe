import { printCsv, printCsvHeader } from './csv.ts'
import { printTable, type Style, type Layout } from './table.ts'

/** How a command prints its answer. */
export const formats = ['table', 'wide', 'json', 'yaml', 'name', 'csv'] as const
export type Format = (typeof formats)[number]

/** The formats that print rows; the others print the answer of the API. */
export type RowFormat = Exclude<Format, 'json' | 'yaml'>

/** Prints a list part by part. */
export class ListPrinter<Row> {
  readonly #layout: Layout<Row>
  readonly #format: RowFormat
  readonly #style: Style
  #widths: readonly number[] | undefined
  #isBegun = false

  constructor(layout: Layout<Row>, format: RowFormat, style: Style) {
    this.#layout = layout
    this.#format = format
    this.#style = style
  }

  /** The text of the next rows. A table without any row is empty. */
  print(rows: readonly Row[]): string {
    const { columns, name } = this.#layout
    const isFirst = !this.#isBegun
    this.#isBegun = true
    if (this.#format === 'name') return rows.map((row) => `${name(row)}\n`).join('')
    if (this.#format === 'csv') return (isFirst ? printCsvHeader(columns) : '') + printCsv(columns, rows)
    if (rows.length === 0) return ''
    const shown = this.#format === 'wide' ? columns : columns.filter(({ isWide }) => isWide !== true)
    const { text, widths } = printTable(shown, rows, this.#style, this.#widths)
    this.#widths = widths
    return text
  }
}

/**
 * Joins the pages of a list to one answer, as if it had one page: lists are put together, and everything else is as on the last page,
 * which has no next one.
 */
export function joinPages(pages: readonly Readonly<Record<string, unknown>>[]): Readonly<Record<string, unknown>> {
  const names = new Set(pages.flatMap((page) => Object.keys(page)))
  const joined = [...names].map((name) => {
    const values = pages.map((page) => page[name])
    return [name, values.every((value) => Array.isArray(value)) ? values.flat(1) : values.at(-1)] as const
  })
  return Object.fromEntries(joined)
}
