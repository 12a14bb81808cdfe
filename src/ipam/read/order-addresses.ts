import { compareBytewise } from '../../model/index.ts'
import { type Address, compareAddresses } from '../../net/index.ts'
import { assignedAtOf } from '../allocation.ts'
import type { Allocation } from '../request.ts'

/** The fields by which addresses can be sorted, as they are called where addresses are answered. */
export const sortFields = ['address', 'handle', 'node', 'assignedAt'] as const

/** An order of assigned addresses. */
export interface AddressOrder {
  readonly by: (typeof sortFields)[number]
  readonly isDescending: boolean
}

/** The values by which an order compares an address with others. */
export interface SortKey {
  /** The value of the field: a text, or Unix time in nanoseconds. Undefined if the address has none, or is itself the field. */
  readonly value: string | bigint | undefined
  readonly address: Address
}

/** The sort key of an assigned address. */
export function sortKeyOf({ by }: AddressOrder, allocation: Allocation): SortKey {
  return { value: valueOf(by, allocation), address: allocation.address }
}

function valueOf(by: AddressOrder['by'], { handle, node, attributes }: Allocation): SortKey['value'] {
  switch (by) {
    case 'address':
      return undefined
    case 'handle':
      return handle
    case 'node':
      return node
    case 'assignedAt':
      return assignedAtOf(attributes)?.nanoseconds
  }
}

/**
 * The comparison of an order: no two addresses are equal in it. Texts compare by their bytes in UTF-8. In both directions, addresses
 * without a value come last, and those with the same value by ascending address.
 */
export function comparisonOf({ by, isDescending }: AddressOrder): (one: SortKey, other: SortKey) => number {
  const direction = isDescending ? -1 : 1
  return by === 'address'
    ? (one, other) => direction * compareAddresses(one.address, other.address)
    : (one, other) => compareValues(one.value, other.value, direction) || compareAddresses(one.address, other.address)
}

function compareValues(one: SortKey['value'], other: SortKey['value'], direction: number): number {
  if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined)
  if (typeof one === 'string' && typeof other === 'string') return direction * compareBytewise(one, other)
  return one === other ? 0 : direction * (one < other ? -1 : 1)
}
