import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import t from 'tap'
import {
  type Entry,
  FormatProblem,
  type Located,
  readCalicoctl,
  readGoIpam,
  readInfoblox,
  readNetbox,
  readPhpipam,
} from '../../../src/cli/formats/index.ts'

type Read = (text: string) => Promise<readonly Located[]>

function csv(read: (chunks: AsyncIterable<string>) => AsyncIterable<Located>): Read {
  return async (text) => {
    const entries: Located[] = []
    // In small parts, as a slow disk gives them.
    for await (const located of read(Readable.from(text.match(/[^]{1,7}/g) ?? []))) entries.push(located)
    return entries
  }
}

function whole(read: (text: string) => Iterable<Located>): Read {
  return async (text) => [...read(await Promise.resolve(text))]
}

const readers = {
  netbox: csv(readNetbox),
  phpipam: csv(readPhpipam),
  infoblox: csv(readInfoblox),
  'go-ipam': whole(readGoIpam),
  calicoctl: whole(readCalicoctl),
} as const satisfies Readonly<Record<string, Read>>

function address(text: string, handle: string | null, attributes: object = {}, node: string | null = null) {
  return { kind: 'Address', address: text, handle, node, attributes }
}

function prefix(cidr: string, annotations: object = {}, more: object = {}) {
  return { kind: 'Prefix', cidr, isDisabled: false, annotations, ...more }
}

const container = 'a container has no addresses of its own'
const hamburg = { description: 'Servers', networkView: 'default' }

const samples: readonly (readonly [
  file: string,
  from: keyof typeof readers,
  entries: readonly (readonly [line: number, entry: object])[],
])[] = [
  [
    'netbox-prefixes.csv',
    'netbox',
    [
      [2, { kind: 'LeftOut', what: '10.20.0.0/16', why: container }],
      [
        3,
        prefix('10.20.1.0/24', {
          description: 'Web servers, first floor',
          tenant: 'Shop',
          site: 'Dresden',
          vlan: 'Web (101)',
          role: 'Production',
          tags: 'prod,web',
        }),
      ],
      [4, prefix('10.20.2.0/24', { description: 'For the new hall', site: 'Dresden' }, { isDisabled: true })],
      [5, prefix('10.20.3.0/28', { tenant: 'Shop', site: 'Dresden', role: 'Management' })],
      [6, prefix('fd00:20:1::/64', { tenant: 'Shop', site: 'Dresden', role: 'Production' })],
    ],
  ],
  [
    'netbox-addresses.csv',
    'netbox',
    [
      [
        2,
        address('10.20.1.10', 'web-1.example.org', {
          status: 'Active',
          tenant: 'Shop',
          device: 'web-1',
          interface: 'eth0',
          tags: 'prod',
        }),
      ],
      [
        3,
        address('10.20.1.11', 'web-2.example.org', {
          status: 'Active',
          tenant: 'Shop',
          device: 'web-2',
          interface: 'eth0',
          tags: 'prod',
        }),
      ],
      [4, address('10.20.1.1', '10.20.1.1', { status: 'Active', role: 'VIP', description: 'Gateway' })],
      [5, address('10.20.3.5', 'printer.example.org', { status: 'DHCP', description: 'Printer "Berta"' })],
      [
        6,
        address('fd00:20:1::10', 'web-1.example.org', {
          status: 'Active',
          tenant: 'Shop',
          device: 'web-1',
          interface: 'eth0',
          tags: 'prod',
        }),
      ],
    ],
  ],
  [
    'phpipam-subnets.csv',
    'phpipam',
    [
      [2, { kind: 'LeftOut', what: 'Berlin (folder)', why: 'a folder has no addresses' }],
      [3, prefix('10.30.0.0/16', { section: 'Customers', description: 'Berlin', vlan: 'NA' })],
      [4, prefix('10.30.1.0/24', { section: 'Customers', description: 'Offices', vlan: '201' })],
      [5, prefix('fd00:30::/64', { section: 'Customers', description: 'Offices', vlan: '201' })],
    ],
  ],
  [
    'phpipam-addresses.csv',
    'phpipam',
    [
      [
        2,
        address('10.30.1.1', 'gw.berlin.example.org', {
          description: 'Gateway',
          section: 'Customers',
          vrf: 'default',
          owner: 'Net',
          device: 'sw-1',
          gateway: 'Yes',
        }),
      ],
      [
        3,
        address('10.30.1.20', 'pc-20.berlin.example.org', {
          section: 'Customers',
          vrf: 'default',
          mac: '52:54:00:12:34:56',
          owner: 'Ann',
          gateway: 'No',
        }),
      ],
      [
        4,
        address('10.30.1.21', '10.30.1.21', {
          description: 'Camera',
          section: 'Customers',
          vrf: 'default',
          owner: 'Ann',
          note: 'leased until May',
          status: 'Reserved',
          gateway: 'No',
        }),
      ],
    ],
  ],
  [
    'infoblox.csv',
    'infoblox',
    [
      [2, { kind: 'LeftOut', what: '10.40.0.0', why: container }],
      [4, prefix('10.40.1.0/24', { ...hamburg, site: 'Hamburg' })],
      [
        5,
        prefix(
          '10.40.2.0/25',
          { description: 'Retired', networkView: 'default', site: 'Hamburg', 'secondary-address': '172.16.213.0' },
          { isDisabled: true },
        ),
      ],
      [7, prefix('fd00:40::/64', hamburg)],
      [9, address('10.40.1.10', 'db-1', { mac: '52:54:00:ab:cd:01', description: 'Database', networkView: 'default' })],
      [
        10,
        address('10.40.1.11', '10.40.1.11', {
          mac: '00:00:00:00:00:00',
          description: 'Kept for a router',
          networkView: 'default',
        }),
      ],
      [12, address('10.40.1.20', 'app-1.example.org', { description: 'Application' })],
      [12, address('10.40.1.21', 'app-1.example.org', { description: 'Application' })],
      [12, address('fd00:40::20', 'app-1.example.org', { description: 'Application' })],
      [14, { kind: 'LeftOut', what: 'authzone', why: 'it is no network, fixed address or host' }],
    ],
  ],
  [
    'go-ipam.json',
    'go-ipam',
    [
      [1, prefix('10.50.0.0/16')],
      [1, prefix('10.50.1.0/24')],
      ...['10.50.1.0', '10.50.1.1', '10.50.1.2', '10.50.1.255'].map((ip) => [1, address(ip, ip)] as const),
    ],
  ],
  [
    'calicoctl-show-blocks.txt',
    'calicoctl',
    [
      [5, { kind: 'LeftOut', what: '10.60.120.64/26', why: 'the output does not say who has the block' }],
      [6, { kind: 'LeftOut', what: '10.60.203.0/26', why: 'the output does not say who has the block' }],
      [4, prefix('10.60.0.0/16', {}, { blockSize: 26 })],
    ],
  ],
  [
    'calicoctl-check-report.json',
    'calicoctl',
    [
      [1, address('10.60.120.64', 'vxlan-tunnel-addr-node-1', { type: 'vxlanTunnelAddress' }, 'node-1')],
      [
        1,
        address(
          '10.60.120.65',
          'k8s-pod-network.3f1c2a',
          { namespace: 'shop', pod: 'web-7c5ddbdf54-abcde', timestamp: '2026-11-23 04:00:01.5 +0000 UTC' },
          'node-1',
        ),
      ],
      [1, address('10.60.203.7', 'k8s-pod-network.77ab01', { namespace: 'shop', pod: 'db-0' }, 'node-2')],
    ],
  ],
]

t.test('the samples are read as docs/moving-data.md maps them', async (t) => {
  t.equal(samples.length, 8)
  for (const [file, from, entries] of samples) {
    const text = readFileSync(new URL(`../../../examples/moving/${file}`, import.meta.url), 'utf8')
    t.strictSame(
      (await readers[from](text)).map(({ line, entry }) => [line, entry]),
      entries,
      file,
    )
  }
})

const spellings: readonly (readonly [
  name: string,
  from: keyof typeof readers,
  text: string,
  entries: readonly object[],
])[] = [
  ['a byte order mark', 'netbox', '\uFEFFPrefix,Status\n10.1.0.0/24,Active\n', [prefix('10.1.0.0/24')]],
  [
    'semicolons',
    'phpipam',
    'Subnet;Mask;Description\n10.1.0.0;24;"a; b"\n',
    [prefix('10.1.0.0/24', { description: 'a; b' })],
  ],
  [
    'line ends of Windows',
    'netbox',
    'Prefix,Tenant\r\n10.1.0.0/24,Shop\r\n',
    [prefix('10.1.0.0/24', { tenant: 'Shop' })],
  ],
  [
    'names as NetBox imports them',
    'netbox',
    'address,dns_name,vrf\n10.1.0.7/24,a,red\n',
    [address('10.1.0.7', 'a', { vrf: 'red' })],
  ],
  ['dashes for nothing', 'netbox', 'IP Address,DNS name,Tenant\n10.1.0.7/24,—,—\n', [address('10.1.0.7', '10.1.0.7')]],
  [
    'a scope instead of a site',
    'netbox',
    'Prefix,Scope\n10.1.0.0/24,Dresden\n',
    [prefix('10.1.0.0/24', { site: 'Dresden' })],
  ],
  ['bits behind a prefix', 'netbox', 'Prefix\n10.1.0.7/24\nFD00::1/64\n', [prefix('10.1.0.0/24'), prefix('fd00::/64')]],
  [
    'a subnet without a mask of its own',
    'phpipam',
    'Section,Subnet,Mask\nA,10.1.0.0/24,\n',
    [prefix('10.1.0.0/24', { section: 'A' })],
  ],
  [
    'headings in capitals',
    'infoblox',
    'HEADER-NETWORK,ADDRESS*,NETMASK*\nNETWORK,10.1.0.0,24\n',
    [prefix('10.1.0.0/24')],
  ],
  [
    'an older table',
    'calicoctl',
    '+--+--+\n| GROUPING | CIDR | IPS TOTAL |\n| IP Pool | 10.1.0.0/16 | 65536 |\n| IP Pool | fd00::/48 | 1 |\n',
    [prefix('10.1.0.0/16'), prefix('fd00::/48')],
  ],
  ['a table without pools', 'calicoctl', '| GROUPING | CIDR |\n', []],
  [
    'an allocation without a handle',
    'calicoctl',
    '{"allocations":{"10.1.0.7":[{"ip":"10.1.0.7","inUse":false}]}}',
    [address('10.1.0.7', null)],
  ],
  [
    'a namespace',
    'go-ipam',
    '[{"Cidr":"10.1.0.0/24","Namespace":"red","IPs":{"10.1.0.1":true}}]',
    [prefix('10.1.0.0/24', { namespace: 'red' }), address('10.1.0.1', '10.1.0.1', { namespace: 'red' })],
  ],
]

for (const [name, from, text, entries] of spellings)
  t.test(`${from}: ${name}`, async (t) => {
    const read: readonly Entry[] = (await readers[from](text)).map(({ entry }) => entry)
    t.strictSame(read, entries)
  })

const rubbish: readonly (readonly [
  from: keyof typeof readers,
  text: string,
  line: number | undefined,
  column: number | undefined,
  message: RegExp,
])[] = [
  ['netbox', '', undefined, undefined, /the file is empty; it must have a heading with "Prefix" or "IP Address"/],
  ['netbox', 'a,b\n1,2\n', 1, undefined, /the heading must have "Prefix" or "IP Address"/],
  ['netbox', 'Status,Prefix\nActive,10.1.0.0/24\nActive,rubbish\n', 3, 2, /^Prefix is "rubbish"; it must be a CIDR/],
  [
    'netbox',
    'IP Address\n10.1.0.7/24\n10.1.0.300/24\n',
    3,
    1,
    /^IP Address is "10.1.0.300\/24"; it must be an address/,
  ],
  ['netbox', 'IP Address,Status\n,Active\n', 2, 1, /^IP Address is nothing/],
  ['netbox', 'Prefix,Description\n10.1.0.0/24,a,b\n', 2, 3, /"b" stands below no heading; the heading has 2 columns/],
  ['netbox', 'Prefix,Description\n10.1.0.0/24,"a\nb"\n10.2.0.0/24,"never closed\n', 4, 2, /is not closed/],
  ['netbox', 'Prefix,Description\n10.1.0.0/24,a"b\n', 2, 2, /a quote in the middle/],
  ['netbox', 'Prefix,Description\n10.1.0.0/24,"a"b\n', 2, 2, /behind the closing quote/],
  ['netbox', 'Prefix,Description\n10.1.0.0/24,"a\nb"\n\nrubbish,x\n', 5, 1, /^Prefix is "rubbish"/],
  ['phpipam', 'Subnet,Mask\n10.1.0.0,\n', 2, 1, /^Subnet is "10.1.0.0"; it must be a subnet/],
  ['infoblox', 'network,10.1.0.0,24\n', 1, 1, /needs a heading "header-network" before it/],
  ['infoblox', '', undefined, undefined, /has no heading/],
  ['infoblox', 'header-network,address*,netmask*\nnetwork,10.1.0.0,255.0.255.0\n', 2, 3, /^netmask\* is "255.0.255.0"/],
  ['infoblox', 'header-network,address*,netmask*\nnetwork,x,24\n', 2, 2, /^address\* is "x"/],
  ['infoblox', 'header-hostrecord,fqdn*,addresses\nhostrecord,a,"10.1.0.1,x"\n', 2, 3, /^addresses is "10.1.0.1,x"/],
  ['go-ipam', '[{"Cidr":\n "10.1.0.0/24",}]', 2, 16, /this is no JSON/],
  ['go-ipam', '{}', undefined, undefined, /^the file is {}; it must be a list/],
  ['go-ipam', '[{"Cidr":"x"}]', undefined, undefined, /^\[0\].Cidr is "x"; it must be a CIDR/],
  ['go-ipam', '[{}]', undefined, undefined, /^\[0\].Cidr is missing; it must be a text/],
  ['go-ipam', '[{"Cidr":"10.1.0.0/24","IPs":{"x":true}}]', undefined, undefined, /^\[0\].IPs is "x"/],
  ['calicoctl', 'hello\n', undefined, undefined, /neither a table/],
  ['calicoctl', '| GROUPING | CIDR |\n| IP Pool | 10.1 |\n', 2, undefined, /^CIDR is "10.1"/],
  ['calicoctl', '{"allocations":{"x":[{}]}}', undefined, undefined, /^allocations is "x"/],
  [
    'calicoctl',
    '{"allocations":{"10.1.0.1":[{"node":7}]}}',
    undefined,
    undefined,
    /^allocations\["10.1.0.1"\].node is 7; it must be a text/,
  ],
]

for (const [from, text, line, column, message] of rubbish)
  t.test(`${from} refuses ${JSON.stringify(text).slice(0, 60)}, and says where`, async (t) => {
    const problem: unknown = await readers[from](text).then(
      () => undefined,
      (fault: unknown) => fault,
    )
    if (!(problem instanceof FormatProblem)) throw new Error(String(problem))
    t.match(problem.message, message)
    t.equal(problem.position?.line, line)
    t.equal(problem.position?.column, column)
  })
