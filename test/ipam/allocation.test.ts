import t from 'tap'
import {
  allocationOf,
  allocationsOf,
  assignedAtOf,
  holderOf,
  nodeUsing,
  ordinalsOfNode,
  ordinalsWhere,
} from '../../src/ipam/allocation.ts'
import { assignAutomatically, newBlock } from '../../src/model/index.ts'
import { mustParseAddress, mustParseCidr, ordinal } from '../../src/net/index.ts'
import { requestOf, S } from '../support/ipam-world.ts'

t.test('the node is stored among the attributes, where Calico looks for it', (t) => {
  const attributes = { tenant: 'blue' }
  t.strictSame(holderOf(requestOf({ handle: 'vm-42', attributes })), {
    handle: 'vm-42',
    attributes: { tenant: 'blue' },
  })
  t.strictSame(holderOf(requestOf({ handle: 'vm-42', attributes, node: 'node1' })), {
    handle: 'vm-42',
    attributes: { tenant: 'blue', node: 'node1' },
  })
  t.strictSame(holderOf(requestOf({ handle: 'vm-42' })), { handle: 'vm-42', attributes: {} })
  t.end()
})

t.test('callers see the node beside the other attributes, and every name that they gave', (t) => {
  const block = newBlock(mustParseCidr('10.10.0.8/29'), null, { nanoseconds: S })
  const attributes = JSON.parse('{"__proto__":"a","constructor":"b"}') as Record<string, string>
  const holder = holderOf(requestOf({ handle: 'vm-42', attributes, node: 'node1' }))
  const { block: held } = assignAutomatically(block, 1, () => false, holder)
  const allocation = allocationOf(held, ordinal(0), 'pool-a')
  t.strictSame(Object.entries(allocation.attributes), [
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ])
  t.strictSame(
    { ...allocation, attributes: {} },
    {
      address: mustParseAddress('10.10.0.8'),
      block: mustParseCidr('10.10.0.8/29'),
      pool: 'pool-a',
      node: 'node1',
      handle: 'vm-42',
      sequenceNumber: S,
      attributes: {},
    },
  )
  t.end()
})

t.test('an address may be held without a handle, a node, attributes and a pool', (t) => {
  const block = newBlock(mustParseCidr('fd00::/122'), null, { nanoseconds: S })
  const { block: held } = assignAutomatically(block, 2, () => false, {})
  t.strictSame(allocationOf(held, ordinal(1), undefined), {
    address: mustParseAddress('fd00::1'),
    block: mustParseCidr('fd00::/122'),
    pool: undefined,
    node: undefined,
    handle: undefined,
    sequenceNumber: S,
    attributes: {},
  })
  t.end()
})

t.test('what one holder has of a block is told as address by address', (t) => {
  const block = newBlock(mustParseCidr('10.10.0.8/29'), null, { nanoseconds: S })
  const holder = holderOf(requestOf({ handle: 'vm-42', attributes: { tenant: 'blue' }, node: 'node1' }))
  const { block: held, ordinals } = assignAutomatically(block, 3, () => false, holder)
  t.strictSame(
    allocationsOf(held, ordinals, 'pool-a', holder),
    ordinals.map((place) => allocationOf(held, place, 'pool-a')),
  )
  t.equal(ordinals.length, 3)
  t.end()
})

t.test(
  'a node uses addresses by their attributes, but none that cool down, that Windows keeps or that are virtual',
  (t) => {
    const block = newBlock(mustParseCidr('10.10.0.8/29'), null, { nanoseconds: S })
    const holder = (node: string) => holderOf(requestOf({ handle: `vm-${node}`, node }))
    const one = assignAutomatically(block, 2, () => false, holder('node1')).block
    const { block: both } = assignAutomatically(one, 1, () => false, holder('node2'))
    t.strictSame(ordinalsOfNode(both, 'node1'), [0, 1])
    t.strictSame(ordinalsOfNode(both, 'node2'), [2])
    t.strictSame(
      ordinalsWhere(both, () => true),
      [0, 1, 2],
    )
    const active = { node: 'node1' }
    t.equal(nodeUsing(both, { active }), 'node1')
    t.equal(nodeUsing(both, {}), undefined)
    t.equal(nodeUsing(both, { active, releasedAt: '2026-11-23T04:00:00Z' }), undefined)
    t.equal(nodeUsing(both, { active, handle: 'windows-reserved-ipam-handle' }), undefined)
    t.equal(nodeUsing({ ...both, affinity: 'virtual:load-balancer' }, { active }), undefined)
    t.strictSame(ordinalsOfNode({ ...block, attributes: null }, 'node1'), [])
    t.end()
  },
)

t.test('the time of an assignment is known where Calico or the caller noted it', (t) => {
  const nanoseconds = 1795406401500000000n
  t.strictSame(assignedAtOf({ timestamp: '2026-11-23 04:00:01.5 +0000 UTC' }), { nanoseconds })
  t.strictSame(assignedAtOf({ timestamp: '2026-11-23T04:00:01.5Z' }), { nanoseconds })
  t.equal(assignedAtOf({ timestamp: 'yesterday' }), undefined)
  t.equal(assignedAtOf({ tenant: 'blue' }), undefined)
  t.end()
})
