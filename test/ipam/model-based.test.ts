import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Address, formatAddress, mustParseAddress, mustParseCidr } from '../../src/net/index.ts'
import { World } from '../support/ipam-world.ts'
import { NaiveAllocator, type NaivePool, type NaiveRules } from '../support/naive-allocator.ts'
import { volume } from '../support/volume.ts'

/** So small that they run full, in blocks of four, two and one, one of them for one node only. */
const pools: readonly NaivePool[] = [
  { name: 'a', cidr: '10.0.0.0/28', blockSize: 30 },
  { name: 'b', cidr: '10.0.1.0/30', blockSize: 31 },
  { name: 'c', cidr: '10.0.2.0/30', blockSize: 32, onlyNode: 'n1' },
  { name: 'six', cidr: 'fd00::/126', blockSize: 127 },
]

const handle = fc.constantFrom('h1', 'h2', 'h3')
const node = fc.constantFrom('n1', 'n2', undefined)
const partial = fc.boolean()
/** Addresses of all pools, and a few of none. */
const address: fc.Arbitrary<Address> = fc
  .oneof(
    { weight: 16, arbitrary: fc.integer({ min: 0, max: 15 }).map((last) => `10.0.0.${last}`) },
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 4 }).map((last) => `10.0.1.${last}`) },
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 3 }).map((last) => `10.0.2.${last}`) },
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 3 }).map((last) => `fd00::${last}`) },
  )
  .map(mustParseAddress)
const poolNames = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'six'), { minLength: 1, maxLength: 3 }) },
)

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('assign' as const),
      handle,
      node,
      ipv4: fc.integer({ min: 0, max: 6 }),
      ipv6: fc.constantFrom(0, 0, 0, 1, 2),
      pools: poolNames,
      partial,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('name' as const),
      handle,
      node,
      addresses: fc.uniqueArray(address, {
        minLength: 1,
        maxLength: 3,
        selector: ({ family, value }) => `${family} ${value}`,
      }),
      partial,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      addresses: fc.array(address, { minLength: 1, maxLength: 10 }),
      knows: fc.constantFrom('nothing', 'the handle', 'a handle', 'the number', 'an old number'),
      handle,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release all' as const), handle }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('switch' as const),
      pool: fc.constantFrom('a', 'b', 'c', 'six'),
      isDisabled: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      cidr: fc.constantFrom('10.0.0.4/30', '10.0.0.0/31', '10.0.0.9/32', '10.0.1.0/31', '10.0.2.2/32', 'fd00::2/127'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 30, 61) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('batch' as const), begins: fc.boolean() }) },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

/** What somebody else has left of a block of the pool `a`: perhaps the block itself, with some addresses held; perhaps claims. */
const remains = fc.record({
  affinity: fc.constantFrom('host:n1', 'host:n2', 'virtual:load-balancer', 'nonsense', null, undefined),
  claimedAt: fc.constantFrom('2026-11-23T03:00:00Z', '2026-11-23T03:59:30Z', undefined),
  held: fc.array(fc.constantFrom(null, 'h1', 'h2'), { minLength: 4, maxLength: 4 }),
  claims: fc.record({ n1: claimState(), n2: claimState() }),
  count: fc.constantFrom(undefined, 1, 64),
})

function claimState(): fc.Arbitrary<string | undefined> {
  return fc.constantFrom(undefined, 'confirmed', 'pending', 'pendingDeletion', '', 'unheard of')
}

type Remains = typeof remains extends fc.Arbitrary<infer Value> ? Value : never

function leave(world: World, blocks: readonly Remains[]): void {
  const counts: Record<string, number> = {}
  for (const [index, { affinity, claimedAt, held, claims, count }] of blocks.entries()) {
    const cidr = `10.0.0.${index * 4}/30`
    const places = [0, 1, 2, 3]
    if (affinity !== undefined) {
      world.block(cidr, affinity, {
        affinity_claim_time: claimedAt,
        allocations: held.map((handle) => (handle === null ? null : handle === 'h1' ? 0 : 1)),
        unallocated: places.filter((place) => held[place] === null).toReversed(),
        attributes: [{ handle_id: 'h1' }, { handle_id: 'h2' }],
      })
    }
    for (const name of ['n1', 'n2'] as const) if (claims[name] !== undefined) world.claim(name, cidr, claims[name])
    if (count !== undefined) counts[cidr] = count
  }
  world.handle('h1', counts)
}

/** Plays a story to the allocator and to its naive twin, which throws at the first step where they part. */
function play(rules: NaiveRules, steps: readonly Step[], left: readonly Remains[] = []): void {
  const world = new World()
  if (left.length > 0) leave(world, left)
  world.config({ strict_affinity: rules.isStrict, ipCooldownSeconds: rules.cooldownSeconds })
  for (const name of ['n1', 'n2']) world.node(name, { name })
  for (const pool of pools) storePool(world, pool, false)
  const twin = new NaiveAllocator(world, pools, rules)
  twin.adopt()
  for (const one of steps) {
    // No two operations see the same time: a block that is made anew gets another number.
    world.nanoseconds += 1_000n
    twin.look()
    take(world, twin, one)
    twin.check()
  }
}

function take(world: World, twin: NaiveAllocator, step: Step): void {
  const before = world.dump()
  switch (step.kind) {
    case 'assign': {
      const outcome = world.assign(step)
      if (step.ipv4 + step.ipv6 > 0) twin.assigned(step, outcome)
      if (!outcome.ok) isUnchanged(world, before)
      return
    }
    case 'name': {
      const { addresses, ...rest } = step
      const outcome = world.assign({ ...rest, addresses: addresses.map(formatAddress) })
      twin.assignedNamed(rest, addresses, outcome)
      if (!outcome.ok) isUnchanged(world, before)
      return
    }
    case 'release': {
      const items = step.addresses.map((address) => {
        const holding = twin.holdings.get(formatAddress(address))
        if (step.knows === 'a handle') return { address, handle: step.handle }
        if (holding === undefined) return { address }
        if (step.knows === 'the handle') return { address, handle: holding.handle }
        if (step.knows === 'the number') return { address, sequenceNumber: holding.sequenceNumber }
        return step.knows === 'an old number' ? { address, sequenceNumber: holding.sequenceNumber - 1n } : { address }
      })
      twin.gaveBack(items, world.release(items))
      return
    }
    case 'release all':
      twin.gaveBackAll(step.handle, world.releaseHandle(step.handle))
      return
    case 'switch': {
      const pool = pools.find(({ name }) => name === step.pool)
      if (pool !== undefined) storePool(world, pool, step.isDisabled)
      if (step.isDisabled) twin.disabled.add(step.pool)
      else twin.disabled.delete(step.pool)
      return
    }
    case 'reserve':
      world.reserve(step.cidr)
      twin.reserved.push(mustParseCidr(step.cidr))
      return
    case 'wait':
      world.passSeconds(step.seconds)
      return
    case 'batch':
      if (step.begins) world.beginBatch()
      else world.endBatch()
  }
}

function storePool(world: World, { name, cidr, blockSize, onlyNode }: NaivePool, disabled: boolean): void {
  world.pool(name, cidr, {
    blockSize,
    disabled,
    nodeSelector: onlyNode === undefined ? 'all()' : `name == "${onlyNode}"`,
  })
}

function isUnchanged(world: World, before: ReturnType<World['dump']>): void {
  assert.deepEqual(world.dump(), before, 'a refusal leaves nothing behind')
}

const stories: [name: string, rules: NaiveRules][] = [
  ['as by default', { isStrict: false, cooldownSeconds: 0 }],
  ['under strict affinity', { isStrict: true, cooldownSeconds: 0 }],
  ['with a cooldown', { isStrict: false, cooldownSeconds: 60 }],
  ['with a cooldown under strict affinity', { isStrict: true, cooldownSeconds: 60 }],
]

for (const [name, rules] of stories) {
  t.test(`whatever is asked for, the allocator does what its naive twin would: ${name}`, (t) => {
    const story = fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => play(rules, steps))
    // What is thrown names the seed and the path of the shortest story that fails.
    t.doesNotThrow(() => fc.assert(story, { numRuns: volume(300) }))
    t.end()
  })
}

t.test('whatever others have left half done, addresses are given once, and all that are free', (t) => {
  const rules = { isStrict: false, cooldownSeconds: 0, isMessy: true }
  // What a handle without a reliable key holds can only be released by address.
  const byAddress = step.filter(({ kind }) => kind !== 'release all')
  const left = fc.array(remains, { minLength: 4, maxLength: 4 })
  const story = fc.property(fc.array(byAddress, { maxLength: 40, size: 'max' }), left, (steps, left) =>
    play(rules, steps, left),
  )
  t.doesNotThrow(() => fc.assert(story, { numRuns: volume(300) }))
  t.end()
})
