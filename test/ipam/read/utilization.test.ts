import t from 'tap'
import {
  planCountHeld,
  planFindBlocksOnNode,
  planReadBlocks,
  planReadUtilization,
  type CountedBlock,
} from '../../../src/ipam/index.ts'
import type { BlocksRequest } from '../../../src/ipam/read/utilization.ts'
import { formatCidr, mustParseCidr } from '../../../src/net/index.ts'
import { blockPrefix, World } from '../../support/ipam-world.ts'

function poolsOf(world: World, pools: readonly string[] = []): unknown {
  const { answer, writes } = planReadUtilization(world.view, { pools, withBlocks: false }, world.context)
  if (!answer.ok || writes.length > 0) return answer
  return answer.value.pools.map(
    ({ pool, usage: { capacity, inUse, cooling, reserved, available, blocksInUse } }) =>
      `${pool.name} ${[capacity, inUse, cooling, reserved, available, blocksInUse].join(' ')}`,
  )
}

function print({ block, pool, usage }: CountedBlock): string {
  return `${formatCidr(block.cidr)} of ${String(pool)}: ${String(usage.inUse)}, ${String(usage.available)}`
}

function blocksOf(world: World, request: Omit<BlocksRequest, 'limit'> & { readonly limit?: number } = {}): unknown {
  const { answer } = planReadBlocks(world.view, { limit: 100, ...request }, world.context)
  if (!answer.ok) return answer
  return [...answer.value.blocks.map(print), ...(answer.value.isLast ? [] : ['more'])]
}

/** Two IPv4 pools and one of IPv6, a reservation, a cooldown, and addresses in use. */
function usedWorld(): World {
  const world = new World()
  world.config({ ipCooldownSeconds: 60 })
  world.pool('a', '10.0.0.0/24', { blockSize: 29 })
  world.pool('b', '10.1.0.0/28', { blockSize: 30, disabled: true })
  world.pool('six', 'fd00::/64')
  world.reserve('10.0.0.0/30', '10.0.0.2/31', 'fd00::/65')
  world.block('10.1.0.4/30', null)
  world.take({ node: 'n1', addresses: ['10.0.0.8', '10.0.0.9', '10.0.0.10'] })
  world.take({ node: 'n2', addresses: ['10.0.0.0', 'fd00::1'] })
  world.give('10.0.0.9')
  return world
}

t.test('every pool is told of by name, or those that are asked for as they are', (t) => {
  const world = usedWorld()
  const of6 = `six ${String(2n ** 64n)} 1 0 ${String(2n ** 63n)} ${String(2n ** 63n)} 1`
  const of4 = 'a 256 3 1 4 249 2'
  t.strictSame(poolsOf(world), [of4, 'b 16 0 0 0 16 1', of6])
  t.strictSame(poolsOf(world, ['fd00::/64', 'a', '10.0.0.0/24']), [of6, of4])
  world.passSeconds(62)
  t.strictSame(poolsOf(world, ['a']), ['a 256 3 0 4 250 2'], 'what has cooled down is available, although nobody wrote')
  t.end()
})

t.test('a pool that does not exist is refused, and told apart from one that cannot be read', (t) => {
  const world = usedWorld()
  world.put('/calico/resources/v3/projectcalico.org/ippools/broken', '{')
  t.match(poolsOf(world, ['a', 'nope']), {
    refusal: { reason: 'Invalid', causes: [{ field: 'pool', reason: 'FieldValueInvalid', message: /"nope"/ }] },
  })
  t.match(blocksOf(world, { pool: 'broken' }), { refusal: { reason: 'Invalid' } })
  t.match(planReadUtilization(world.view, { pools: [], withBlocks: false }, world.context).answer, {
    value: { unreadable: ['broken'] },
  })
  t.match(planReadUtilization(world.view, { pools: ['a'], withBlocks: false }, world.context).answer, {
    value: { unreadable: [] },
  })
  t.end()
})

t.test('blocks are told of when asked for, each once, and those of no pool of either family', (t) => {
  const world = usedWorld()
  world.pool('inner', '10.0.0.0/28', { blockSize: 29 })
  world.block('192.0.2.0/29', 'host:n1')
  world.block('fd01::/122', null)
  const read = (pools: readonly string[], withBlocks: boolean) => {
    const { answer } = planReadUtilization(world.view, { pools, withBlocks }, world.context)
    return answer.ok && [answer.value.blocks.map(print), answer.value.orphaned.map(print)]
  }
  const blocks = [
    '10.0.0.0/29 of a: 1, 4',
    '10.0.0.8/29 of a: 2, 5',
    '10.1.0.4/30 of b: 0, 4',
    'fd00::/122 of six: 1, 0',
  ]
  const orphans = ['192.0.2.0/29 of undefined: 0, 8', 'fd01::/122 of undefined: 0, 64']
  t.strictSame(read([], true), [blocks, orphans])
  t.strictSame(read([], false), [[], orphans])
  t.strictSame(read(['inner'], true), [blocks.slice(0, 2), []])
  t.strictSame(blocksOf(world, { orphaned: true }), orphans)
  t.strictSame(blocksOf(world, { orphaned: true, node: 'n1' }), orphans.slice(0, 1))
  t.end()
})

t.test('blocks come page by page, by pool and by node', (t) => {
  const world = usedWorld()
  const all = [
    '10.0.0.0/29 of a: 1, 4',
    '10.0.0.8/29 of a: 2, 5',
    '10.1.0.4/30 of b: 0, 4',
    'fd00::/122 of six: 1, 0',
  ] as const
  t.strictSame(blocksOf(world), all)
  t.strictSame(blocksOf(world, { limit: 4 }), all)
  t.strictSame(blocksOf(world, { limit: 2 }), [...all.slice(0, 2), 'more'])
  t.strictSame(blocksOf(world, { limit: 2, after: mustParseCidr('10.0.0.8/29') }), all.slice(2))
  t.strictSame(blocksOf(world, { node: 'n2' }), [all[0], all[3]])
  t.strictSame(blocksOf(world, { node: 'n2', limit: 1 }), [all[0], 'more'])
  t.strictSame(blocksOf(world, { node: 'n1', limit: 1 }), [all[1]], 'nothing that is asked for follows')
  t.strictSame(blocksOf(world, { pool: '10.0.0.0/24', node: 'n2' }), [all[0]])
  t.strictSame(blocksOf(world, { node: 'nobody' }), [])
  t.end()
})

t.test('while the configuration cannot be read, released addresses count as cooling down', (t) => {
  const world = usedWorld()
  world.put(`${blockPrefix}10.0.0.16-29`, '{')
  t.strictSame(poolsOf(world, ['a']), ['a 256 11 1 4 241 3'], 'a block that cannot be read is full')
  world.put('/calico/ipam/v2/config', '[]')
  world.passSeconds(1_000_000)
  t.strictSame(poolsOf(world, ['a']), ['a 256 11 1 4 241 3'])
  t.match(blocksOf(world), { length: 5 })
  t.end()
})

t.test('what is counted is proved: pools, reservations and blocks, deletions included', (t) => {
  const world = usedWorld()
  world.view.reads.clear()
  planReadBlocks(world.view, { limit: 1 }, world.context)
  t.match(
    [...world.view.reads],
    [
      '/calico/ipam/v2/config',
      'index of IP pools',
      'index of reservations',
      'index of blocks',
      'current /calico/resources/v3/projectcalico.org/ippools/',
      'changed /calico/resources/v3/projectcalico.org/ipreservations/',
    ],
  )
  t.end()
})

t.test('addresses in use are counted by pool and by range, those that cool down are not', (t) => {
  const world = usedWorld()
  const count = (pool: string | undefined, range?: string): unknown => {
    const { answer } = planCountHeld(
      world.view,
      { pool, range: range === undefined ? undefined : mustParseCidr(range) },
      world.context,
    )
    return answer.ok ? answer.value : answer.refusal.message
  }
  world.put(world.blockKey('10.0.0.248/29').text, '{')
  world.pool('around', '10.0.0.0/8')
  t.equal(count(undefined), 4)
  t.equal(count('a'), 3)
  t.equal(count('around'), 0, 'a block belongs to the first pool that it lies in')
  t.equal(count('six'), 1)
  t.equal(count(undefined, '10.0.0.8/30'), 2)
  t.equal(count(undefined, '10.0.0.10/32'), 1)
  t.equal(count('a', '10.0.0.8/31'), 1)
  t.equal(count('b', '10.0.0.8/31'), 0)
  t.equal(count(undefined, '10.0.0.248/29'), 0, 'nobody knows what an unreadable block holds')
  t.equal(count('nope'), 'Pool nope does not exist.')
  t.end()
})

t.test('the blocks with addresses on a node are found, with those that have changed and what cannot be read', (t) => {
  const world = usedWorld()
  const { blocks } = world.context
  const since = blocks.changes
  const on = (node: string, from = since): unknown =>
    planFindBlocksOnNode(world.view, { node, since: from }, world.context).answer?.map((key) =>
      key.replace(blockPrefix, ''),
    )
  t.strictSame(on('n1'), ['10.0.0.8-29'])
  t.strictSame(on('n2'), ['10.0.0.0-29', '/calico/ipam/v2/assignment/ipv6/block/fd00::-122'])
  t.strictSame(on('n3'), [])
  world.give('10.0.0.8', '10.0.0.10')
  t.strictSame(on('n1'), ['10.0.0.8-29'], 'it had addresses of the node before it changed')
  t.strictSame(on('n1', blocks.changes), [])
  world.put(`${blockPrefix}10.0.0.16-29`, 'broken')
  world.put(`${blockPrefix}nonsense`, '{}')
  t.strictSame(on('n3', blocks.changes), ['10.0.0.16-29', 'nonsense'])
  for (let turn = 0; turn < 600; turn++) blocks.changed(`${blockPrefix}10.0.0.24-29`, { kind: 'absent' })
  t.equal(on('n3'), undefined, 'too much has changed')
  t.end()
})
