import t from 'tap'
import { countHolders, mostOf, planCountNodes, planMatchNodes } from '../../../src/ipam/index.ts'
import { type Block, newBlock } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import { parseSelector } from '../../../src/selector/index.ts'
import { World } from '../../support/ipam-world.ts'

t.test('the nodes with addresses of a pool are counted in its blocks', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 26 })
  world.pool('inner', '10.0.0.64/26', { blockSize: 26 })
  world.take({ addresses: ['10.0.0.1', '10.0.0.2', '10.0.0.65'], node: 'n1' })
  world.take({ addresses: ['10.0.0.3', '10.0.0.130'], node: 'n2' })
  world.take({ addresses: ['10.0.0.4'] })
  const counts = (name: string, cidr: string) =>
    mostOf(planCountNodes(world.view, { name, cidr: mustParseCidr(cidr) }, world.context).answer, 10).map(
      (one) => [one.name, one.addresses] as const,
    )
  t.strictSame(counts('a', '10.0.0.0/24'), [
    ['n1', 3],
    ['n2', 2],
    [undefined, 1],
  ])
  t.strictSame(counts('inner', '10.0.0.64/26'), [], 'a block counts towards the first pool')
  t.end()
})

t.test('the holders of a block are counted by handle and by node, those that may be listed', (t) => {
  const attributes = [
    { handle: 'A', active: { node: 'n1' } },
    { handle: 'b', active: {} },
    { active: { node: 'n1' } },
    { handle: 'c', releasedAt: '2026-11-23T04:00:00Z' },
    { handle: 'd' },
  ] as unknown as Block['attributes']
  const block = {
    ...newBlock(mustParseCidr('10.1.0.0/29'), null, { nanoseconds: 0n }),
    attributes,
    allocations: [0, 0, 1, 2, 3, null, 4, 9],
  }
  const all = (): boolean => true
  const whole = mustParseCidr('10.1.0.0/24')
  const count = (by: 'handle' | 'node', range = whole, isListed: (handle: string | undefined) => boolean = all) => [
    ...countHolders(block, by, range, isListed),
  ]
  t.strictSame(count('handle'), [
    ['A', 2],
    ['b', 1],
    [undefined, 1],
    ['d', 1],
  ])
  t.strictSame(count('node'), [
    ['n1', 3],
    [undefined, 2],
  ])
  t.strictSame(count('handle', mustParseCidr('10.1.0.0/30')).at(-1), [undefined, 1])
  t.strictSame(
    count('handle', whole, (handle) => handle === 'b'),
    [['b', 1]],
  )
  t.strictSame(countHolders({ ...block, attributes: null }, 'handle', whole, all).size, 0)
  t.end()
})

t.test('those with the most come first, and with the same number by name', (t) => {
  const counts = new Map([
    ['b', 2],
    ['a', 2],
    [undefined, 2],
    ['c', 3],
    ['d', 1],
  ])
  t.strictSame(
    mostOf(counts, 4).map(({ name, addresses }) => `${name} ${addresses}`),
    ['c 3', 'undefined 2', 'a 2', 'b 2'],
  )
  t.end()
})

t.test('a selector matches registered nodes by their labels', (t) => {
  const world = new World()
  for (const [name, zone] of [
    ['n1', 'a'],
    ['n2', 'b'],
    ['n3', 'a'],
  ] as const)
    world.node(name, { zone })
  world.put('/calico/resources/v3/projectcalico.org/nodes/broken', '{')
  const match = (text: string, limit = 10) => {
    const parsed = parseSelector(text)
    if (!parsed.ok) throw new Error(parsed.error.message)
    return planMatchNodes(world.view, parsed.selector, limit).answer
  }
  t.strictSame(match("zone == 'a'"), { nodes: ['n1', 'n3'], matched: 2, total: 3 })
  t.strictSame(match('all()', 1), { nodes: ['n1'], matched: 3, total: 3 })
  t.end()
})

t.test('of holders with as many addresses, those without a name come first, and then by name', (t) => {
  for (const names of [
    ['b', undefined, 'a'],
    ['a', 'b', undefined],
    [undefined, 'a', 'b'],
  ]) {
    const order = mostOf(new Map(names.map((name) => [name, 1])), 10).map(({ name }) => name)
    t.strictSame(order, [undefined, 'a', 'b'])
  }
  t.end()
})
