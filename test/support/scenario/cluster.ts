/** Labels of a node. */
export type Labels = Readonly<Record<string, string>>

/** A pool as the naive rules know it: its addresses are one text followed by a number from 0 up. */
export interface ScenarioPool {
  readonly name: string
  readonly family: 4 | 6
  readonly prefix: string
  readonly size: number
  readonly prefixLength: number
  readonly perBlock: number
  readonly blockSize: number
  readonly selector: string
  /** The same selector, written by hand. */
  readonly selects: (labels: Labels) => boolean
  readonly isManual: boolean
  readonly uses: readonly string[]
}

/** In the order of their names. They are small, so that they run out. */
export const scenarioPools: readonly ScenarioPool[] = [
  {
    name: 'p-a',
    family: 4,
    prefix: '10.70.0.',
    size: 128,
    prefixLength: 25,
    perBlock: 8,
    blockSize: 29,
    selector: 'zone == "a"',
    selects: ({ zone }) => zone === 'a',
    isManual: false,
    uses: ['Workload', 'Tunnel'],
  },
  {
    name: 'p-bc',
    family: 4,
    prefix: '10.71.0.',
    size: 256,
    prefixLength: 24,
    perBlock: 16,
    blockSize: 28,
    selector: 'zone in {"b", "c"} && rack != "r9"',
    selects: ({ zone, rack }) => (zone === 'b' || zone === 'c') && rack !== 'r9',
    isManual: false,
    uses: ['Workload'],
  },
  {
    name: 'p-manual',
    family: 4,
    prefix: '10.72.0.',
    size: 64,
    prefixLength: 26,
    perBlock: 4,
    blockSize: 30,
    selector: 'all()',
    selects: () => true,
    isManual: true,
    uses: ['Workload', 'Tunnel'],
  },
  {
    name: 'p-six',
    family: 6,
    prefix: 'fd00:70::',
    size: 256,
    prefixLength: 120,
    perBlock: 8,
    blockSize: 125,
    selector: 'has(zone)',
    selects: (labels) => 'zone' in labels,
    isManual: false,
    uses: ['Workload', 'Tunnel'],
  },
]

/** The address of that number in a pool. */
export function addressIn({ family, prefix }: ScenarioPool, number: number): string {
  return family === 4 ? `${prefix}${number}` : `${prefix}${number === 0 ? '' : number.toString(16)}`
}

interface ScenarioBlock {
  readonly cidr: string
  readonly pool: ScenarioPool
  readonly addresses: readonly string[]
}

const allBlocks: readonly ScenarioBlock[] = scenarioPools.flatMap((pool) =>
  Array.from({ length: pool.size / pool.perBlock }, (_, block) => {
    const first = block * pool.perBlock
    const addresses = Array.from({ length: pool.perBlock }, (_, place) => addressIn(pool, first + place))
    return { cidr: `${addressIn(pool, first)}/${pool.blockSize}`, pool, addresses }
  }),
)
const byCidr = new Map(allBlocks.map((block) => [block.cidr, block]))
const byAddress = new Map(
  allBlocks.flatMap((block) => block.addresses.map((address) => [address, block.cidr] as const)),
)

/** The CIDRs of all blocks that a pool can have, ascending. */
export function blocksIn(pool: ScenarioPool): readonly string[] {
  return allBlocks.filter((block) => block.pool === pool).map(({ cidr }) => cidr)
}

/** The addresses of a block, ascending. */
export function addressesOf(cidr: string): readonly string[] {
  return blockOf(cidr).addresses
}

/** The pool that a block belongs to. */
export function poolOfBlock(cidr: string): ScenarioPool {
  return blockOf(cidr).pool
}

/** The block of an address; undefined outside of all pools. */
export function blockOfAddress(address: string): string | undefined {
  return byAddress.get(address)
}

function blockOf(cidr: string): ScenarioBlock {
  const block = byCidr.get(cidr)
  if (block === undefined) throw new Error(`${cidr} is no block of a pool`)
  return block
}

/** The reservations as they are stored: they overlap, and one entry is an address. */
const reservations = {
  'rsv-1': ['10.70.0.0/29', '10.70.0.4/31', '10.70.0.13/32', '10.72.0.5'],
  'rsv-2': ['10.71.0.0/27', '10.71.0.16/28', ' 10.71.0.130/31 ', 'fd00:70::/125', 'fd00:70::1f/128'],
}

/** The addresses that they reserve, written by hand. */
export const reservedAddresses: ReadonlySet<string> = new Set([
  ...Array.from({ length: 8 }, (_, number) => `10.70.0.${number}`),
  '10.70.0.13',
  '10.72.0.5',
  ...Array.from({ length: 32 }, (_, number) => `10.71.0.${number}`),
  '10.71.0.130',
  '10.71.0.131',
  ...['', '1', '2', '3', '4', '5', '6', '7', '1f'].map((last) => `fd00:70::${last}`),
])

/** Fifty nodes, in three zones and six racks. */
export const scenarioNodes: readonly string[] = Array.from({ length: 50 }, (_, number) => `node-${number}`)

const resources = '/calico/resources/v3/projectcalico.org'

/** The key of a node. */
export function nodeKeyOf(node: string): string {
  return `${resources}/nodes/${node}`
}

/** The stored form of a node with these labels. */
export function nodeText(name: string, labels: Labels): string {
  const metadata = {
    name,
    uid: 'c2a4e8de-52b7-4c0e-9d4a-3f4f0a1b2c3d',
    creationTimestamp: '2026-11-23T03:58:30Z',
    labels,
  }
  return JSON.stringify({ kind: 'Node', apiVersion: 'projectcalico.org/v3', metadata, spec: {}, status: {} })
}

/** The labels that a node begins with. */
function firstLabels(node: number): Labels {
  return { zone: 'abc'[node % 3] ?? 'a', rack: `r${node % 6}` }
}

/** The key of the IPAM configuration. */
export const configKey = '/calico/ipam/v2/config'

/** All keys that the scenario begins with. */
export function scenarioKeys(): Readonly<Record<string, string>> {
  const keys: Record<string, string> = {}
  for (const [number, node] of scenarioNodes.entries()) keys[nodeKeyOf(node)] = nodeText(node, firstLabels(number))
  for (const pool of scenarioPools) {
    const { name, prefixLength, blockSize, selector, isManual, uses } = pool
    const cidr = `${addressIn(pool, 0)}/${prefixLength}`
    const assignmentMode = isManual ? 'Manual' : 'Automatic'
    const spec = {
      cidr,
      vxlanMode: 'Never',
      ipipMode: 'Never',
      blockSize,
      nodeSelector: selector,
      allowedUses: uses,
      assignmentMode,
    }
    keys[`${resources}/ippools/${name}`] = envelope('IPPool', name, spec)
  }
  for (const [name, reservedCIDRs] of Object.entries(reservations)) {
    keys[`${resources}/ipreservations/${name}`] = envelope('IPReservation', name, { reservedCIDRs })
  }
  return keys
}

function envelope(kind: string, name: string, spec: object): string {
  const metadata = { name, uid: '7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10', creationTimestamp: '2026-11-23T03:59:00Z' }
  return JSON.stringify({ kind, apiVersion: 'projectcalico.org/v3', metadata, spec })
}
