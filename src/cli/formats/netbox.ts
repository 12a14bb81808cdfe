import { type Chunks, type Heading, type Row, readTable } from './csv.ts'
import type { Entry, Located, Texts } from './entries.ts'
import { addressIn, heldAs, prefixAs, prefixIn } from './rows.ts'

const ofPrefix = ['prefix', 'prefix (flat)']
const ofAddress = ['ip address', 'address']

/** Reads what NetBox exports as CSV: its prefixes, or its IP addresses. docs/moving-data.md has the mapping. */
export async function* readNetbox(chunks: Chunks): AsyncGenerator<Located, void> {
  const isKnown = (heading: Heading): boolean => heading.has(...ofPrefix) || heading.has(...ofAddress)
  for await (const { heading, row } of readTable(chunks, isKnown, '"Prefix" or "IP Address"')) {
    yield { entry: heading.has(...ofAddress) ? addressOf(row) : prefixOf(row), line: row.line }
  }
}

function prefixOf(row: Row): Entry {
  // The one without dots for its depth.
  const cidr = prefixIn(row, ...ofPrefix.toReversed())
  const status = row.text('status').toLowerCase()
  if (status === 'container') return { kind: 'LeftOut', what: cidr, why: 'a container has no addresses of its own' }
  const annotations = row.texts({
    description: ['description'],
    tenant: ['tenant'],
    site: ['scope', 'site'],
    vlan: ['vlan'],
    role: ['role'],
    tags: ['tags'],
  })
  return prefixAs(cidr, status === 'reserved' || status === 'deprecated', { ...annotations, ...vrfOf(row) })
}

function addressOf(row: Row): Entry {
  const attributes = row.texts({
    status: ['status'],
    role: ['role'],
    tenant: ['tenant'],
    device: ['device/vm', 'parent', 'device'],
    interface: ['interface'],
    description: ['description'],
    tags: ['tags'],
  })
  return heldAs(addressIn(row, ...ofAddress), row.text('dns name'), { ...attributes, ...vrfOf(row) })
}

/** NetBox calls it Global where there is none. */
function vrfOf(row: Row): Texts {
  const vrf = row.text('vrf')
  return vrf === '' || vrf === 'Global' ? {} : { vrf }
}
