import t from 'tap'
import { affinityText, Draft } from '../../src/ipam/draft.ts'
import { readPools } from '../../src/ipam/surroundings.ts'
import {
  affinityKey,
  assignAutomatically,
  handleKey,
  newBlock,
  type AffinityHost,
  poolKey,
} from '../../src/model/index.ts'
import { type Cidr, mustParseCidr } from '../../src/net/index.ts'
import type { Write } from '../../src/plan/index.ts'
import { S, World } from '../support/ipam-world.ts'

const cidr = mustParseCidr('10.10.0.8/29')
const text = '10.10.0.8/29'
const node1: AffinityHost = { type: 'host', name: 'node1' }
const loadBalancer: AffinityHost = { type: 'virtual', name: 'load-balancer' }
const claimKey = '/calico/ipam/v2/host/node1/ipv4/block/10.10.0.8-29'
const blockKeyText = '/calico/ipam/v2/assignment/ipv4/block/10.10.0.8-29'

function draftOf(world: World, cooldownSeconds = 0): Draft {
  return new Draft(world.view, world.context.now, cooldownSeconds)
}

function print(writes: readonly Write[]): readonly string[] {
  return writes.map((write) =>
    write.kind === 'put' ? `${write.key.text} = ${write.encode()}` : `${write.key.text} deleted`,
  )
}

function heldBlock(of: Cidr, host: AffinityHost | null) {
  return assignAutomatically(newBlock(of, host, { nanoseconds: S }), 1, () => false, { handle: 'h' }).block
}

t.test('nothing changed, nothing written', (t) => {
  const world = new World()
  world.block(text, 'host:node1')
  const draft = draftOf(world)
  t.equal(draft.block(cidr).kind, 'block')
  t.equal(draft.block(mustParseCidr('10.10.0.16/29')).kind, 'absent')
  t.strictSame(draft.writes(), [])
  t.end()
})

t.test('a block is loaded with its rested addresses freed, and what cannot be read says so', (t) => {
  const world = new World()
  world.block('10.10.0.8/30', null, {
    allocations: [0, 1, null, null],
    unallocated: [2, 3],
    attributes: [{ releasedAt: '2026-11-23T03:58:59Z' }, { releasedAt: '2026-11-23T03:59:30Z' }],
  })
  const found = draftOf(world, 60).block(mustParseCidr('10.10.0.8/30'))
  t.match(found, { kind: 'block', block: { allocations: [null, 0, null, null], unallocated: [2, 3, 0] } })
  world.put(blockKeyText, '{"cidr":"10.10.0.8/29"}')
  t.match(draftOf(world).block(cidr), { kind: 'unreadable', problem: /allocations/ })
  t.end()
})

t.test('a draft sees its own changes of blocks, and writes each once', (t) => {
  const world = new World()
  const draft = draftOf(world)
  t.equal(draft.block(cidr).kind, 'absent')
  const block = heldBlock(cidr, node1)
  draft.setBlock(block)
  t.strictSame(draft.block(cidr), { kind: 'block', block })
  const more = assignAutomatically(block, 1, () => false, { handle: 'g' }).block
  draft.setBlock(more)
  t.strictSame(draft.block(cidr), { kind: 'block', block: more })
  t.equal(draft.writes().length, 1)
  t.match(print(draft.writes()), [/^\/calico\/ipam\/v2\/assignment\/ipv4\/block\/10\.10\.0\.8-29 = .*"g"/])
  t.end()
})

t.test('a block that is empty and nobody’s is deleted, an empty one with an owner stays', (t) => {
  const world = new World()
  world.block(text, null)
  const draft = draftOf(world)
  draft.block(cidr)
  draft.setBlock(newBlock(cidr, null, { nanoseconds: S }))
  t.equal(draft.block(cidr).kind, 'absent')
  t.strictSame(print(draft.writes()), [`${blockKeyText} deleted`])
  draft.setBlock(newBlock(cidr, node1, { nanoseconds: S }))
  t.equal(draft.block(cidr).kind, 'block')
  draft.setBlock(heldBlock(cidr, null))
  t.equal(draft.block(cidr).kind, 'block')
  t.equal(draft.writes().length, 1)
  t.end()
})

t.test('a claim is confirmed whatever state it is in, and not written when it is', (t) => {
  const confirmed = `${claimKey} = {"state":"confirmed","deleted":false}`
  const cases: [stored: string | undefined, want: readonly string[]][] = [
    [undefined, [confirmed]],
    ['{"state":"pending","deleted":false}', [confirmed]],
    ['{"state":"pendingDeletion","deleted":false}', [confirmed]],
    [
      '{"state":"pending","deleted":false,"later":1}',
      [`${claimKey} = {"state":"confirmed","deleted":false,"later":1}`],
    ],
    ['{"state":"confirmed","deleted":false}', []],
    ['{"state":"","deleted":false}', []],
    ['', []],
    ['{"state":"unheard of","deleted":false}', []],
    ['[', []],
  ]
  for (const [stored, want] of cases) {
    const world = new World()
    if (stored !== undefined) world.put(claimKey, stored)
    const draft = draftOf(world)
    draft.confirmAffinity(node1, cidr)
    draft.confirmAffinity(node1, cidr)
    t.strictSame(print(draft.writes()), want, stored ?? 'none')
    t.ok(world.view.reads.has(claimKey))
  }
  t.end()
})

t.test('a claim is dropped when there is one, and left alone when it cannot be read', (t) => {
  const cases: [stored: string | undefined, want: readonly string[]][] = [
    [undefined, []],
    ['{"state":"pending","deleted":false}', [`${claimKey} deleted`]],
    ['{"state":"confirmed","deleted":false}', [`${claimKey} deleted`]],
    ['{"state":"unheard of","deleted":false}', []],
  ]
  for (const [stored, want] of cases) {
    const world = new World()
    if (stored !== undefined) world.put(claimKey, stored)
    const draft = draftOf(world)
    draft.dropAffinity(node1, cidr)
    draft.dropAffinity(node1, cidr)
    t.strictSame(print(draft.writes()), want, stored ?? 'none')
    t.equal(draft.affinity(node1, cidr), undefined)
  }
  t.end()
})

t.test('a claim that is dropped and made again is there', (t) => {
  const world = new World()
  world.claim('node1', text)
  const draft = draftOf(world)
  draft.dropAffinity(node1, cidr)
  draft.confirmAffinity(node1, cidr)
  t.match(draft.affinity(node1, cidr), { state: 'confirmed' })
  t.strictSame(print(draft.writes()), [`${claimKey} = {"state":"confirmed","deleted":false}`])
  t.end()
})

t.test('claims of hosts and of the load balancers are kept under keys of their own', (t) => {
  const world = new World()
  const draft = draftOf(world)
  draft.confirmAffinity(loadBalancer, cidr)
  t.match(print(draft.writes()), [
    '/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.10.0.8-29 = {"state":"confirmed","deleted":false}',
  ])
  t.equal(draft.writes()[0]?.key.text, affinityKey(loadBalancer, cidr).text)
  t.end()
})

t.test('a handle counts what is added, block by block', (t) => {
  const world = new World()
  world.handle('old', { '10.10.0.8/29': 2 })
  const draft = draftOf(world)
  draft.addToHandle('new', cidr, 3)
  draft.addToHandle('new', mustParseCidr('fd00::/122'), 1)
  draft.addToHandle('new', cidr, 1)
  draft.addToHandle('old', cidr, 1)
  t.strictSame(print(draft.writes()), [
    `${handleKey('new').text} = {"block":{"10.10.0.8/29":4,"fd00::/122":1},"deleted":false}`,
    `${handleKey('old').text} = {"block":{"10.10.0.8/29":3},"deleted":false}`,
  ])
  t.end()
})

t.test('a handle counts what it is said to hold, and is deleted when that is nothing', (t) => {
  const world = new World()
  world.handle('h', { '10.10.0.8/29': 64, '10.10.0.16/29': 1 })
  const draft = draftOf(world)
  draft.setHandleCounts('h', [[text, 2]])
  t.strictSame(print(draft.writes()), [
    `${handleKey('h').text} = {"block":{"10.10.0.16/29":1,"10.10.0.8/29":2},"deleted":false}`,
  ])
  draft.setHandleCounts('h', [[text, 0]])
  t.strictSame(print(draft.writes()), [`${handleKey('h').text} = {"block":{"10.10.0.16/29":1},"deleted":false}`])
  draft.setHandleCounts('h', [['10.10.0.16/29', 0]])
  t.strictSame(print(draft.writes()), [`${handleKey('h').text} deleted`])
  draft.setHandleCounts('h', [[text, 0]])
  t.strictSame(print(draft.writes()), [`${handleKey('h').text} deleted`])
  t.end()
})

t.test(
  'after a release a handle counts as much less, though not less than it holds, and nothing once it holds nothing',
  (t) => {
    const cases: [counted: number, released: number, held: number, want: number][] = [
      [3, 1, 2, 2],
      [64, 1, 2, 63],
      [1, 1, 2, 2],
      [0, 1, 2, 2],
      [64, 1, 0, 0],
    ]
    for (const [counted, released, held, want] of cases) {
      const world = new World()
      world.handle('h', counted === 0 ? {} : { [text]: counted })
      const draft = draftOf(world)
      draft.takeFromHandle('h', new Map([[text, { released, held }]]))
      const after = want === 0 ? 'deleted' : `= {"block":{"${text}":${String(want)}},"deleted":false}`
      t.strictSame(print(draft.writes()), [`${handleKey('h').text} ${after}`], String([counted, released, held]))
    }
    t.end()
  },
)

t.test('a release makes no handle where there is none, and nobody touches one that cannot be read', (t) => {
  const world = new World()
  world.put(handleKey('broken').text, '{"block":1}')
  const draft = draftOf(world)
  for (const handle of ['none', 'broken']) {
    draft.setHandleCounts(handle, [[text, 1]])
    draft.takeFromHandle(handle, new Map([[text, { released: 1, held: 1 }]]))
  }
  draft.addToHandle('broken', cidr, 1)
  t.strictSame(print(draft.writes()), [])
  t.end()
})

t.test('the pool that addresses come from is compared, so that it cannot vanish unseen', (t) => {
  const world = new World()
  world.pool('a', '10.10.0.0/24')
  const pool = readPools(world.view).all[0]
  t.notOk(world.view.reads.has(poolKey('a').text))
  if (pool !== undefined) draftOf(world).relyOn(pool)
  t.ok(world.view.reads.has(poolKey('a').text))
  t.end()
})

t.test('nobody’s affinity is null', (t) => {
  t.equal(affinityText(node1), 'host:node1')
  t.equal(affinityText(loadBalancer), 'virtual:load-balancer')
  t.equal(affinityText(undefined), null)
  t.end()
})

t.test('an affinity is dropped if it can be read, and deleted in any case', (t) => {
  const world = new World()
  world.put(claimKey, 'broken')
  const draft = draftOf(world)
  draft.dropAffinity(node1, cidr)
  t.strictSame(draft.writes(), [])
  draft.deleteAffinity(loadBalancer, cidr)
  t.strictSame(draft.writes(), [], 'there is none')
  draft.deleteAffinity(node1, cidr)
  t.strictSame(print(draft.writes()), [`${claimKey} deleted`])
  t.end()
})

t.test('a draft knows what it changes, and how many bytes that stores', (t) => {
  const world = new World()
  const draft = draftOf(world)
  t.strictSame([draft.changes(affinityKey(node1, cidr)), draft.bytes], [false, 0])
  draft.confirmAffinity(node1, cidr)
  t.strictSame([draft.changes(affinityKey(node1, cidr)), draft.bytes], [true, 37])
  draft.dropAffinity(node1, cidr)
  t.equal(draft.bytes, 0)
  t.end()
})

t.test('without a configuration that can be read, no address that cools down is taken for free', (t) => {
  const world = new World()
  const attributes = [{ releasedAt: '2020-01-01T00:00:00Z' }]
  world.block('10.10.0.8/30', null, { allocations: [0, null, null, null], unallocated: [1, 2, 3], attributes })
  const draft = new Draft(world.view, world.context.now, undefined)
  t.match(draft.block(mustParseCidr('10.10.0.8/30')), { block: { allocations: [0, null, null, null] } })
  t.end()
})
