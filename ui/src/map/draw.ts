import { bits, type Cidr } from '../../../src/net/index.ts'
import { shareOf } from '../text/index.ts'
import type { Cell } from './cells.ts'
import { cidrOfCell } from './geometry.ts'
import { heightOf, type Layout, widthOf, xOf, yOf } from './layout.ts'
import { type Palette, stepOf } from './palette.ts'

/** Draws a map: squares, cells, labels. What is free is the ground on which the rest lies. */
export function drawMap(
  context: CanvasRenderingContext2D,
  layout: Layout,
  cells: readonly Cell[],
  palette: Palette,
  ratio: number,
): void {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height)
  drawGround(context, layout, cells, palette)
  for (const cell of cells) drawCell(context, layout, cell, palette, ratio)
  drawMargins(context, layout, palette, ratio)
  if (layout.cell >= 24 * ratio && layout.square === 1) drawNumbers(context, layout, cells, palette, ratio)
}

/** Draws a frame around the cell of the cursor. */
export function drawCursor(
  context: CanvasRenderingContext2D,
  layout: Layout,
  column: number,
  row: number,
  palette: Palette,
  ratio: number,
): void {
  const width = Math.round(2 * ratio)
  context.strokeStyle = palette.cursor
  context.lineWidth = width
  const span = layout.cell < 10 * ratio ? layout.square : 1
  const [first, upper] = [Math.floor(column / span) * span, Math.floor(row / span) * span]
  const columns = Math.min(span, layout.grid.columns - first)
  const rows = Math.min(span, layout.grid.rows - upper)
  const box = (x: number, y: number, across: number, down: number): void =>
    frame(context, xOf(layout, x), yOf(layout, y), widthOf(layout, x, across), heightOf(layout, y, down), width)
  if (span > 1) box(first, upper, columns, rows)
  box(column, row, 1, 1)
}

function frame(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  line: number,
): void {
  context.strokeRect(x - line / 2, y - line / 2, width + line, height + line)
}

/** The octet squares. One with something in use is marked, so that a single address in a /8 is found. */
function drawGround(context: CanvasRenderingContext2D, layout: Layout, cells: readonly Cell[], palette: Palette): void {
  const { grid, square } = layout
  const placeOf = (column: number, row: number): number =>
    Math.floor(row / square) * grid.columns + Math.floor(column / square)
  const touched = new Set(square === 1 ? [] : cells.filter(isInUse).map(({ column, row }) => placeOf(column, row)))
  for (let row = 0; row < grid.rows; row += square) {
    for (let column = 0; column < grid.columns; column += square) {
      const width = widthOf(layout, column, Math.min(square, grid.columns - column))
      const height = heightOf(layout, row, Math.min(square, grid.rows - row))
      context.fillStyle = touched.has(placeOf(column, row)) ? palette.touched : palette.free
      context.fillRect(xOf(layout, column), yOf(layout, row), width, height)
    }
  }
}

function isInUse({ content }: Cell): boolean {
  return content.kind === 'address' ? content.state === 'u' || content.state === 'U' : content.range.inUse !== '0'
}

/** A place on the canvas. */
interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

function drawCell(
  context: CanvasRenderingContext2D,
  layout: Layout,
  cell: Cell,
  palette: Palette,
  ratio: number,
): void {
  const { column, row, content } = cell
  // Where there is room, a line of the ground tells one cell from the next.
  const line = layout.square > 1 && layout.cell >= 6 * ratio ? Math.round(ratio) : 0
  const box = {
    x: xOf(layout, column),
    y: yOf(layout, row),
    width: widthOf(layout, column, 1) - line,
    height: heightOf(layout, row, 1) - line,
  }
  if (content.kind === 'range') {
    const { inUse, cooling, reserved, capacity } = content.range
    const step = stepOf(shareOf(inUse, capacity))
    if (step > 0) fill(context, palette.ramp[step - 1] ?? palette.inUse, box)
    else if (cooling !== '0') hatch(context, palette.cooling, box, ratio, 'falling')
    else if (reserved !== '0') hatch(context, palette.reserved, box, ratio, 'crossed')
    return
  }
  switch (content.state) {
    case 'u':
      fill(context, palette.inUse, box)
      return
    case 'U':
      fill(context, palette.inUse, box)
      hatch(context, palette.onFull, box, ratio, 'crossed')
      return
    case 'c':
    case 'C':
      hatch(context, palette.cooling, box, ratio, 'falling')
      return
    case 'r':
      hatch(context, palette.reserved, box, ratio, 'crossed')
      return
    case '-':
      fill(context, palette.outside, box)
      return
    case 'a':
      return
  }
}

function fill(context: CanvasRenderingContext2D, colour: string, { x, y, width, height }: Box): void {
  context.fillStyle = colour
  context.fillRect(x, y, width, height)
}

/** Lines within a cell, so that no state is told by its colour alone. A cell too small for lines is filled. */
function hatch(
  context: CanvasRenderingContext2D,
  colour: string,
  box: Box,
  ratio: number,
  lines: 'falling' | 'crossed',
): void {
  const { x, y, width, height } = box
  const size = Math.max(width, height)
  if (size < 5 * ratio) {
    fill(context, colour, box)
    return
  }
  context.save()
  context.beginPath()
  context.rect(x, y, width, height)
  context.clip()
  context.strokeStyle = colour
  context.lineWidth = (lines === 'falling' ? 2 : 1.2) * ratio
  context.beginPath()
  for (let at = -size; at < size; at += 5 * ratio) {
    context.moveTo(x + at, y)
    context.lineTo(x + at + size, y + size)
    if (lines === 'crossed') {
      context.moveTo(x + at, y + size)
      context.lineTo(x + at + size, y)
    }
  }
  context.stroke()
  context.strokeRect(x + ratio / 2, y + ratio / 2, width - ratio, height - ratio)
  context.restore()
}

/** On the left the octet with which a row of squares begins, on top what a column adds to it. */
function drawMargins(context: CanvasRenderingContext2D, layout: Layout, palette: Palette, ratio: number): void {
  const { grid, square, cell } = layout
  const size = square * cell + layout.gap
  const { root } = grid
  context.fillStyle = palette.quiet
  context.font = `${11 * ratio}px ui-monospace, "DejaVu Sans Mono", monospace`
  context.textBaseline = 'middle'
  context.textAlign = 'right'
  const octet = Math.floor(root.prefixLength / 8)
  // Labels that would touch are left out, every second one and so on.
  const rowStep = Math.ceil((13 * ratio) / size)
  for (let row = 0; row < grid.rows; row += square * rowStep) {
    const middle = yOf(layout, row) + (Math.min(square, grid.rows - row) * cell) / 2
    context.fillText(octetText(cidrOfCell(grid, 0, row), octet), layout.left - 8 * ratio, middle)
  }
  context.textAlign = 'center'
  const columnStep = Math.ceil((24 * ratio) / size)
  const first = octetOf(cidrOfCell(grid, 0, 0), octet) % 16
  for (let column = 0; column < grid.columns; column += square * columnStep) {
    const middle = xOf(layout, column) + (Math.min(square, grid.columns - column) * cell) / 2
    const digit = first + column / square
    context.fillText(`+${root.family === 6 ? digit.toString(16) : digit}`, middle, layout.top - 9 * ratio)
  }
}

function drawNumbers(
  context: CanvasRenderingContext2D,
  layout: Layout,
  cells: readonly Cell[],
  palette: Palette,
  ratio: number,
): void {
  const { grid, cell } = layout
  const full = new Set(cells.filter(isDark).map(({ column, row }) => row * grid.columns + column))
  const hatched = new Set(
    cells
      .filter((one) => one.content.kind === 'address' && /[crC]/.test(one.content.state))
      .map(({ column, row }) => row * grid.columns + column),
  )
  const octet = Math.floor(grid.root.prefixLength / 8) - (grid.root.prefixLength === bits(grid.root.family) ? 1 : 0)
  context.font = `${12 * ratio}px ui-monospace, "DejaVu Sans Mono", monospace`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      const place = row * grid.columns + column
      const [x, y] = [xOf(layout, column) + cell / 2, yOf(layout, row) + cell / 2]
      const text = octetText(cidrOfCell(grid, column, row), octet)
      if (hatched.has(place)) {
        const width = context.measureText(text).width + 6 * ratio
        context.fillStyle = palette.free
        context.fillRect(x - width / 2, y - 8 * ratio, width, 16 * ratio)
      }
      context.fillStyle = full.has(place) ? palette.onFull : hatched.has(place) ? palette.text : palette.quiet
      context.fillText(text, x, y)
    }
  }
}

function isDark({ content }: Cell): boolean {
  return content.kind === 'address'
    ? content.state === 'u' || content.state === 'U'
    : stepOf(shareOf(content.range.inUse, content.range.capacity)) > 3
}

function octetOf({ family, base }: Cidr, octet: number): number {
  return Number((base >> BigInt(bits(family) - 8 * (octet + 1))) & 0xffn)
}

function octetText(cidr: Cidr, octet: number): string {
  const value = octetOf(cidr, octet)
  return cidr.family === 6 ? value.toString(16).padStart(2, '0') : String(value)
}
