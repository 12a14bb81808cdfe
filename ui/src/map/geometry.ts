import { bits, type Cidr, type IpFamily, prefixLength } from '../../../src/net/index.ts'

/*
 * Each octet is a square of 16 × 16: its upper four bits are the row, its lower four the column. So the lower halves of the octets, put
 * together, are the column of an address in the whole space, and the upper halves the row; every CIDR is a rectangle.
 */

/** A place in the whole space, counted in addresses. */
export interface Place {
  readonly column: bigint
  readonly row: bigint
}

/** A grid of equal cells that covers a CIDR. */
export interface Grid {
  readonly root: Cidr
  /** The prefix length of a cell. */
  readonly cellLength: number
  readonly columns: number
  readonly rows: number
}

const octet = 8
const half = 4

/** The place of an address. */
export function placeOf(family: IpFamily, address: bigint): Place {
  let [column, row] = [0n, 0n]
  for (let shift = bits(family) - octet; shift >= 0; shift -= octet) {
    const value = (address >> BigInt(shift)) & 0xffn
    row = (row << 4n) | (value >> 4n)
    column = (column << 4n) | (value & 0xfn)
  }
  return { column, row }
}

/** The address at a place: the inverse of {@link placeOf}. */
export function addressAt(family: IpFamily, { column, row }: Place): bigint {
  let address = 0n
  for (let shift = bits(family) / 2 - half; shift >= 0; shift -= half) {
    address = (address << 8n) | (((row >> BigInt(shift)) & 0xfn) << 4n) | ((column >> BigInt(shift)) & 0xfn)
  }
  return address
}

/** The number of bits after a prefix that say the column, and the row. */
function bitsAfter(family: IpFamily, length: number): { readonly column: number; readonly row: number } {
  const rest = bits(family) - length
  const whole = Math.floor(rest / octet) * half
  const left = rest % octet
  return { column: whole + Math.min(left, half), row: whole + Math.max(0, left - half) }
}

/** The grid in which a CIDR is shown: cells two octets below the octet in which its prefix ends, at most 256 × 256 of them. */
export function gridOf(root: Cidr): Grid {
  const cellLength = Math.min(bits(root.family), Math.floor(root.prefixLength / octet) * octet + 2 * octet)
  const [all, cell] = [bitsAfter(root.family, root.prefixLength), bitsAfter(root.family, cellLength)]
  return { root, cellLength, columns: 2 ** (all.column - cell.column), rows: 2 ** (all.row - cell.row) }
}

/** A rectangle in cells of a grid. */
export interface CellRectangle {
  readonly column: number
  readonly row: number
  readonly columns: number
  readonly rows: number
}

/** The cells that a CIDR covers; undefined if it lies outside of the grid. One smaller than a cell takes that whole cell. */
export function cellsOf({ root, cellLength, columns, rows }: Grid, cidr: Cidr): CellRectangle | undefined {
  if (cidr.family !== root.family) return undefined
  const origin = placeOf(root.family, root.base)
  const place = placeOf(cidr.family, cidr.base)
  const cell = bitsAfter(root.family, cellLength)
  const own = bitsAfter(cidr.family, Math.min(cidr.prefixLength, cellLength))
  const column = Number((place.column - origin.column) >> BigInt(cell.column))
  const row = Number((place.row - origin.row) >> BigInt(cell.row))
  if (column < 0 || row < 0 || column >= columns || row >= rows) return undefined
  return { column, row, columns: 2 ** (own.column - cell.column), rows: 2 ** (own.row - cell.row) }
}

/** The CIDR of a cell. */
export function cidrOfCell({ root, cellLength }: Grid, column: number, row: number): Cidr {
  const origin = placeOf(root.family, root.base)
  const cell = bitsAfter(root.family, cellLength)
  const base = addressAt(root.family, {
    column: origin.column + (BigInt(column) << BigInt(cell.column)),
    row: origin.row + (BigInt(row) << BigInt(cell.row)),
  })
  return cidrAt(root.family, base, cellLength)
}

/** What a step nearer shows: the octet square of the grid that has this cell. The CIDR itself if it cannot be magnified. */
export function stepInto(grid: Grid, column: number, row: number): Cidr {
  const { root, cellLength } = grid
  const target = Math.floor(root.prefixLength / octet) * octet + octet
  if (target >= cellLength) return root
  return widen(cidrOfCell(grid, column, row), target)
}

/** What a step back shows: the octet square around the CIDR, or `outermost` if that is reached. */
export function stepOut(cidr: Cidr, outermost: Cidr): Cidr {
  const target = Math.ceil(cidr.prefixLength / octet) * octet - octet
  return target <= outermost.prefixLength ? outermost : widen(cidr, target)
}

/** The CIDR of that prefix length around another. */
function widen(cidr: Cidr, length: number): Cidr {
  const rest = BigInt(bits(cidr.family) - length)
  return cidrAt(cidr.family, (cidr.base >> rest) << rest, length)
}

function cidrAt(family: IpFamily, base: bigint, length: number): Cidr {
  const checked = prefixLength(family, length)
  if (checked === undefined) throw new Error(`IPv${family} has no prefix length ${length}`)
  return { family, base, prefixLength: checked }
}
