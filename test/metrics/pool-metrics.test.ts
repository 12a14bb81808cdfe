import fc from 'fast-check'
import t from 'tap'
import { countInRange } from '../../src/ipam/index.ts'
import { PoolMetrics } from '../../src/metrics/pool-metrics.ts'
import {
  type Availability,
  type Block,
  BlockIndex,
  blockKey,
  type IndexedBlock,
  parseAffinity,
  type Pool,
  poolOf,
} from '../../src/model/index.ts'
import { CidrSet, covers, mustParseCidr } from '../../src/net/index.ts'
import { blockOf } from '../support/indexed-blocks.ts'
import { samplesIn } from '../support/metrics.ts'

function pool(name: string, cidr: string): Pool {
  const decoded = poolOf({
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name },
    spec: { cidr },
  })
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

/** A block; `held` has the node of the holder of each of its first addresses, undefined for one who names none. */
function block(cidr: string, affinity: string | null, held: readonly (string | undefined)[]): Block {
  const size = 2 ** ((cidr.includes(':') ? 128 : 32) - Number(cidr.split('/')[1]))
  return {
    ...blockOf(cidr, null),
    affinity,
    allocations: Array.from({ length: size }, (_, place) => (place < held.length ? place : null)),
    unallocated: [],
    attributes: held.map((node, place) => ({ handle: `h${place}`, ...(node !== undefined && { active: { node } }) })),
  }
}

const nothingReserved: Availability = { reserved: CidrSet.of([]), cooledBefore: 0n }

/** An index of blocks, and the metrics that are kept beside it. */
class World {
  readonly index = new BlockIndex()
  readonly metrics: PoolMetrics
  pools: readonly Pool[] = []
  terms = nothingReserved

  constructor(hasNodes = true) {
    this.metrics = new PoolMetrics(this.index, hasNodes)
  }

  put(value: Block): void {
    const { text } = blockKey(value.cidr)
    this.index.changed(text, { kind: 'value', value })
    this.metrics.blockChanged(text)
  }

  drop(cidr: string): void {
    const { text } = blockKey(mustParseCidr(cidr))
    this.index.changed(text, { kind: 'absent' })
    this.metrics.blockChanged(text)
  }

  read(): ReadonlyMap<string, number> {
    return samplesIn(this.metrics.print(this.pools, this.terms, 'text/plain'))
  }
}

t.test('what nodes have of pools is counted as Calico counts it', (t) => {
  const world = new World()
  world.pools = [pool('outer', '10.0.0.0/16'), pool('six', 'fd00::/64'), pool('inner', '10.0.1.0/24')]
  for (const value of [
    block('10.0.0.0/30', 'host:a', ['a', 'b', undefined]),
    block('10.0.1.0/30', 'host:b', ['b', 'b']),
    block('10.0.2.0/30', null, ['a']),
    block('10.0.3.0/30', 'virtual:load-balancer', []),
    block('10.9.0.0/30', 'host:a', ['a']),
    block('fd00::/126', 'host:b', ['a', 'b']),
  ])
    world.put(value)
  const samples = world.read()
  const of = (name: string): Readonly<Record<string, number>> =>
    Object.fromEntries([...samples].filter(([text]) => text.startsWith(`${name}{`)))
  t.strictSame(of('ipam_allocations_in_use'), {
    'ipam_allocations_in_use{ippool="outer",node="a"}': 2,
    'ipam_allocations_in_use{ippool="outer",node="b"}': 1,
    'ipam_allocations_in_use{ippool="outer",node="unknown_node"}': 1,
    'ipam_allocations_in_use{ippool="outer",node="no_affinity"}': 0,
    'ipam_allocations_in_use{ippool="inner",node="b"}': 2,
    'ipam_allocations_in_use{ippool="no_ippool",node="a"}': 1,
    'ipam_allocations_in_use{ippool="six",node="b"}': 1,
    'ipam_allocations_in_use{ippool="six",node="a"}': 1,
  })
  t.match(of('ipam_allocations_borrowed'), {
    'ipam_allocations_borrowed{ippool="outer",node="a"}': 1,
    'ipam_allocations_borrowed{ippool="outer",node="b"}': 1,
    'ipam_allocations_borrowed{ippool="outer",node="unknown_node"}': 0,
    'ipam_allocations_borrowed{ippool="inner",node="b"}': 0,
    'ipam_allocations_borrowed{ippool="six",node="a"}': 1,
  })
  t.strictSame(of('ipam_blocks_per_node'), {
    'ipam_blocks_per_node{node="a"}': 2,
    'ipam_blocks_per_node{node="b"}': 2,
    'ipam_blocks_per_node{node="no_affinity"}': 2,
    'ipam_blocks_per_node{node="unknown_node"}': 0,
  })
  t.match(of('ipam_allocations_per_node'), { 'ipam_allocations_per_node{node="a"}': 4 })
  t.equal(samples.get('ipam_ippool_size{ippool="six"}'), 2 ** 64)
  t.end()
})

t.test('without the series of nodes, pools have their sums', (t) => {
  const world = new World(false)
  world.pools = [pool('blue', '10.0.0.0/28')]
  world.terms = { reserved: CidrSet.of([mustParseCidr('10.0.0.6/31')]), cooledBefore: 0n }
  world.put(block('10.0.0.0/30', 'host:a', ['a', 'b']))
  t.strictSame(Object.fromEntries(world.read()), {
    'ipam_ippool_size{ippool="blue"}': 16,
    'ipam_ippool_reserved{ippool="blue"}': 2,
    'ippoold_pool_addresses{ippool="blue",state="in_use"}': 2,
    'ippoold_pool_addresses{ippool="blue",state="cooling"}': 0,
    'ippoold_pool_addresses{ippool="blue",state="reserved"}': 2,
    'ippoold_pool_addresses{ippool="blue",state="available"}': 12,
    'ipam_allocations_in_use{ippool="blue"}': 2,
    'ipam_blocks{ippool="blue"}': 1,
  })
  t.end()
})

t.test('addresses that have cooled down are told without any change', (t) => {
  const world = new World()
  world.pools = [pool('blue', '10.0.0.0/30')]
  const released = { handle: 'h', releasedAt: '2026-01-01T00:00:00Z' }
  world.put({ ...block('10.0.0.0/30', 'host:a', ['a']), attributes: [released] })
  const state = (name: string): number | undefined =>
    world.read().get(`ippoold_pool_addresses{ippool="blue",state="${name}"}`)
  t.equal(state('cooling'), 1)
  world.terms = { ...nothingReserved, cooledBefore: 2_000_000_000_000_000_000n }
  t.equal(state('cooling'), 0)
  t.equal(state('available'), 4)
  t.end()
})

/** Everything counted anew, by the plainest means. */
function countAnew({ index, pools, terms }: World): ReadonlyMap<string, number> {
  const samples = new Map<string, number>()
  const add = (name: string, count: number): void => {
    samples.set(name, (samples.get(name) ?? 0) + count)
  }
  for (const { name, cidr } of pools) {
    const counts = countInRange(cidr, index, terms)
    add(`ipam_ippool_size{ippool="${name}"}`, Number(counts.capacity))
    add(`ipam_ippool_reserved{ippool="${name}"}`, Number(counts.reserved))
    const { inUse, cooling, reserved, available } = counts
    for (const [state, count] of Object.entries({ in_use: inUse, cooling, reserved, available }))
      add(`ippoold_pool_addresses{ippool="${name}",state="${state}"}`, Number(count))
  }
  const innermost = ({ cidr }: IndexedBlock): string => {
    const around = pools.filter((pool) => covers(pool.cidr, cidr))
    return around.toSorted((one, other) => other.cidr.prefixLength - one.cidr.prefixLength)[0]?.name ?? 'no_ippool'
  }
  for (const entry of index.after()) {
    const ippool = innermost(entry)
    const host = entry.affinity === null ? undefined : parseAffinity(entry.affinity)
    const owner = host?.type === 'host' ? host.name : undefined
    const addAll = (node: string, inUse: number, borrowed: number, blocks: number): void => {
      for (const [suffix, labels] of [
        ['', `ippool="${ippool}",node="${node}"`],
        ['_per_node', `node="${node}"`],
      ]) {
        add(`ipam_allocations_in_use${suffix}{${labels}}`.replace('in_use_per', 'per'), inUse)
        add(`ipam_allocations_borrowed${suffix}{${labels}}`, borrowed)
        add(`ipam_blocks${suffix}{${labels}}`, blocks)
      }
    }
    addAll(owner ?? 'no_affinity', 0, 0, 1)
    for (const { node, count } of entry.held)
      addAll(node ?? 'unknown_node', count, node !== undefined && node !== owner ? count : 0, 0)
  }
  return samples
}

t.test('after any changes, the metrics are those of a count of everything', async () => {
  const cidr = fc.constantFrom(
    ...['10.0.0.0/30', '10.0.0.4/30', '10.0.0.0/29', '10.0.0.8/29', '10.0.0.16/28', '10.0.1.0/30', '10.0.0.20/32'],
    ...['fd00::/126', 'fd00::4/126', 'fd00::/125'],
  )
  const node = fc.constantFrom('a', 'b', undefined)
  const put = fc.record({
    cidr,
    affinity: fc.constantFrom('host:a', 'host:b', 'virtual:x', null),
    held: fc.array(node, { maxLength: 8 }),
  })
  const ranges = fc.subarray([
    '10.0.0.0/24',
    '10.0.0.0/28',
    '10.0.0.0/29',
    '10.0.0.4/30',
    '10.0.0.8/31',
    '10.0.0.20/32',
    'fd00::/64',
    'fd00::4/126',
  ])
  const step = fc.oneof(
    put.map((one) => (world: World) => world.put(block(one.cidr, one.affinity, one.held))),
    cidr.map((one) => (world: World) => world.drop(one)),
    ranges.map((chosen) => (world: World) => {
      world.pools = chosen.map((range) => pool(`of-${range.replaceAll(/\W/g, '-')}`, range))
    }),
    fc.constant((world: World) => {
      // The name of a pool may come back with another range.
      world.pools = world.pools.map(({ name }, index) => pool(name, `10.0.${index}.0/27`))
    }),
    cidr.map((range) => (world: World) => {
      world.terms = { ...nothingReserved, reserved: CidrSet.of([mustParseCidr(range)]) }
    }),
    fc.constant((world: World) => void world.read()),
    fc.constant((world: World) => world.metrics.catchUp(world.pools, world.terms)),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = new World()
      for (const take of steps) await take(world)
      const sorted = (samples: ReadonlyMap<string, number>) => [...samples].toSorted(([a], [b]) => (a < b ? -1 : 1))
      const read = sorted(world.read())
      const counted = sorted(countAnew(world))
      if (JSON.stringify(read) !== JSON.stringify(counted)) {
        throw new Error(`${JSON.stringify(read)}\nis not\n${JSON.stringify(counted)}`)
      }
    }),
    { numRuns: 500 },
  )
})
