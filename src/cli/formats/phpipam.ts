import { printRange, readRange } from './addresses.ts'
import { type Chunks, type Heading, type Row, readTable } from './csv.ts'
import type { Entry, Located } from './entries.ts'
import { addressIn, heldAs, prefixAs } from './rows.ts'

/** Reads what phpIPAM exports, saved as CSV: its subnets, or its IP addresses. docs/moving-data.md has the mapping. */
export async function* readPhpipam(chunks: Chunks): AsyncGenerator<Located, void> {
  const isKnown = (heading: Heading): boolean => heading.has('ip address') || heading.has('subnet')
  for await (const { heading, row } of readTable(chunks, isKnown, '"IP Address" or "Subnet"')) {
    yield { entry: heading.has('ip address') ? addressOf(row) : subnetOf(row), line: row.line }
  }
}

function subnetOf(row: Row): Entry {
  const subnet = row.text('subnet')
  if (subnet.endsWith(' (folder)')) return { kind: 'LeftOut', what: subnet, why: 'a folder has no addresses' }
  const mask = row.text('mask')
  const range = readRange(mask === '' || subnet.includes('/') ? subnet : `${subnet}/${mask}`)
  if (range === undefined)
    throw row.problem('a subnet such as 10.1.0.0/16, or have a mask such as 16 beside it', 'subnet')
  const annotations = row.texts({
    description: ['description'],
    section: ['section'],
    vlan: ['vlan'],
    vrf: ['vrf'],
    customer: ['customer'],
  })
  return prefixAs(printRange(range), false, annotations)
}

function addressOf(row: Row): Entry {
  const attributes = row.texts({
    description: ['description'],
    section: ['section'],
    vrf: ['vrf'],
    mac: ['mac'],
    owner: ['owner'],
    device: ['device'],
    note: ['note'],
    status: ['tag'],
    gateway: ['gateway', 'is gateway'],
  })
  return heldAs(addressIn(row, 'ip address'), row.text('hostname'), attributes)
}
