/** A value of a cell; nothing is known if it is null or undefined. */
export type Cell = string | number | boolean | null | undefined

/** How loudly a cell is printed. */
export type Tone = 'good' | 'warning' | 'bad' | 'quiet'

/** How to print for the terminal at hand. */
export interface Style {
  readonly isColoured: boolean
  /** True if the terminal shows more than ASCII. */
  readonly isUnicode: boolean
  /** For ages. */
  readonly now: Date
}

/** A column of a table, and of CSV. */
export interface Column<Row> {
  /** In camel case, as the field is called in the API. */
  readonly name: string
  /** The name in tables, if not the same in words. */
  readonly header?: string
  readonly value: (row: Row) => Cell
  /** How the table shows the value, if not as it is. */
  readonly show?: (row: Row, style: Style) => string
  readonly tone?: (row: Row) => Tone | undefined
  /** Only in wide tables. */
  readonly isWide?: boolean
  /** Numbers are read from the right. */
  readonly isRight?: boolean
}

/** How a list of rows is printed. */
export interface Layout<Row> {
  readonly columns: readonly Column<Row>[]
  /** Returns the text that identifies a row, for `-o name`. */
  readonly name: (row: Row) => string
}

const colours: Readonly<Record<Tone, number>> = { good: 32, warning: 33, bad: 31, quiet: 2 }

/**
 * Prints rows as a table that is as wide as its cells. The header is left out if `widths` of an earlier part are given: the columns are at
 * least that wide, so that parts of a long list stand below each other. Returns the widths, too.
 */
export function printTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: Style,
  widths?: readonly number[],
): { readonly text: string; readonly widths: readonly number[] } {
  const headers = columns.map(({ name, header }) => headerOf(header ?? name))
  const lines = rows.map((row) => columns.map((column) => cellText(column, row, style)))
  const ownWidths = columns.map((_, index) =>
    Math.max(widths?.[index] ?? widthOf(headers[index] ?? ''), ...lines.map((line) => widthOf(line[index] ?? ''))),
  )
  const printLine = (texts: readonly string[], row?: Row): string => {
    const padded = columns.map((column, index) => {
      const text = texts[index] ?? ''
      const gap = ' '.repeat(Math.max(0, (ownWidths[index] ?? 0) - widthOf(text)))
      const isLast = index === columns.length - 1
      const toned = row === undefined ? text : paint(text, column.tone?.(row), style)
      if (column.isRight === true) return gap + toned
      return isLast ? toned : toned + gap
    })
    return `${padded.join('   ').trimEnd()}\n`
  }
  const head = widths === undefined ? [printLine(headers)] : []
  const body = rows.map((row, index) => printLine(lines[index] ?? [], row))
  return { text: [...head, ...body].join(''), widths: ownWidths }
}

/** Prints one row as lines of a name and a value. */
export function printDetails<Row>(columns: readonly Column<Row>[], row: Row, style: Style): string {
  const width = Math.max(...columns.map(({ name, header }) => labelOf(header ?? name).length)) + 1
  const lines = columns.map((column) => {
    const text = paint(cellText(column, row, style), column.tone?.(row), style)
    return `${`${labelOf(column.header ?? column.name)}:`.padEnd(width)}  ${text}\n`
  })
  return lines.join('')
}

/** Gives a text its tone, where there are colours. */
export function paint(text: string, tone: Tone | undefined, { isColoured }: Style): string {
  return isColoured && tone !== undefined ? `\u001b[${colours[tone]}m${text}\u001b[0m` : text
}

/** Writes control characters and marks of text direction as escapes: what others have named must not steer a terminal. */
export function visible(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function cellText<Row>({ value, show }: Column<Row>, row: Row, style: Style): string {
  if (show !== undefined) return visible(show(row, style))
  const cell = value(row)
  return cell === null || cell === undefined || cell === '' ? '-' : visible(String(cell))
}

/** `assignedAt` is ASSIGNED AT. */
function headerOf(name: string): string {
  return wordsOf(name).toUpperCase()
}

/** `assignedAt` is Assigned at. */
function labelOf(name: string): string {
  const words = wordsOf(name)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function wordsOf(name: string): string {
  return name.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function widthOf(text: string): number {
  return Array.from(text).length
}
