import type { Allocation as PlannedAllocation, AssignAnswer, ReleaseAnswer } from '../ipam/index.ts'
import type { Cause } from '../model/index.ts'
import type { Address } from '../net/index.ts'
import { compareAddresses, formatAddress, formatCidr, parseAddress } from '../net/index.ts'
import { quoteValue } from './quoting.ts'
import type { Allocation, Assignment } from './schemas/assignment.ts'
import type { Release } from './schemas/release.ts'

/** An allocation as it is answered; attributes in the order of their keys. */
export function printAllocation({
  address,
  block,
  pool,
  node,
  handle,
  sequenceNumber,
  attributes,
}: PlannedAllocation): Allocation {
  return {
    address: formatAddress(address),
    block: formatCidr(block),
    pool: pool ?? null,
    node: node ?? null,
    handle: handle ?? null,
    sequenceNumber: String(sequenceNumber),
    attributes: Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

/** Addresses in the order in which they were given. */
export function printAssignment({ handle, addresses }: AssignAnswer): Assignment {
  return { handle, addresses: addresses.map(printAllocation) }
}

/** Everything that an owner holds, in ascending order. */
export function printHoldings({ handle, addresses }: AssignAnswer): Assignment {
  return printAssignment({ handle, addresses: addresses.toSorted((a, b) => compareAddresses(a.address, b.address)) })
}

/** What became of each address, in ascending order. */
export function printRelease({ released, unallocated, failed }: ReleaseAnswer): Release {
  const print = (addresses: readonly Address[]): string[] => addresses.toSorted(compareAddresses).map(formatAddress)
  return {
    released: print(released),
    unallocated: print(unallocated),
    failed: failed
      .toSorted((a, b) => compareAddresses(a.address, b.address))
      .map(({ address, reason, message }) => ({ address: formatAddress(address), reason, message })),
  }
}

/** The address that `text` spells, or the cause why there is none. */
export function readAddress(field: string, text: string): Address | Cause {
  return (
    parseAddress(text) ?? {
      field,
      reason: 'FieldValueInvalid',
      message: `${quoteValue(text)} is not an address; give one such as 10.1.0.5 or fd00::5`,
    }
  )
}

/** The causes why addresses that were named before may not be named again. */
export function duplicates(named: readonly { readonly field: string; readonly address: Address }[]): readonly Cause[] {
  const first = new Map<string, string>()
  return named.flatMap(({ field, address }): readonly Cause[] => {
    const text = formatAddress(address)
    const before = first.get(text)
    if (before !== undefined)
      return [{ field, reason: 'FieldValueDuplicate', message: `${text} is ${before} already; name it once` }]
    first.set(text, field)
    return []
  })
}
