import t from 'tap'
import { planEnsure } from '../../../src/ipam/index.ts'
import { blocks as blockFamily, ordinalsOfHandle } from '../../../src/model/index.ts'
import { formatAddress } from '../../../src/net/index.ts'
import { blockPrefix, handlePrefix, reasonsOf, requestOf, type Wish, World } from '../../support/ipam-world.ts'

/** Two IPv4 pools and one of IPv6, all in small blocks. */
function worldWithPools(): World {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 30 })
  world.pool('b', '10.0.1.0/24', { blockSize: 30 })
  world.pool('six', 'fd00::/120', { blockSize: 126 })
  return world
}

/** Ensures what is wished, and gives all that is held then as text, after `added` or `held`; of a refusal its reasons. */
function ensure(world: World, wish: Wish = {}): readonly string[] {
  world.view.reads.clear()
  const answer = world.commit(planEnsure(world.view, requestOf(wish), world.context))
  if (!answer.ok) return reasonsOf(answer.refusal)
  const { addresses, isAdded } = answer.value
  return [isAdded ? 'added' : 'held', ...addresses.map(({ address }) => formatAddress(address))]
}

/** How many addresses the handle `h` holds, as the blocks have it. */
function heldCount(world: World): number {
  const cidrs = world.view.keys(blockFamily.prefix).map((key) => key.slice(key.lastIndexOf('/') + 1).replace('-', '/'))
  const blocks = cidrs.flatMap((cidr) => world.stored(cidr) ?? [])
  return blocks.reduce((sum, block) => sum + ordinalsOfHandle(block, 'h').length, 0)
}

type Case = readonly [
  name: string,
  /** What the handle holds already. */
  holds: readonly string[],
  wish: Wish,
  /** How many addresses are assigned. */
  adds: number,
]

const a1 = '10.0.0.1'
const a2 = '10.0.0.2'
const b1 = '10.0.1.1'
const six = 'fd00::1'

const cases: readonly Case[] = [
  ['nothing held, one asked for', [], {}, 1],
  ['one held, one asked for', [a1], {}, 0],
  ['one held, three asked for', [a1], { ipv4: 3 }, 2],
  ['more held than asked for', [a1, a2, b1], { ipv4: 2 }, 0],
  ['held of the other family', [six], { ipv4: 1 }, 1],
  ['IPv6 alone', [six, a1], { ipv6: 1 }, 0],
  ['both families, one is there', [a1], { ipv4: 1, ipv6: 1 }, 1],
  ['both families, both are there', [a1, six], { ipv4: 1, ipv6: 1 }, 0],
  ['too many of one family for too few of the other', [a1, a2, b1], { ipv4: 1, ipv6: 2 }, 2],
  ['across blocks', [a1, '10.0.0.5', '10.0.0.9'], { ipv4: 4 }, 1],
  ['from a pool by name', [a1], { pools: ['a'] }, 0],
  ['from another pool by name', [a1], { pools: ['b'] }, 1],
  ['from a pool by CIDR', [a1], { pools: ['10.0.0.0/24'] }, 0],
  ['from another pool by CIDR', [a1], { pools: ['10.0.1.0/24'] }, 1],
  ['from any of several pools', [a1, b1], { pools: ['b', '10.0.0.0/24'], ipv4: 3 }, 1],
  ['by address, all there', [a1, a2], { addresses: [a2, a1] }, 0],
  ['by address, some there', [a1, a2, b1], { addresses: ['10.0.0.200', a2] }, 1],
  ['by address, others there', [a1], { addresses: [six] }, 1],
  ['content with less, all there', [a1], { ipv4: 1, partial: true }, 0],
  ['content with less, more to be had', [a1], { ipv4: 3, partial: true }, 2],
]

t.test('what is held counts, and only what is missing is assigned', (t) => {
  for (const [name, holds, wish, adds] of cases) {
    const world = worldWithPools()
    world.take({ handle: 'other', addresses: ['10.0.0.0', 'fd00::'] })
    if (holds.length > 0) world.take({ addresses: holds })
    const [outcome, ...addresses] = ensure(world, wish)
    t.equal(outcome, adds > 0 ? 'added' : 'held', name)
    t.strictSame(addresses.slice(0, holds.length).sort(), [...holds].sort(), 'all that it held is answered')
    t.equal(addresses.length, holds.length + adds, 'and what was added')
    t.equal(heldCount(world), holds.length + adds, 'nothing is released, nothing more is assigned')

    const before = world.dump()
    const [again, ...same] = ensure(world, wish)
    t.equal(again, 'held', 'repeated, it changes nothing')
    t.strictSame(same.sort(), addresses.sort(), 'and is answered with the same addresses')
    t.strictSame(world.dump(), before)
  }
  t.end()
})

t.test('addresses count although nothing more can be had from their pool', (t) => {
  const spoilt: readonly (readonly [string, object])[] = [
    ['a disabled pool', { disabled: true }],
    ['a pool for others', { nodeSelector: '!all()' }],
    ['a pool for another use', { allowedUses: ['Tunnel'] }],
  ]
  for (const [name, spec] of spoilt) {
    for (const wish of [{}, { pools: ['a'] }, { pools: ['10.0.0.0/24'] }, { addresses: [a1] }]) {
      const world = worldWithPools()
      world.take({ addresses: [a1] })
      world.pool('a', '10.0.0.0/24', { blockSize: 30, ...spec })
      t.strictSame(ensure(world, wish), ['held', a1], `${name}: ${JSON.stringify(wish)}`)
    }
  }
  t.end()
})

t.test('an address in no pool any more counts, unless pools are named', (t) => {
  const world = worldWithPools()
  world.take({ addresses: [a1] })
  world.remove('/calico/resources/v3/projectcalico.org/ippools/a')
  t.strictSame(ensure(world), ['held', a1])
  t.match(ensure(world, { pools: ['b'] }), ['added', a1, /^10\.0\.1\./])
  t.end()
})

t.test('an address that was released does not count', (t) => {
  const world = worldWithPools()
  world.config({ ipCooldownSeconds: 60 })
  world.take({ addresses: [a1, a2] })
  world.give(a1)
  t.strictSame(ensure(world, { addresses: [a2] }), ['held', a2])
  t.strictSame(ensure(world, { addresses: [a1] }), ['AddressInUse', 'addresses[0] FieldValueInvalid'])
  t.end()
})

t.test('what cannot be had is refused by its place in the request, and nothing is assigned', (t) => {
  const refusals: readonly (readonly [string, Wish, readonly string[]])[] = [
    ['held by somebody else', { addresses: ['10.0.0.9'] }, ['AddressInUse', 'addresses[0] FieldValueInvalid']],
    [
      'one of several is held by somebody else',
      { addresses: [a1, '10.0.0.10', '10.0.0.9'] },
      ['AddressInUse', 'addresses[2] FieldValueInvalid'],
    ],
    ['one of several lies in no pool', { addresses: [a1, '192.0.2.1'] }, ['Invalid', 'addresses[1] FieldValueInvalid']],
    ['more than there are', { ipv4: 5, pools: ['tiny'] }, ['InsufficientAddresses', 'pools[tiny] PoolFull']],
    ['one family is there, the other is not', { ipv4: 1, ipv6: 300 }, ['InsufficientAddresses', 'pools[six] PoolFull']],
    ['a pool that does not exist', { ipv4: 2, pools: ['none'] }, ['Invalid', 'pools[0] FieldValueInvalid']],
  ]
  for (const [name, wish, reasons] of refusals) {
    const world = worldWithPools()
    world.pool('tiny', '10.0.2.0/30', { blockSize: 30 })
    world.take({ handle: 'other', addresses: ['10.0.0.9'] })
    world.take({ addresses: [a1] })
    const before = world.dump()
    t.strictSame(ensure(world, wish), reasons, name)
    t.strictSame(world.dump(), before)
  }
  t.end()
})

t.test('while the cluster is locked, what is held is answered, and nothing is assigned', (t) => {
  const world = worldWithPools()
  world.take({ addresses: [a1] })
  world.lockCluster()
  t.strictSame(ensure(world), ['held', a1])
  t.strictSame(ensure(world, { ipv4: 2 }), ['ServiceUnavailable'])
  t.equal(heldCount(world), 1)
  t.end()
})

t.test('an answer that changes nothing has read the handle and its blocks, so that it is proved', (t) => {
  const world = worldWithPools()
  world.take({ addresses: [a1, '10.0.0.5'] })
  ensure(world, { ipv4: 2 })
  for (const key of [`${handlePrefix}h`, `${blockPrefix}10.0.0.0-30`, `${blockPrefix}10.0.0.4-30`]) {
    t.ok(world.lastReads.has(key), key)
  }
  t.end()
})
