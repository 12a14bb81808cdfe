import t from 'tap'
import { releaseBlock } from '../../../src/ipam/blocks/index.ts'
import { Draft } from '../../../src/ipam/draft.ts'
import { planReleaseBlocks, planRemoveNode, type ReleaseScope } from '../../../src/ipam/index.ts'
import { formatCidr, mustParseCidr } from '../../../src/net/index.ts'
import { reasonsOf, World } from '../../support/ipam-world.ts'
import { worldWithPool } from '../../support/small-pool.ts'

type Scope = Omit<Partial<ReleaseScope>, 'cidr'> & { readonly cidr?: string; readonly removed?: string }

/** What one step did: `-` released and gone, `~` released, `?` stale, `!` failed; of a refusal the reasons. */
function step(world: World, { cidr, removed, ...scope }: Scope, start: string): readonly string[] {
  world.view.reads.clear()
  const range = cidr === undefined ? undefined : mustParseCidr(cidr)
  const plan =
    removed === undefined
      ? planReleaseBlocks(world.view, { onlyIfEmpty: false, ...scope, cidr: range }, start, world.context)
      : planRemoveNode(world.view, removed, start, world.context)
  const answer = world.commit(plan)
  if (!answer.ok) return reasonsOf(answer.refusal)
  const { answer: done, next } = answer.value
  const { released, stale, failed } = done
  return [
    ...released.map(({ block, affinity, isDeleted }) => `${isDeleted ? '-' : '~'}${formatCidr(block)} ${affinity}`),
    ...stale.map(({ block, affinity }) => `?${formatCidr(block)} ${affinity}`),
    ...failed.map(({ block, reason }) => `!${formatCidr(block)} ${reason}`),
    ...(next === undefined ? [] : [`next ${next}`]),
  ]
}

/** All steps, one after the other. */
function release(world: World, scope: Scope): readonly string[] {
  const done: string[] = []
  for (let start: string | undefined = ''; start !== undefined; ) {
    const told = step(world, scope, start)
    const last = told.at(-1)
    start = last?.startsWith('next ') === true ? last.slice('next '.length) : undefined
    done.push(...(start === undefined ? told : told.slice(0, -1)))
  }
  return done
}

/** Blocks of node1 (one used, one empty), of node2 and of the load balancer, one of nobody; and one of node1 in no pool. */
function claimedWorld(): World {
  const world = worldWithPool()
  world.pool('lb', '10.1.0.0/30', { blockSize: 30, allowedUses: ['LoadBalancer'] })
  world.pool('six', 'fd00::/120')
  world.take({ node: 'node1', addresses: ['10.0.0.0', '10.0.0.4', 'fd00::1'] })
  world.give('10.0.0.4')
  world.take({ node: 'node2', addresses: ['10.0.0.8'] })
  world.take({ addresses: ['10.0.0.12'] })
  world.take({ use: 'LoadBalancer', pools: ['lb'] })
  world.block('192.0.2.0/30', 'host:node1')
  return world
}

const ofNode1 = ['~10.0.0.0/30 host:node1', '-10.0.0.4/30 host:node1'] as const

t.test('claims are given up by node, by range, by pool, and by all of them at once', (t) => {
  const cases: [scope: Scope, want: readonly string[]][] = [
    [{ node: 'node1' }, [...ofNode1, '-192.0.2.0/30 host:node1', '~fd00::/122 host:node1']],
    [{ node: 'node1', pool: 'a' }, ofNode1],
    [{ node: 'node1', cidr: '10.0.0.4/30' }, [ofNode1[1]]],
    [{ node: 'node1', pool: 'a', cidr: '10.0.0.0/29' }, ofNode1],
    [{ node: 'node2', cidr: '10.0.0.0/29' }, []],
    [{ node: 'node3' }, []],
    [{ cidr: '10.0.0.4/30' }, [ofNode1[1]]],
    [{ cidr: '10.0.0.12/30' }, []],
    [{ cidr: '192.0.2.0/24' }, ['-192.0.2.0/30 host:node1']],
    [{ pool: 'a' }, [...ofNode1, '~10.0.0.8/30 host:node2']],
    [{ pool: '10.1.0.0/30' }, ['~10.1.0.0/30 virtual:load-balancer']],
    [{ pool: 'six' }, ['~fd00::/122 host:node1']],
  ]
  for (const [scope, want] of cases) {
    const world = claimedWorld()
    t.strictSame(release(world, scope), want, JSON.stringify(scope))
    const before = world.dump()
    t.strictSame(release(world, scope), [], 'and again')
    t.strictSame(world.dump(), before)
  }
  t.end()
})

t.test('an empty block is gone with its claim; one in use keeps its addresses and belongs to nobody', (t) => {
  const world = claimedWorld()
  release(world, { node: 'node1' })
  t.equal(world.stored('10.0.0.4/30'), undefined)
  t.match(world.stored('10.0.0.0/30'), { affinity: null, affinityClaimTime: undefined })
  t.strictSame(world.view.keys('/calico/ipam/v2/host/node1/'), [])
  t.strictSame(world.give('10.0.0.0').released, ['10.0.0.0'])
  t.equal(world.stored('10.0.0.0/30'), undefined, 'until the last of them is released')
  t.end()
})

t.test('only empty blocks are given up on request, and one that is not holds up no other', (t) => {
  const world = claimedWorld()
  t.strictSame(release(world, { node: 'node1', onlyIfEmpty: true }), [
    '-10.0.0.4/30 host:node1',
    '-192.0.2.0/30 host:node1',
    '!10.0.0.0/30 NotEmpty',
    '!fd00::/122 NotEmpty',
  ])
  t.equal(world.claimState('node1', '10.0.0.0/30'), 'confirmed')
  world.config({ ipCooldownSeconds: 60 })
  world.give('10.0.0.0')
  t.strictSame(release(world, { cidr: '10.0.0.0/30', onlyIfEmpty: true }), ['!10.0.0.0/30 NotEmpty'], 'cooling down')
  world.passSeconds(62)
  t.strictSame(release(world, { cidr: '10.0.0.0/30', onlyIfEmpty: true }), ['-10.0.0.0/30 host:node1'])
  t.end()
})

/** docs/calico/ipam.md section 6.4: the key's state, whose the block is, what a release for node1 says. */
const halfWay: readonly [key: string | undefined, block: string | null | undefined, want: string | undefined][] = [
  ['pending', undefined, '?10.0.0.4/30 host:node1'],
  ['confirmed', undefined, '?10.0.0.4/30 host:node1'],
  ['confirmed', 'host:node2', '?10.0.0.4/30 host:node1'],
  ['pendingDeletion', null, '?10.0.0.4/30 host:node1'],
  ['pendingDeletion', 'host:node1', '-10.0.0.4/30 host:node1'],
  ['pending', 'host:node1', '-10.0.0.4/30 host:node1'],
  [undefined, 'host:node1', '-10.0.0.4/30 host:node1'],
  [undefined, 'host:node2', undefined],
]
for (const [key, block, want] of halfWay) {
  t.test(`a claim ${String(key)} on a block of ${String(block)} is cleared up`, (t) => {
    for (const scope of [{ node: 'node1' }, { node: 'node1', cidr: '10.0.0.0/29' }]) {
      const world = worldWithPool()
      if (block !== undefined) world.block('10.0.0.4/30', block)
      if (key !== undefined) world.claim('node1', '10.0.0.4/30', key)
      t.strictSame(release(world, scope), want === undefined ? [] : [want])
      t.equal(world.claimState('node1', '10.0.0.4/30'), undefined)
      t.equal(world.stored('10.0.0.4/30')?.affinity, block === 'host:node2' ? block : undefined)
    }
    t.end()
  })
}

t.test('a block whose owner nobody understands is given up by place only', (t) => {
  const world = worldWithPool()
  world.block('10.0.0.4/30', 'nonsense')
  t.strictSame(release(world, { node: 'nonsense' }), [])
  t.strictSame(release(world, { pool: 'a' }), ['-10.0.0.4/30 nonsense'])
  t.end()
})

t.test('what cannot be read is told of and left alone', (t) => {
  const world = claimedWorld()
  world.put(world.blockKey('10.0.0.0/30').text, '{')
  world.put(world.claimKey('node2', '10.0.0.12/30'), '[]')
  t.strictSame(release(world, { pool: 'a' }), [
    '-10.0.0.4/30 host:node1',
    '~10.0.0.8/30 host:node2',
    '!10.0.0.0/30 Unreadable',
    '!10.0.0.12/30 Unreadable',
  ])
  t.equal(world.claimState('node1', '10.0.0.0/30'), 'confirmed')
  t.strictSame(release(world, { node: 'node1', pool: 'a' }), ['!10.0.0.0/30 Unreadable'])
  for (let number = 0; number < 75; number++) world.put(world.claimKey('node3', `10.0.0.${number}/32`), '[]')
  t.equal(new Set(release(world, { node: 'node3' })).size, 75, 'each once, over several steps')
  t.end()
})

t.test('what the index of blocks has yet to hear of is not taken on its word', (t) => {
  const world = claimedWorld()
  world.beginBatch()
  t.strictSame(release(world, { cidr: '10.0.0.4/30' }), ['-10.0.0.4/30 host:node1'])
  t.strictSame(step(world, { cidr: '10.0.0.4/30' }, ''), [], 'gone since')
  t.strictSame(release(world, { cidr: '10.0.0.0/30' }), ['~10.0.0.0/30 host:node1'])
  t.strictSame(step(world, { cidr: '10.0.0.0/30' }, ''), [], 'of nobody since')
  world.endBatch()
  const other = world.view.text(world.blockKey('10.0.0.8/30').text) ?? ''
  world.view.putText(world.blockKey('10.0.0.8/30').text, other.replace('host:node2', 'host:node1'))
  t.strictSame(step(world, { node: 'node2' }, ''), [], 'of somebody else since')
  world.claim('node1', '10.0.0.8/30')
  t.strictSame(step(world, { node: 'node1', pool: 'a' }, ''), ['~10.0.0.8/30 host:node1'], 'theirs since')
  t.end()
})

t.test('nothing that a node has been given is missed, though the index of blocks has yet to hear of it', (t) => {
  const world = worldWithPool()
  world.take({ node: 'node1', addresses: ['10.0.0.0'] })
  world.beginBatch()
  world.take({ node: 'node1', addresses: ['10.0.0.4'] })
  t.strictSame(step(world, { removed: 'node1' }, ''), ['~10.0.0.0/30 host:node1', '~10.0.0.4/30 host:node1'])
  for (const family of [4, 6]) t.ok(world.lastReads.has(`created /calico/ipam/v2/host/node1/ipv${family}/block/`))
  t.equal(world.claimState('node1', '10.0.0.4/30'), undefined)
  step(world, { pool: 'a' }, '')
  t.ok(world.lastReads.has('created /calico/ipam/v2/assignment/'), 'of all owners the index must know of every block')
  t.end()
})

t.test('very many blocks take steps, each of which fits into a transaction', (t) => {
  const world = new World()
  world.pool('wide', '10.1.0.0/24', { blockSize: 30 })
  for (let number = 0; number < 64; number++) {
    const cidr = `10.1.0.${number * 4}/30`
    world.block(cidr, 'host:node1')
    world.claim('node1', cidr)
    world.claim('node2', cidr)
  }
  t.equal(step(world, { pool: 'wide' }, '').at(-1), 'next block 10.1.0.232/30')
  t.ok(world.lastReads.size < 126, `${world.lastReads.size} reads`)
  const second = step(world, { pool: 'wide' }, 'block 10.1.0.232/30')
  t.equal(second.filter((line) => line.startsWith('-')).length, 5)
  world.block('10.1.1.0/30', 'host:node1')
  world.block('fd00::/122', 'host:node1')
  t.match(second.at(-1), /^next claim \/calico\/ipam\/v2\/host\/node2\/ipv4\/block\/10\.1\.0\./)
  const rest = release(world, { pool: 'wide' })
  t.equal(rest.length, 64 - second.filter((line) => line.startsWith('?')).length)
  t.match(world.view.keys('/calico/ipam/v2/'), [/10\.1\.1\.0-30$/, /fd00::-122$/], 'and nothing beside the pool')
  t.end()
})

t.test('a node with more blocks than a transaction has keys gives up all of them', (t) => {
  const world = new World()
  world.pool('wide', '10.1.0.0/22', { blockSize: 30 })
  const cidrs = Array.from({ length: 130 }, (_, number) => `10.1.${number >> 6}.${(number & 63) * 4}/30`)
  for (const cidr of cidrs) world.block(cidr, 'host:node1')
  t.strictSame(
    release(world, { node: 'node1' }),
    cidrs.map((cidr) => `-${cidr} host:node1`),
  )
  t.strictSame(world.view.keys('/calico/ipam/v2/'), [])
  t.end()
})

t.test('a step that begins at a block ends with the range', (t) => {
  const world = new World()
  world.pool('wide', '10.1.0.0/29', { blockSize: 30 })
  for (const cidr of ['10.1.0.0/30', '10.1.0.4/30', '10.1.0.8/30', 'fd00::/126']) world.block(cidr, 'host:node1')
  t.strictSame(step(world, { pool: 'wide' }, 'block 10.1.0.0/30'), ['-10.1.0.4/30 host:node1'])
  world.remove(world.blockKey('10.1.0.8/30').text)
  t.strictSame(step(world, { pool: 'wide' }, 'block 10.1.0.0/30'), [])
  t.end()
})

t.test('blocks that are in use and large take a step each few', (t) => {
  const world = new World()
  world.pool('large', '10.0.0.0/14', { blockSize: 20 })
  const allocations = Array.from({ length: 4096 }, () => 0)
  const attributes = [{ handle_id: 'h', secondary: { note: 'x'.repeat(150_000) } }]
  for (const cidr of ['10.0.0.0/20', '10.0.16.0/20', '10.0.32.0/20', '10.0.48.0/20']) {
    world.block(cidr, 'host:a', { allocations, unallocated: [], attributes })
  }
  t.equal(step(world, { pool: 'large' }, '').at(-1), 'next block 10.0.32.0/20')
  t.strictSame(release(world, { pool: 'large' }), ['~10.0.48.0/20 host:a'])
  t.end()
})

t.test('a range that is only a part of a block, or not in the pool, is refused', (t) => {
  const world = claimedWorld()
  t.strictSame(step(world, { cidr: '10.0.0.4/31' }, ''), ['Invalid', 'cidr FieldValueInvalid'])
  t.strictSame(step(world, { cidr: '10.1.0.0/30', pool: 'a' }, ''), ['Invalid', 'pool FieldValueInvalid'])
  t.strictSame(step(world, { pool: 'nope' }, ''), ['Invalid', 'pool FieldValueInvalid'])
  world.put('/calico/ipam/v2/config', '[]')
  t.strictSame(step(world, { pool: 'a' }, ''), ['Conflict'])
  t.strictSame(step(world, { removed: 'node1' }, ''), ['Conflict'])
  world.lockCluster()
  t.strictSame(step(world, { pool: 'a' }, ''), ['ServiceUnavailable'])
  t.end()
})

t.test('a node is forgotten with all it has, in any pool and in none, and with the marker of old Calico', (t) => {
  const world = claimedWorld()
  world.put('/calico/ipam/v2/host/node1', '')
  world.put('/calico/ipam/v2/host/node11', '')
  const all = [...ofNode1, '-192.0.2.0/30 host:node1', '~fd00::/122 host:node1']
  t.strictSame(release(world, { removed: 'node1' }), all)
  t.strictSame(world.view.keys('/calico/ipam/v2/host/node1'), ['/calico/ipam/v2/host/node11'])
  t.equal(world.claimState('node2', '10.0.0.8/30'), 'confirmed')
  t.strictSame(release(world, { removed: 'node1' }), [])
  for (let number = 0; number < 64; number++) world.claim('node3', `10.2.0.${number * 4}/30`)
  world.put('/calico/ipam/v2/host/node3', '')
  t.match(step(world, { removed: 'node3' }, '').at(-1), /^next claim /)
  t.equal(world.view.text('/calico/ipam/v2/host/node3'), '', 'at last')
  release(world, { removed: 'node3' })
  t.strictSame(world.view.keys('/calico/ipam/v2/host/node3'), [])
  t.end()
})

t.test('a dry run takes the addresses of a forgotten node for released, if they will be by then', (t) => {
  const told = (world: World): readonly boolean[] => {
    const options = { asIfReleased: true }
    const { answer } = planRemoveNode(world.view, 'node1', '', world.context, options)
    return answer.ok ? answer.value.answer.released.map(({ isDeleted }) => isDeleted) : []
  }
  const world = worldWithPool()
  world.take({ node: 'node1', addresses: ['10.0.0.0', '10.0.0.4'] })
  world.take({ node: 'node2', addresses: ['10.0.0.5'] })
  t.strictSame(told(world), [true, false])
  world.config({ ipCooldownSeconds: 60 })
  t.strictSame(told(world), [false, false], 'what cools down keeps its block')
  t.end()
})

t.test('a released block is deleted with its affinity, or keeps its addresses and a new number', (t) => {
  const world = worldWithPool()
  world.block('10.0.0.0/30', 'host:node1')
  world.claim('node1', '10.0.0.0/30')
  world.fullBlock('10.0.0.4/30', 'host:node1')
  world.claim('node1', '10.0.0.4/30', 'pendingDeletion')
  world.fullBlock('10.0.0.8/30', null)
  const draft = new Draft(world.view, world.context.now, 0)
  const released = ['10.0.0.0/30', '10.0.0.4/30', '10.0.0.8/30'].map((cidr) => {
    const found = draft.block(mustParseCidr(cidr))
    return found.kind === 'block' && releaseBlock(draft, found.block)
  })
  t.strictSame(released, [true, false, false])
  world.commit({ answer: undefined, writes: draft.writes() })
  t.equal(world.stored('10.0.0.0/30'), undefined)
  t.match(world.stored('10.0.0.4/30'), { affinity: null, sequenceNumber: 101n })
  t.match(
    world.stored('10.0.0.8/30'),
    { affinity: null, sequenceNumber: 100n },
    'what is released already stays as it is',
  )
  t.strictSame(world.view.keys('/calico/ipam/v2/host/'), [])
  t.end()
})
