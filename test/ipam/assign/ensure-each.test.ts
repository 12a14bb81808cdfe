import t from 'tap'
import { quotas } from '../../../src/model/index.ts'
import { formatAddress } from '../../../src/net/index.ts'
import { type WantedByText, World } from '../../support/ipam-world.ts'
import { rightsBy } from '../../support/rights.ts'

const text = '10.0.0.8/29'

function worldWithPool(spec: object = {}): World {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 29, ...spec })
  return world
}

/** The addresses that were assigned; of a refusal its reason, and the field, reason and message of each cause. */
function take(world: World, ...wanted: readonly WantedByText[]): readonly string[] {
  const ensured = world.ensureEach(...wanted)
  if (ensured.ok) return ensured.value.assigned.map(formatAddress)
  const { reason, causes } = ensured.refusal
  return [reason, ...causes.map((cause) => `${cause.field} ${cause.reason}: ${cause.message}`)]
}

const three: readonly WantedByText[] = [
  { address: '10.0.0.13', handle: 'vm-1', node: 'node1', attributes: { tenant: 'blue' } },
  { address: '10.0.0.9', handle: 'vm-2', attributes: { tenant: 'red' } },
  { address: '10.0.0.200', handle: 'vm-1' },
]

t.test('each address gets its own handle, node and attributes, in one transaction', (t) => {
  const world = worldWithPool()
  const ensured = world.ensureEach(...three)
  t.match(ensured, {
    ok: true,
    value: {
      addresses: [
        { handle: 'vm-1', node: 'node1', attributes: { tenant: 'blue' }, pool: 'a' },
        { handle: 'vm-2', node: undefined, attributes: { tenant: 'red' } },
        { handle: 'vm-1', node: undefined, attributes: {} },
      ],
    },
  })
  t.equal(world.counts('vm-1'), '{"10.0.0.200/29":1,"10.0.0.8/29":1}')
  t.equal(world.counts('vm-2'), '{"10.0.0.8/29":1}')
  t.end()
})

t.test('what is held as wanted stays as it is, and only the rest is assigned', (t) => {
  const world = worldWithPool()
  t.strictSame(take(world, ...three), ['10.0.0.13', '10.0.0.9', '10.0.0.200'])
  const before = world.dump('/')
  t.strictSame(take(world, ...three), [], 'a second time')
  t.strictSame(world.dump('/'), before)
  t.strictSame(take(world, ...three, { address: '10.0.0.14', handle: 'vm-3' }), ['10.0.0.14'])
  t.end()
})

t.test('nothing changes if one address cannot be held as wanted, and there is a cause for each that cannot', (t) => {
  const world = worldWithPool()
  take(world, ...three)
  world.pool('off', '10.9.0.0/24', { disabled: true })
  const before = world.dump('/')
  const cases: readonly (readonly [name: string, wanted: readonly WantedByText[], refused: readonly string[]])[] = [
    [
      'another handle holds it',
      [{ address: '10.0.0.14' }, { address: '10.0.0.9' }],
      ['AddressInUse', 'addresses[1] FieldValueInvalid: 10.0.0.9 is held by the handle "vm-2"'],
    ],
    [
      'the same handle holds it with other attributes',
      [{ address: '10.0.0.9', handle: 'vm-2', node: 'node2' }],
      [
        'AddressInUse',
        'addresses[0] OwnerMismatch: 10.0.0.9 is held by the handle "vm-2" already, with the attributes {"tenant":"red"} instead of {"node":"node2"}',
      ],
    ],
    [
      'it lies in no pool',
      [{ address: '10.0.0.14' }, { address: '10.5.0.1' }],
      ['Invalid', 'addresses[1] NoPool: 10.5.0.1 lies in no pool'],
    ],
    [
      'several at once, of several holders',
      [
        { address: '10.5.0.1', handle: 'x' },
        { address: '10.0.0.9', handle: 'y' },
        { address: '10.9.0.1', handle: 'x' },
      ],
      [
        'AddressInUse',
        'addresses[0] NoPool: 10.5.0.1 lies in no pool',
        'addresses[1] FieldValueInvalid: 10.0.0.9 is held by the handle "vm-2"',
        'addresses[2] NoPool: 10.9.0.1 lies in no enabled pool: pool off is disabled (spec.disabled)',
      ],
    ],
  ]
  for (const [name, wanted, refused] of cases) t.strictSame(take(world, ...wanted), refused, name)
  t.ok(cases.length > 0)
  t.strictSame(world.dump('/'), before)
  t.end()
})

t.test('a block gets no affinity, and one that has it keeps it', (t) => {
  const world = worldWithPool()
  world.block(text, 'host:node2')
  t.strictSame(take(world, { address: '10.0.0.13', node: 'node1' }, { address: '10.0.0.200', node: 'node1' }), [
    '10.0.0.13',
    '10.0.0.200',
  ])
  t.equal(world.stored(text)?.affinity, 'host:node2')
  t.equal(world.stored('10.0.0.200/29')?.affinity, null)
  t.strictSame(world.view.keys('/calico/ipam/v2/host/'), [])
  t.end()
})

t.test('under strict affinity the block must be the one of the node, or new', (t) => {
  const world = worldWithPool()
  world.config({ strict_affinity: true })
  world.block(text, 'host:node2')
  const refusal =
    'strict affinity is on, and the block 10.0.0.8/29 cannot be used by this request: it belongs to host:node2'
  t.strictSame(take(world, { address: '10.0.0.200', node: 'node1' }, { address: '10.0.0.13', node: 'node1' }), [
    'Conflict',
    `addresses[0] StrictAffinity: ${refusal}`,
    `addresses[1] StrictAffinity: ${refusal}`,
  ])
  t.strictSame(take(world, { address: '10.0.0.200', node: 'node1' }), ['10.0.0.200'])
  t.equal(world.stored('10.0.0.200/29')?.affinity, 'host:node1')
  t.end()
})

t.test('an address that cools down, or cannot be read, is nobody else’s yet', (t) => {
  const world = worldWithPool()
  world.config({ ipCooldownSeconds: 60 })
  take(world, { address: '10.0.0.13' })
  world.give('10.0.0.13')
  t.match(take(world, { address: '10.0.0.13' }), ['AddressInUse', /was released and is cooling down/])
  world.put(world.blockKey('10.0.0.200/29').text, 'rubbish')
  t.match(take(world, { address: '10.0.0.201' }), ['Conflict', /The stored block 10.0.0.200\/29 cannot be read/])
  t.end()
})

t.test('a locked cluster and an unreadable configuration refuse everything', (t) => {
  const world = worldWithPool()
  world.put('/calico/ipam/v2/config', 'rubbish')
  t.match(take(world, ...three), ['Conflict'])
  world.lockCluster()
  t.match(take(world, ...three), ['ServiceUnavailable'])
  t.end()
})

t.test('rights count for each handle, and an address that may not be seen is not described', (t) => {
  const world = worldWithPool()
  take(world, ...three)
  world.rights = rightsBy({ verbs: ['assign'], resources: ['addresses'], handles: ['vm-2', 'vm-3'] })
  t.strictSame(take(world, { address: '10.0.0.9', handle: 'vm-2', attributes: { tenant: 'red' } }), [])
  t.match(take(world, { address: '10.0.0.14', handle: 'vm-1' }), ['Forbidden'])
  t.strictSame(take(world, { address: '10.0.0.13', handle: 'vm-3' }), [
    'AddressInUse',
    'addresses[0] FieldValueInvalid: 10.0.0.13 is in use',
  ])
  t.end()
})

t.test('a caller sees nothing of its own handle where it has no rights', (t) => {
  const world = new World()
  world.pool('blue', '10.1.0.0/24', { blockSize: 26 }, { metadata: { labels: { team: 'blue' } } })
  world.pool('green', '10.2.0.0/24', { blockSize: 26 })
  take(world, { address: '10.2.0.1' })
  world.rights = rightsBy({ verbs: ['assign'], resources: ['addresses'], poolSelector: "team == 'blue'" })
  t.match(take(world, { address: '10.2.0.1' }), ['Invalid', /lies in no pool/])
  t.end()
})

t.test('addresses are charged to quotas, all or none', (t) => {
  const world = worldWithPool()
  world.rights = rightsBy({ verbs: ['assign'], resources: ['addresses'], maxAddresses: 2 })
  t.match(take(world, ...three), ['Forbidden', /QuotaExceeded/])
  t.strictSame(world.dump(quotas.prefix), [])
  t.strictSame(take(world, ...three.slice(0, 2)), ['10.0.0.13', '10.0.0.9'])
  t.strictSame(take(world, ...three.slice(0, 2)), [], 'what is held already is not charged again')
  t.match(world.dump(quotas.prefix), [[String, /2/]])
  t.end()
})
