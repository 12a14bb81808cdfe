import t from 'tap'
import { countNodes, countPools, sumByNode } from '../../src/metrics/figures.ts'
import { type Block, BlockIndex, blockKey, type Pool, poolOf } from '../../src/model/index.ts'
import { CidrSet, mustParseCidr } from '../../src/net/index.ts'
import { blockOf } from '../support/indexed-blocks.ts'

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

/** A block of four addresses; `held` has the node of the holder of each, undefined for one who names none. */
function block(cidr: string, affinity: string | null, held: readonly (string | undefined)[]): Block {
  return {
    ...blockOf(cidr, null),
    affinity,
    allocations: [0, 1, 2, 3].map((place) => (place < held.length ? place : null)),
    attributes: held.map((node, place) => ({ handle: `h${place}`, ...(node !== undefined && { active: { node } }) })),
  }
}

function indexOf(...blocks: readonly Block[]): BlockIndex {
  const index = new BlockIndex()
  for (const value of blocks) index.changed(blockKey(value.cidr).text, { kind: 'value', value })
  return index
}

t.test('what nodes have of pools is counted as Calico counts it', (t) => {
  const pools = [pool('outer', '10.0.0.0/16'), pool('six', 'fd00::/64'), pool('inner', '10.0.1.0/24')]
  const index = indexOf(
    block('10.0.0.0/30', 'host:a', ['a', 'b', undefined]),
    block('10.0.1.0/30', 'host:b', ['b', 'b']),
    block('10.0.2.0/30', null, ['a']),
    block('10.0.3.0/30', 'virtual:load-balancer', []),
    block('10.9.0.0/30', 'host:a', ['a']),
    block('fd00::/126', 'host:b', ['a', 'b']),
  )
  const figures = countNodes(pools, index)
  t.strictSame(
    figures.map(({ ippool, node, inUse, borrowed, blocks }) => [ippool, node, inUse, borrowed, blocks]),
    [
      ['outer', 'a', 2, 1, 1],
      ['outer', 'b', 1, 1, 0],
      ['outer', 'unknown_node', 1, 0, 0],
      ['outer', 'no_affinity', 0, 0, 2],
      ['inner', 'b', 2, 0, 1],
      ['no_ippool', 'a', 1, 0, 1],
      ['six', 'b', 1, 0, 1],
      ['six', 'a', 1, 1, 0],
    ],
  )
  t.strictSame(
    sumByNode(figures).map(({ node, inUse, borrowed, blocks }) => [node, inUse, borrowed, blocks]),
    [
      ['a', 4, 2, 2],
      ['b', 4, 1, 2],
      ['unknown_node', 1, 0, 0],
      ['no_affinity', 0, 0, 2],
    ],
  )
  t.end()
})

t.test('a pool has the figures of the utilization', (t) => {
  const index = indexOf(block('10.0.0.0/30', 'host:a', ['a', 'b']), block('10.0.0.4/30', null, []))
  const terms = { reserved: CidrSet.of([mustParseCidr('10.0.0.6/31')]), cooledBefore: 0n }
  t.strictSame(countPools([pool('blue', '10.0.0.0/28')], index, terms), [
    { ippool: 'blue', size: 16, inUse: 2, cooling: 0, reserved: 2, available: 12, blocks: 2 },
  ])
  t.equal(countPools([pool('six', 'fd00::/64')], index, terms)[0]?.size, 2 ** 64)
  t.end()
})
