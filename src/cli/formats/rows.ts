import { canonicalAddress, printRange, readRange } from './addresses.ts'
import type { Row } from './csv.ts'
import type { AddressEntry, PrefixEntry, Texts } from './entries.ts'

/** Reads a CIDR in a column. */
export function prefixIn(row: Row, ...names: readonly string[]): string {
  const range = readRange(row.text(...names))
  if (range === undefined) throw row.problem('a CIDR such as 10.1.0.0/16', ...names)
  return printRange(range)
}

/** Reads an address in a column, with a prefix length behind it or without. */
export function addressIn(row: Row, ...names: readonly string[]): string {
  const [text = '', length] = row.text(...names).split('/')
  const address = length === undefined || /^\d{1,3}$/.test(length) ? canonicalAddress(text) : undefined
  if (address === undefined) throw row.problem('an address such as 10.1.0.7 or fd00::7', ...names)
  return address
}

/** An address of another system. Without a name its handle is the address, so that it can be found and released. */
export function heldAs(address: string, name: string, attributes: Texts): AddressEntry {
  return { kind: 'Address', address, handle: name === '' ? address : name, node: null, attributes }
}

/** A prefix of another system. */
export function prefixAs(cidr: string, isDisabled: boolean, annotations: Texts): PrefixEntry {
  return { kind: 'Prefix', cidr, isDisabled, annotations }
}
