import type { Grid } from './geometry.ts'

/** Where the cells of a grid are on a canvas, in device pixels. */
export interface Layout {
  readonly grid: Grid
  /** The side of a cell, which need not be whole; edges of cells are. */
  readonly cell: number
  /** Cells to a side of an octet square; 1 if the cells are addresses of one octet. */
  readonly square: number
  /** The space after each octet square. */
  readonly gap: number
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

const side = 16

/** Lays out a grid in a width, and in at most a height. `ratio` is the number of device pixels to one of CSS. */
export function layOut(grid: Grid, width: number, heightMax: number, ratio: number): Layout {
  const square = isOfTwoOctets(grid) ? side : 1
  const gap = Math.round((square === 1 ? 2 : 3) * ratio)
  const [left, top] = [Math.round(30 * ratio), Math.round(20 * ratio)]
  const room = (available: number, cells: number): number =>
    (available - Math.max(0, Math.ceil(cells / square) - 1) * gap) / cells
  const cellMax = (square === 1 ? 52 : 16) * ratio
  const cell = Math.max(1, Math.min(cellMax, room(width - left, grid.columns), room(heightMax - top, grid.rows)))
  const extent = (cells: number): number => Math.round(cells * cell) + Math.max(0, Math.ceil(cells / square) - 1) * gap
  return { grid, cell, square, gap, left, top, width: left + extent(grid.columns), height: top + extent(grid.rows) }
}

/** True if the cells are two octets below the octet of the root. */
function isOfTwoOctets({ root, cellLength }: Grid): boolean {
  return cellLength - Math.floor(root.prefixLength / 8) * 8 === 16
}

/** The left edge of a column. */
export function xOf({ cell, square, gap, left }: Layout, column: number): number {
  return left + Math.round(column * cell) + Math.floor(column / square) * gap
}

/** The upper edge of a row. */
export function yOf({ cell, square, gap, top }: Layout, row: number): number {
  return top + Math.round(row * cell) + Math.floor(row / square) * gap
}

/** How far cells reach to the right, from a column on. They lie in one octet square. */
export function widthOf({ cell }: Layout, column: number, columns: number): number {
  return Math.round((column + columns) * cell) - Math.round(column * cell)
}

/** How far cells reach down, from a row on. They lie in one octet square. */
export function heightOf({ cell }: Layout, row: number, rows: number): number {
  return Math.round((row + rows) * cell) - Math.round(row * cell)
}

/** The cell at a place on the canvas; undefined in a margin or a gap. */
export function cellAt(
  layout: Layout,
  x: number,
  y: number,
): { readonly column: number; readonly row: number } | undefined {
  const { grid, cell, square, gap, left, top } = layout
  const index = (distance: number): number | undefined => {
    if (distance < 0) return undefined
    const whole = square * cell + gap
    const within = distance % whole
    return within >= square * cell ? undefined : Math.floor(distance / whole) * square + Math.floor(within / cell)
  }
  const [column, row] = [index(x - left), index(y - top)]
  if (column === undefined || row === undefined || column >= grid.columns || row >= grid.rows) return undefined
  return { column, row }
}
