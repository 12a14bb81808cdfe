import { Type } from '@sinclair/typebox'
import {
  type Allocation as PlannedAllocation,
  type AssignAnswer,
  assignedAtOf,
  type OutcomeOfRelease,
} from '../../../ipam/index.ts'
import { formatTime } from '../../../model/index.ts'
import { type Address, compareAddresses, formatAddress, formatCidr, parseAddress } from '../../../net/index.ts'
import type { Cause } from '../../../plan/index.ts'
import {
  type AllocationItem,
  type AssignmentResponse,
  failedReasons,
  type ReleaseResponse,
} from '../../schemas/index.ts'
import { quoteValue } from '../../wire/index.ts'

/** An allocation as it is answered. */
export function printAllocation({
  address,
  block,
  pool,
  node,
  handle,
  sequenceNumber,
  attributes,
}: PlannedAllocation): AllocationItem {
  const assignedAt = assignedAtOf(attributes)
  return {
    address: formatAddress(address),
    block: formatCidr(block),
    pool: pool ?? null,
    node: node ?? null,
    handle: handle ?? null,
    sequenceNumber: String(sequenceNumber),
    assignedAt: assignedAt === undefined ? null : formatTime(assignedAt),
    attributes: printAttributes(attributes),
  }
}

/** Attributes in the order of their keys. */
export function printAttributes(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Addresses in the order in which they were given. */
export function printAssignment({ handle, addresses }: AssignAnswer): AssignmentResponse {
  return { handle, addresses: addresses.map(printAllocation) }
}

/** The addresses of an answer, for the log. */
export function addressesIn({ addresses }: AssignmentResponse): readonly string[] {
  return addresses.map(({ address }) => address)
}

/** Everything that a handle holds, in ascending order. */
export function printHoldings({ handle, addresses }: AssignAnswer): AssignmentResponse {
  return printAssignment({ handle, addresses: addresses.toSorted((a, b) => compareAddresses(a.address, b.address)) })
}

/** An address that was not released, as it is answered and kept. */
export const FailedAddress = Type.Object({
  address: Type.String(),
  reason: Type.Union(failedReasons.map((reason) => Type.Literal(reason))),
  message: Type.String(),
})

/** Prints the outcome of a release, in ascending order. */
export function printRelease({ released, unallocated, failed }: OutcomeOfRelease): Omit<ReleaseResponse, 'isComplete'> {
  const print = (addresses: readonly Address[]): string[] => addresses.toSorted(compareAddresses).map(formatAddress)
  return {
    released: print(released),
    unallocated: print(unallocated),
    failed: failed
      .toSorted((a, b) => compareAddresses(a.address, b.address))
      .map(({ address, reason, message }) => ({ address: formatAddress(address), reason, message })),
  }
}

/** The text of an address, and its field in the request. */
export interface AddressText {
  readonly field: string
  readonly text: string
}

/** Reads addresses, and reports the texts that are none or name an address again. */
export function readAddresses<Given extends AddressText>(
  given: readonly Given[],
): { readonly named: readonly (Given & { readonly address: Address })[]; readonly causes: readonly Cause[] } {
  const named: (Given & { readonly address: Address })[] = []
  const causes: Cause[] = []
  const fields = new Map<string, string>()
  for (const entry of given) {
    const { field, text } = entry
    const address = parseAddress(text)
    if (address === undefined) {
      const message = `${quoteValue(text)} is not an address; give one such as 10.1.0.5 or fd00::5`
      causes.push({ field, reason: 'FieldValueInvalid', message })
      continue
    }
    const spelling = formatAddress(address)
    const before = fields.get(spelling)
    if (before === undefined) named.push({ ...entry, address })
    else
      causes.push({ field, reason: 'FieldValueDuplicate', message: `${spelling} is ${before} already; name it once` })
    fields.set(spelling, before ?? field)
  }
  return { named, causes }
}
