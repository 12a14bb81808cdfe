import t from 'tap'
import { type ClaimRequest, planClaimBlocks } from '../../../src/ipam/index.ts'
import { formatCidr, mustParseCidr } from '../../../src/net/index.ts'
import { reasonsOf, type World } from '../../support/ipam-world.ts'
import { worldWithPool } from '../../support/small-pool.ts'

type Wish = Omit<ClaimRequest, 'node' | 'cidr'> & { readonly cidr?: string }

/** What one step of a claim of node1 did: `+` claimed, `=` unchanged, `!` failed; of a refusal the reasons. */
function claim(world: World, { cidr, ...wish }: Wish, start = '0'): readonly string[] {
  const request = { node: 'node1', cidr: cidr === undefined ? undefined : mustParseCidr(cidr), ...wish }
  world.view.reads.clear()
  const answer = world.commit(planClaimBlocks(world.view, request, start, world.context))
  if (!answer.ok) return reasonsOf(answer.refusal)
  const { answer: done, next } = answer.value
  const { claimed, unchanged, failed } = done
  return [
    ...claimed.map((one) => `+${formatCidr(one)}`),
    ...unchanged.map((one) => `=${formatCidr(one)}`),
    ...failed.map(({ block, reason }) => `!${formatCidr(block)} ${reason}`),
    ...(next === undefined ? [] : [`next ${next}`]),
  ]
}

t.test('every block of the range is claimed, and claiming again changes nothing', (t) => {
  const world = worldWithPool()
  t.strictSame(claim(world, { cidr: '10.0.0.0/29' }), ['+10.0.0.0/30', '+10.0.0.4/30'])
  t.match(world.stored('10.0.0.4/30'), { affinity: 'host:node1', affinityClaimTime: '2026-11-23T04:00:00Z' })
  t.equal(world.claimState('node1', '10.0.0.4/30'), 'confirmed')
  const before = world.dump()
  t.strictSame(claim(world, { cidr: '10.0.0.0/29' }), ['=10.0.0.0/30', '=10.0.0.4/30'])
  t.strictSame(world.dump(), before)
  t.strictSame(claim(world, { pool: 'a' }), ['+10.0.0.8/30', '+10.0.0.12/30', '=10.0.0.0/30', '=10.0.0.4/30'])
  t.strictSame(claim(world, { pool: '10.0.0.0/28', cidr: '10.0.0.4/30' }), ['=10.0.0.4/30'])
  t.end()
})

t.test('no selector, reservation or block limit keeps a node from a claim', (t) => {
  const world = worldWithPool({ nodeSelector: '!all()', assignmentMode: 'Manual' })
  world.config({ strict_affinity: true, auto_allocate_blocks: false, maxBlocksPerHost: 1 })
  world.reserve('10.0.0.0/28')
  t.equal(claim(world, { pool: 'a' }).length, 4)
  t.end()
})

/** docs/calico/ipam.md section 6.3: the key's state, whose the block is, what comes of a claim, and the key's state after it. */
const healing: readonly [key: string | undefined, block: string | null | undefined, want: string, after: unknown][] = [
  [undefined, undefined, '+', 'confirmed'],
  ['pending', undefined, '+', 'confirmed'],
  ['confirmed', undefined, '+', 'confirmed'],
  ['pendingDeletion', undefined, '+', 'confirmed'],
  [undefined, 'host:node1', '+', 'confirmed'],
  ['pending', 'host:node1', '+', 'confirmed'],
  ['pendingDeletion', 'host:node1', '+', 'confirmed'],
  ['confirmed', 'host:node1', '=', 'confirmed'],
  ['', 'host:node1', '=', ''],
  ['pending', 'host:node2', '! ClaimedByOther', undefined],
  ['confirmed', 'host:node2', '! ClaimedByOther', undefined],
  ['confirmed', 'virtual:load-balancer', '! ClaimedByOther', undefined],
  ['pendingDeletion', null, '! NoAffinity', undefined],
  [undefined, null, '! NoAffinity', undefined],
]
for (const [key, block, want, after] of healing) {
  t.test(`a claim ${String(key)} on a block of ${String(block)}: ${want}`, (t) => {
    const world = worldWithPool()
    const cidr = '10.0.0.4/30'
    if (block !== undefined) world.block(cidr, block)
    if (key !== undefined) world.claim('node1', cidr, key)
    const [sign, reason] = want.split(' ')
    t.strictSame(claim(world, { cidr }), [`${String(sign)}${cidr}${reason === undefined ? '' : ` ${reason}`}`])
    t.equal(world.claimState('node1', cidr), after)
    if (block === null) t.equal(world.stored(cidr), undefined, 'an empty block of nobody is deleted, not taken over')
    if (block === 'host:node1') {
      const isRewritten = sign === '+'
      t.equal(world.stored(cidr)?.sequenceNumber, isRewritten ? 101n : 100n, 'whoever is half-way with it is too late')
    }
    t.end()
  })
}

t.test('a block of nobody that is in use stays, and an empty one can be claimed by the next request', (t) => {
  const world = worldWithPool()
  world.fullBlock('10.0.0.4/30', null)
  t.strictSame(claim(world, { cidr: '10.0.0.4/30' }), ['!10.0.0.4/30 NoAffinity'])
  t.match(world.stored('10.0.0.4/30'), { affinity: null, sequenceNumber: 100n })
  world.block('10.0.0.4/30', null)
  t.strictSame(claim(world, { cidr: '10.0.0.4/30' }), ['!10.0.0.4/30 NoAffinity'])
  t.strictSame(claim(world, { cidr: '10.0.0.4/30' }), ['+10.0.0.4/30'])
  t.end()
})

t.test('what cannot be read, and what is in the way, is left alone without holding up its neighbours', (t) => {
  const world = worldWithPool()
  world.put(world.blockKey('10.0.0.0/30').text, '{')
  world.put(world.claimKey('node1', '10.0.0.4/30'), '[]')
  world.block('10.0.0.8/31', null)
  t.strictSame(claim(world, { pool: 'a' }), [
    '+10.0.0.12/30',
    '!10.0.0.0/30 Unreadable',
    '!10.0.0.4/30 Unreadable',
    '!10.0.0.8/30 Overlap',
  ])
  t.end()
})

t.test('a claim of many blocks takes steps, each of which fits into a transaction', (t) => {
  const world = worldWithPool()
  world.pool('wide', '10.1.0.0/24', { blockSize: 30 })
  t.equal(claim(world, { pool: 'wide' }).at(-1), 'next 60')
  t.ok(world.lastReads.size < 126, `${world.lastReads.size} reads`)
  t.strictSame(claim(world, { pool: 'wide' }, '60').length, 4)
  world.pool('large', '10.2.0.0/15', { blockSize: 20 })
  t.match(claim(world, { pool: 'large' }).at(-1), /^next ([1-9]|1[0-9])$/, 'fewer when they are large')
  t.end()
})

t.test('a range that is none of blocks of one pool is refused', (t) => {
  const world = worldWithPool()
  world.pool('off', '10.1.0.0/28', { blockSize: 30, disabled: true })
  world.pool('vast', 'fd00::/64')
  const cases: [wish: Wish, want: readonly string[]][] = [
    [{ cidr: '192.0.2.0/28' }, ['Invalid', 'cidr FieldValueInvalid']],
    [{ cidr: '10.0.0.0/24' }, ['Invalid', 'cidr FieldValueInvalid']],
    [{ cidr: '10.0.0.0/31' }, ['Invalid', 'cidr FieldValueInvalid']],
    [{ cidr: '10.1.0.0/30' }, ['Invalid', 'cidr FieldValueInvalid']],
    [{ cidr: 'fd00::/65' }, ['Invalid', 'cidr FieldValueInvalid']],
    [{ pool: 'vast' }, ['Invalid', 'pool FieldValueInvalid']],
    [{ pool: 'nope' }, ['Invalid', 'pool FieldValueInvalid']],
    [{ pool: 'a', cidr: '10.1.0.0/30' }, ['Invalid', 'cidr FieldValueInvalid']],
    [{ pool: 'off' }, ['Conflict']],
    [{}, ['Invalid', 'cidr FieldValueInvalid']],
    [{ cidr: 'fd00::/116' }, Array.from({ length: 61 }, () => '+fd00')],
  ]
  for (const [wish, want] of cases) {
    const got = claim(world, wish)
    if (want.length < 40) t.strictSame(got, want, JSON.stringify(wish))
    else t.equal(got.length, want.length)
  }
  t.end()
})

t.test('nothing is claimed while the cluster is locked, or its configuration cannot be read', (t) => {
  const world = worldWithPool()
  world.put('/calico/ipam/v2/config', '[]')
  t.strictSame(claim(world, { pool: 'a' }), ['Conflict'])
  world.lockCluster()
  t.strictSame(claim(world, { pool: 'a' }), ['ServiceUnavailable'])
  t.end()
})
