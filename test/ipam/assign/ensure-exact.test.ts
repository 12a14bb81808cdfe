import t from 'tap'
import { handleChanged, type HandleSnapshot, planAssign, planEnsure, planReadHandle } from '../../../src/ipam/index.ts'
import { handleKey } from '../../../src/model/index.ts'
import { formatAddress } from '../../../src/net/index.ts'
import { stepLimits } from '../../../src/plan/index.ts'
import { reasonsOf, requestOf, type Wish, World } from '../../support/ipam-world.ts'

/** Two IPv4 pools and one of IPv6, all in small blocks. */
function worldWithPools(): World {
  const world = new World()
  world.pool('a', '10.0.0.0/20', { blockSize: 30 })
  world.pool('b', '10.0.16.0/24', { blockSize: 30 })
  world.pool('six', 'fd00::/120', { blockSize: 126 })
  return world
}

/** Ensures exactly what is wished: what the handle is said to hold then and how many addresses are left to release, or the reasons. */
function ensure(world: World, wish: Wish, held?: HandleSnapshot): readonly (string | number)[] {
  world.view.reads.clear()
  const context = { ...world.context, held }
  const ensured = world.commit(planEnsure(world.view, requestOf(wish), context, { isExact: true }))
  if (!ensured.ok) return reasonsOf(ensured.refusal)
  const { addresses, excess } = ensured.value
  return [...addresses.map(({ address }) => formatAddress(address)), excess.length]
}

/** All that the handle `h` holds, by a request that changes nothing. */
function held(world: World): readonly string[] {
  const ensured = planEnsure(world.view, requestOf({ partial: true }), world.context).answer
  return ensured.ok ? ensured.value.addresses.map(({ address }) => formatAddress(address)) : []
}

const [a1, a2, a5, b1, six] = ['10.0.0.1', '10.0.0.2', '10.0.0.5', '10.0.16.1', 'fd00::1'] as const

type Case = readonly [
  name: string,
  /** What the handle holds already. */
  holds: readonly string[],
  wish: Wish,
  /** What it holds then, of what it held. */
  keeps: readonly string[],
  /** How many addresses are assigned. */
  adds: number,
]

const cases: readonly Case[] = [
  ['nothing held', [], {}, [], 1],
  ['as many as asked for', [a1], {}, [a1], 0],
  ['fewer than asked for', [a1], { ipv4: 2 }, [a1], 1],
  ['more than asked for: the lowest stay', [b1, a5, a2, a1], { ipv4: 2 }, [a1, a2], 0],
  ['another family is more than asked for', [a1, six], { ipv4: 1 }, [a1], 0],
  ['another family, and too few of the one asked for', [six], { ipv4: 1 }, [], 1],
  ['another pool', [a1, b1], { pools: ['b'] }, [b1], 0],
  ['another pool, and none of the one asked for', [a1], { pools: ['b'] }, [], 1],
  ['by address', [a1, a2, six], { addresses: [a2] }, [a2], 0],
  ['by address, one is missing', [a1, a2], { addresses: [a2, a5] }, [a2], 1],
  ['several of one block', [a1, a5, '10.0.0.6'], {}, [a1], 0],
  ['of one block some, of another all', [a1, a2, a5], { addresses: [a1] }, [a1], 0],
]

t.test('a handle holds exactly what is asked for', (t) => {
  for (const [name, holds, wish, keeps, adds] of cases) {
    const world = worldWithPools()
    world.take({ handle: 'other', addresses: ['10.0.0.0', '10.0.0.3'] })
    if (holds.length > 0) world.take({ addresses: holds })
    const answer = ensure(world, wish)
    const addresses = answer.slice(0, -1)
    t.equal(answer.at(-1), 0, name)
    t.strictSame(addresses.slice(0, keeps.length).sort(), [...keeps].sort(), 'what counts is kept')
    t.equal(addresses.length, keeps.length + adds, 'what is missing is added')
    t.strictSame([...held(world)].sort(), [...addresses].sort(), 'the answer is what it holds')
    const before = world.dump()
    t.strictSame([...ensure(world, wish)].sort(), [...answer].sort(), 'repeated, it is answered the same')
    t.strictSame(world.dump(), before, 'and changes nothing')
    t.equal(world.counts('other'), '{"10.0.0.0/30":2}', 'others keep theirs')
  }
  t.end()
})

t.test('if what is missing cannot be had, nothing is released', (t) => {
  const world = worldWithPools()
  world.take({ addresses: [a1, six] })
  world.take({ handle: 'other', addresses: [a2] })
  const before = world.dump()
  t.strictSame(ensure(world, { addresses: [a2] }), ['AddressInUse', 'addresses[0] FieldValueInvalid'])
  t.strictSame(world.dump(), before)
  t.strictSame(ensure(world, { addresses: [a1, a2], partial: true }), [a1, 0], 'unless fewer are accepted')
  t.strictSame(held(world), [a1])
  t.end()
})

t.test('while the cluster is locked, nothing is released', (t) => {
  const world = worldWithPools()
  world.take({ addresses: [a1, a2] })
  world.lockCluster()
  t.strictSame(ensure(world, { ipv4: 1 }), ['ServiceUnavailable'])
  t.strictSame(held(world), [a1, a2])
  t.end()
})

/** A world where `h` holds an address in each of so many blocks, and what was read of that before. */
function wideWorld(blockCount: number) {
  const world = worldWithPools()
  world.take({ addresses: Array.from({ length: blockCount }, (_, block) => `10.0.${block >> 6}.${(block & 63) * 4}`) })
  const read = planReadHandle(world.view, 'h', world.context).answer
  const { addresses } = read.ok ? read.value : { addresses: [] }
  const stored = world.view.get(handleKey('h'))
  const revision = stored.kind === 'absent' ? 0n : stored.revision
  return { world, held: { handle: 'h', revision, allocations: addresses, unreadable: [] } }
}

t.test('of a handle in many blocks, what does not fit into a transaction is left for others', (t) => {
  const { world, held: snapshot } = wideWorld(150)
  const left = ensure(world, { ipv4: 2, ipv6: 1 }, snapshot).at(-1)
  t.ok(Number(left) > 0 && Number(left) < 148, `${left} are left`)
  t.ok(world.lastReads.size < stepLimits.keys + 4, 'one transaction takes the step')
  t.equal(held(world).length, 3 + Number(left), 'the others are released, and what is missing is assigned')
  t.end()
})

t.test('what was read before is believed only as long as the handle does not change', (t) => {
  const { world, held: snapshot } = wideWorld(150)
  world.give('10.0.0.4')
  const before = world.dump()
  for (const isExact of [true, false]) {
    const ensured = planEnsure(world.view, requestOf(), { ...world.context, held: snapshot }, { isExact }).answer
    t.equal(!ensured.ok && ensured.refusal, handleChanged)
  }
  const capped = planAssign(world.view, requestOf({ maxPerHandle: 200 }), { ...world.context, held: snapshot }).answer
  t.equal(!capped.ok && capped.refusal, handleChanged)
  world.remove(handleKey('h').text)
  t.strictSame(ensure(world, {}, snapshot), ['Conflict'])
  t.strictSame(before.length - 1, world.dump().length)
  t.end()
})

t.test(
  'an address that was assigned anew behind the handle stays, and a block that cannot be read refuses all',
  (t) => {
    const { world, held: snapshot } = wideWorld(3)
    const [, second, third] = snapshot.allocations
    if (second === undefined || third === undefined) throw new Error('There are three addresses.')
    const older = { ...third, sequenceNumber: third.sequenceNumber - 1n }
    t.strictSame(ensure(world, {}, { ...snapshot, allocations: [...snapshot.allocations.slice(0, 2), older] }), [
      '10.0.0.0',
      0,
    ])
    t.strictSame(held(world), ['10.0.0.0', '10.0.0.8'])

    const other = wideWorld(3)
    other.world.put(other.world.blockKey('10.0.0.8/30').text, '{')
    const before = other.world.dump()
    t.strictSame(ensure(other.world, {}, other.held), ['Conflict'])
    other.world.remove(other.world.blockKey('10.0.0.4/30').text)
    t.strictSame(ensure(other.world, {}, { ...other.held, allocations: other.held.allocations.slice(0, 2) }), [
      '10.0.0.0',
      0,
    ])
    t.equal(other.world.dump().length, before.length - 1)
    t.end()
  },
)
