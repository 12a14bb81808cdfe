import { canonicalAddress, printRange, readMask, readRange } from './addresses.ts'
import { type Chunks, Heading, readRecords, Row } from './csv.ts'
import type { Entry, Located } from './entries.ts'
import { FormatProblem } from './problem.ts'
import { addressIn, heldAs, prefixAs } from './rows.ts'

/**
 * Reads what Infoblox NIOS exports as CSV: rows of several types below headings of their own. docs/moving-data.md has the mapping. Rows of
 * other types, such as zones, are left out.
 */
export async function* readInfoblox(chunks: Chunks): AsyncGenerator<Located, void> {
  const headings = new Map<string, Heading>()
  for await (const record of readRecords(chunks)) {
    const type = (record.values[0] ?? '').toLowerCase()
    const { line } = record
    if (type.startsWith('header-')) {
      headings.set(type.slice('header-'.length), new Heading(record))
      continue
    }
    const heading = headings.get(type)
    if (heading === undefined) {
      const message = `a row of type ${JSON.stringify(record.values[0])} needs a heading "header-${type}" before it`
      throw new FormatProblem(message, { line, column: 1 })
    }
    const read = types[type] ?? leaveOut
    for (const entry of read(new Row(heading, record), heading, type)) yield { entry, line }
  }
  if (headings.size === 0)
    throw new FormatProblem('the file has no heading, such as "header-network,address*,netmask*"')
}

type ReadRow = (row: Row, heading: Heading, type: string) => readonly Entry[]

const types: Readonly<Record<string, ReadRow>> = {
  network: (row, heading) => [networkOf(row, heading, 'netmask')],
  ipv6network: (row, heading) => [networkOf(row, heading, 'cidr')],
  networkcontainer: leaveOutContainer,
  ipv6networkcontainer: leaveOutContainer,
  fixedaddress: fixedAddressOf,
  ipv6fixedaddress: fixedAddressOf,
  hostrecord: hostOf,
}

function networkOf(row: Row, heading: Heading, mask: string): Entry {
  const length = readMask(row.text(mask))
  if (length === undefined) throw row.problem('a netmask such as 255.255.255.0, or a prefix length such as 24', mask)
  const range = readRange(`${row.text('address')}/${length}`)
  if (range === undefined) throw row.problem('the address of a network', 'address')
  return prefixAs(printRange(range), row.text('disabled').toLowerCase() === 'true', {
    ...row.texts({ description: ['comment'], networkView: ['network view'] }),
    ...extensibleOf(row, heading),
  })
}

function fixedAddressOf(row: Row, heading: Heading): readonly Entry[] {
  const attributes = {
    ...row.texts({ mac: ['mac address'], duid: ['duid'], description: ['comment'], networkView: ['network view'] }),
    ...extensibleOf(row, heading),
  }
  return [heldAs(addressIn(row, 'ip address'), row.text('name'), attributes)]
}

/** A host may have several addresses, which all get its name as their handle. */
function hostOf(row: Row, heading: Heading): readonly Entry[] {
  const attributes = {
    ...row.texts({ description: ['comment'], networkView: ['network view'] }),
    ...extensibleOf(row, heading),
  }
  return (['addresses', 'ipv6 addresses'] as const).flatMap((column) => {
    const texts = row
      .text(column)
      .split(',')
      .map((text) => text.trim())
    return texts.filter(Boolean).map((text) => {
      const address = canonicalAddress(text)
      if (address === undefined) throw row.problem('addresses with commas between them', column)
      return heldAs(address, row.text('fqdn'), attributes)
    })
  })
}

/** The extensible attributes: columns such as `EA-Site`. Their names become such that the API allows as names of annotations. */
function extensibleOf(row: Row, heading: Heading): Readonly<Record<string, string>> {
  return row.texts(
    Object.fromEntries(heading.namesAfter('ea-').map((name) => [name.replaceAll(/[^a-z0-9.]+/g, '-'), [`ea-${name}`]])),
  )
}

function leaveOutContainer(row: Row): readonly Entry[] {
  return [{ kind: 'LeftOut', what: row.text('address'), why: 'a container has no addresses of its own' }]
}

function leaveOut(_row: Row, _heading: Heading, type: string): readonly Entry[] {
  return [{ kind: 'LeftOut', what: type, why: 'it is no network, fixed address or host' }]
}
