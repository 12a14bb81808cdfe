import type { Cell, Column } from './table.ts'

/** Prints the names of the columns as the first line of CSV. */
export function printCsvHeader<Row>(columns: readonly Column<Row>[]): string {
  return printLine(columns.map(({ name }) => name))
}

/** Prints rows as CSV (RFC 4180, with a line feed at the end of a line): values as the API has them, nothing for what is not known. */
export function printCsv<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  return rows.map((row) => printLine(columns.map(({ value }) => value(row)))).join('')
}

function printLine(cells: readonly Cell[]): string {
  return `${cells.map(quote).join(',')}\n`
}

function quote(cell: Cell): string {
  const text = String(cell ?? '')
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
