import type { Cidr } from '../../../src/net/index.ts'
import { addressCount, formatAddress, formatCidr } from '../../../src/net/index.ts'
import { printCount, printShare, shareOf } from '../text/index.ts'
import type { AddressState, Cell } from './cells.ts'

const states: Readonly<Record<AddressState, string>> = {
  a: 'free',
  u: 'in use',
  c: 'cooling',
  r: 'reserved',
  U: 'in use, in a reservation',
  C: 'cooling, in a reservation',
  '-': 'in no pool',
}

/** What a cell shows, in words: `10.1.4.0/24: 37 of 256 in use (14 %), 2 cooling`. */
export function describeCell(cidr: Cidr, cell: Cell | undefined): string {
  if (cell?.content.kind === 'range') {
    const { range, inUse, capacity, cooling, reserved } = cell.content.range
    const parts = [`${printCount(inUse)} of ${printCount(capacity)} in use (${printShare(shareOf(inUse, capacity))})`]
    if (cooling !== '0') parts.push(`${printCount(cooling)} cooling`)
    if (reserved !== '0') parts.push(`${printCount(reserved)} reserved`)
    return `${range}: ${parts.join(', ')}`
  }
  const count = addressCount(cidr)
  const name = count === 1n ? formatAddress({ family: cidr.family, value: cidr.base }) : formatCidr(cidr)
  if (cell === undefined)
    return count === 1n ? `${name}: free` : `${name}: nothing in use, ${printCount(count)} addresses`
  return `${name}: ${states[cell.content.state]}`
}
