import { type Outcome, perform, type Schemas } from '../api/index.ts'
import { bits, type Cidr, formatCidr, parseCidr } from '../../../src/net/index.ts'
import { cellsOf, cidrOfCell, type Grid } from './geometry.ts'

/** The counts of a range. */
export type MappedRange = Schemas['MappedRange']

/** What a cell shows: an address by its state, or a range by its counts. */
export interface Cell {
  readonly column: number
  readonly row: number
  readonly content:
    | { readonly kind: 'address'; readonly state: AddressState }
    | { readonly kind: 'range'; readonly range: MappedRange }
}

/** The state of an address, as the API writes it: available, in use, cooling, reserved, in use or cooling and reserved, in no pool. */
export type AddressState = 'a' | 'u' | 'c' | 'r' | 'U' | 'C' | '-'

/**
 * Where a step nearer leads: on through ranges in which all that is in use lies in one range again, so that a few addresses in an IPv6 /48
 * are found in one step. `target` itself if it has nothing in it, or more than one.
 */
export async function settle(target: Cidr): Promise<Cidr> {
  let at = target
  while (at.prefixLength < bits(at.family) - octet) {
    const next = await readMap(at, at.prefixLength + octet)
    const only = next.ok && next.data.length === 1 ? next.data[0] : undefined
    if (only === undefined) return at
    at = mustParse(only.range)
  }
  return at
}

const octet = 8

/** The addresses that one answer has at most. */
const stripBits = 12

/** Reads what the cells of a grid show. Cells with nothing in them are left out. */
export async function readCells(grid: Grid): Promise<Outcome<readonly Cell[]>> {
  return grid.cellLength === bits(grid.root.family) ? readAddresses(grid) : readRanges(grid)
}

async function readRanges(grid: Grid): Promise<Outcome<readonly Cell[]>> {
  const whole = await readMap(grid.root, grid.cellLength)
  if (whole.ok || whole.problem.status !== 422) return mapOutcome(whole, (ranges) => cellsOfRanges(grid, ranges))
  // More ranges have something in them than fit into an answer: each octet square is read by itself, if it has anything in it.
  const coarse = await readMap(grid.root, grid.cellLength - octet)
  if (!coarse.ok) return coarse
  const parts = await Promise.all(coarse.data.map(({ range }) => readMap(mustParse(range), grid.cellLength)))
  const failed = parts.find((part) => !part.ok)
  if (failed !== undefined) return failed
  return { ok: true, data: parts.flatMap((part) => (part.ok ? cellsOfRanges(grid, part.data) : [])) }
}

async function readAddresses(grid: Grid): Promise<Outcome<readonly Cell[]>> {
  const { root } = grid
  const whole = bits(root.family) - stripBits
  if (root.prefixLength >= whole) return readStrip(grid, root)
  const coarse = await readMap(root, whole)
  if (!coarse.ok) return coarse
  const strips = await Promise.all(coarse.data.map(({ range }) => readStrip(grid, mustParse(range))))
  const failed = strips.find((strip) => !strip.ok)
  return failed ?? { ok: true, data: strips.flatMap((strip) => (strip.ok ? strip.data : [])) }
}

async function readStrip(grid: Grid, cidr: Cidr): Promise<Outcome<readonly Cell[]>> {
  const outcome = await perform((api) =>
    api.GET('/ipam/v1/map/addresses', { params: { query: { cidr: formatCidr(cidr) } } }),
  )
  return mapOutcome(outcome, ({ states }) =>
    Array.from(states).flatMap((letter, index) => {
      const state = stateOf(letter)
      if (state === 'a') return []
      const cells = cellsOf(grid, { ...cidr, base: cidr.base + BigInt(index), prefixLength: hostLength(grid) })
      return cells === undefined ? [] : [{ column: cells.column, row: cells.row, content: { kind: 'address', state } }]
    }),
  )
}

async function readMap(cidr: Cidr, prefixLength: number): Promise<Outcome<readonly MappedRange[]>> {
  const outcome = await perform((api) =>
    api.GET('/ipam/v1/map', { params: { query: { cidr: formatCidr(cidr), prefixLength } } }),
  )
  return mapOutcome(outcome, ({ ranges }) => ranges)
}

function cellsOfRanges(grid: Grid, ranges: readonly MappedRange[]): readonly Cell[] {
  return ranges.flatMap((range) => {
    const cells = cellsOf(grid, mustParse(range.range))
    return cells === undefined ? [] : [{ column: cells.column, row: cells.row, content: { kind: 'range', range } }]
  })
}

function hostLength(grid: Grid): Cidr['prefixLength'] {
  return cidrOfCell(grid, 0, 0).prefixLength
}

function stateOf(letter: string): AddressState {
  switch (letter) {
    case 'u':
    case 'c':
    case 'r':
    case 'U':
    case 'C':
    case '-':
      return letter
    default:
      return 'a'
  }
}

function mustParse(text: string): Cidr {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw new Error(`the server sent ${text}, which is no CIDR`)
  return cidr
}

function mapOutcome<One, Other>(outcome: Outcome<One>, map: (data: One) => Other): Outcome<Other> {
  return outcome.ok ? { ok: true, data: map(outcome.data) } : outcome
}
