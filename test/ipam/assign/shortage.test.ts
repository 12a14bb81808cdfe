import t from 'tap'
import { Shortage } from '../../../src/ipam/assign/shortage.ts'
import { nanosecondsPerSecond, pools as poolFamily } from '../../../src/model/index.ts'
import { CidrSet, mustParseAddress, mustParseCidr } from '../../../src/net/index.ts'
import type { Allocation } from '../../../src/ipam/index.ts'
import type { Cause, CauseReason } from '../../../src/plan/index.ts'
import type { World } from '../../support/ipam-world.ts'
import { worldWithPool } from '../../support/small-pool.ts'

function shortageIn(world: World, reserved: readonly string[] = []): Shortage {
  const cooledBefore = world.nanoseconds - 60n * nanosecondsPerSecond
  return new Shortage(world.blocks, { reserved: CidrSet.of(reserved.map(mustParseCidr)), cooledBefore }, 60)
}

/** Why the pool `a` has no more addresses than those `found`. */
function why(world: World, reserved: readonly string[] = [], found: readonly Allocation[] = []): string | undefined {
  const [pool] = world.view.list(poolFamily, 'hint').flatMap((entry) => (entry.kind === 'value' ? [entry.value] : []))
  return pool && shortageIn(world, reserved).explainFullPool(pool, found).message
}

/** Two addresses of the pool `a`, and one of the pool `b`. */
const found = ['a', 'a', 'b'].map((pool) => ({
  address: mustParseAddress('10.0.0.14'),
  block: mustParseCidr('10.0.0.12/30'),
  pool,
  node: undefined,
  handle: 'h',
  sequenceNumber: 0n,
  attributes: {},
}))

const start = 'pool a has no more addresses for this request: 16 addresses, '

t.test('a full pool says what it has, and what would help', (t) => {
  const world = worldWithPool()
  const roomy = '0 in use, 0 cooling down, 0 reserved, 16 available, 0 of 4 blocks claimed'
  t.equal(why(world), `${start}${roomy}; it has room for more blocks, or addresses in blocks of other nodes`)
  for (const cidr of ['10.0.0.0/30', '10.0.0.4/30', '10.0.0.8/30']) world.fullBlock(cidr, 'host:n1')
  world.take({ node: 'n2', addresses: ['10.0.0.12', '10.0.0.13'] })
  const others = '14 in use, 0 cooling down, 0 reserved, 2 available, 4 of 4 blocks claimed'
  t.equal(why(world), `${start}${others}; the available addresses lie in blocks of other nodes`)
  t.equal(why(world, [], found), `${start}${others}; release addresses, or create another pool`, 'two of three')
  const reserved = '14 in use, 0 cooling down, 4 reserved, 0 available, 4 of 4 blocks claimed'
  const byName = '2 are free but reserved: request them by name, or change the reservation'
  t.equal(why(world, ['10.0.0.12/30']), `${start}${reserved}; ${byName}`)
  world.config({ ipCooldownSeconds: 60 })
  world.give('10.0.0.12')
  world.passSeconds(5)
  world.take({ node: 'n2', addresses: ['10.0.0.14'] })
  world.give('10.0.0.13')
  const cooling = '13 in use, 2 cooling down, 1 reserved, 0 available, 4 of 4 blocks claimed'
  t.equal(
    why(world, ['10.0.0.15/32']),
    `${start}${cooling}; the next address has cooled down at 2026-11-23T04:01:01Z`,
    'a minute after the first release',
  )
  t.end()
})

t.test('what has cooled down already, and what nobody knows the end of, is not the next to cool down', (t) => {
  const world = worldWithPool({ blockSize: 28 })
  world.config({ ipCooldownSeconds: 60 })
  world.take({ ipv4: 16, handle: 'h' })
  world.give('10.0.0.3')
  world.passSeconds(59)
  world.give('10.0.0.4')
  world.passSeconds(10)
  t.match(
    why(world, ['10.0.0.3/32']),
    /14 in use, 1 cooling down, .* 0 available.* cooled down at 2026-11-23T04:02:00Z$/,
  )
  const stored = world.stored('10.0.0.0/28')
  const attributes = (stored?.attributes ?? []).map((one) => (one.releasedAt === undefined ? one : { releasedAt: '?' }))
  const value = stored && { ...stored, attributes }
  if (value !== undefined) world.blocks.changed(world.blockKey('10.0.0.0/28').text, { kind: 'value', value })
  t.match(why(world), /14 in use, 2 cooling down.* cooled down at 2026-11-23T04:/)
  t.end()
})

t.test('a pool that does not serve the request says what it would have, and how to get it', (t) => {
  const world = worldWithPool()
  world.take({ addresses: ['10.0.0.0'] })
  const pools = world.view.list(poolFamily, 'hint').flatMap((entry) => (entry.kind === 'value' ? [entry.value] : []))
  const explain = (reason: CauseReason, field = 'pools[a]'): string | undefined => {
    const cause: Cause = { field, reason, message: 'pool a is what it is' }
    return shortageIn(world).explain([cause], pools)[0]?.message
  }
  const counts = 'pool a is what it is; 15 of its 16 addresses are available: '
  t.equal(explain('PoolDisabled'), `${counts}enable it`)
  t.equal(explain('PoolNotAutomatic'), `${counts}request it by name`)
  t.match(
    shortageIn(world).explainRefusal(
      {
        reason: 'InsufficientAddresses',
        message: 'm',
        causes: [{ field: 'pools[a]', reason: 'PoolDisabled', message: '!' }],
      },
      pools,
    ),
    {
      reason: 'InsufficientAddresses',
      message: 'm',
      causes: [{ message: '!; 15 of its 16 addresses are available: enable it' }],
    },
  )
  t.match(explain('PoolNotForUse'), /allowedUses/)
  t.match(explain('PoolNotForNode'), /nodeSelector/)
  t.match(explain('PoolNotForNamespace'), /namespaceSelector/)
  t.equal(explain('PoolTerminating'), 'pool a is what it is', 'nothing would help')
  t.equal(explain('PoolDisabled', 'pools[b]'), 'pool a is what it is')
  t.end()
})
