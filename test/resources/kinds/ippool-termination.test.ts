import t from 'tap'
import {
  affinities,
  assignAutomatically,
  type Block,
  BlockIndex,
  blockKey,
  blocks,
  clusterInformationKey,
  ipamConfigKey,
  isBlockEmpty,
  newBlock,
  type Now,
  nanosecondsPerSecond,
  poolKey,
  releaseOrdinals,
} from '../../../src/model/index.ts'
import { blockAt, formatCidr, mustParseCidr, ordinal, prefixLength } from '../../../src/net/index.ts'
import { stepLimits } from '../../../src/plan/index.ts'
import { finalizersOf, planTermination } from '../../../src/resources/index.ts'
import { planPoolRemoval, poolFinalizer } from '../../../src/resources/kinds/ippool-termination.ts'
import { objectIn } from '../../../src/resources/object/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import { store } from '../../support/indexed-blocks.ts'
import { context, mustParse, mustPool, storedPool, written } from '../fixtures.ts'
import { balancer, block, claim, node1, now, poolText, Scene } from '../pool-scene.ts'

/** A block with so many addresses in use. */
function blockWith(cidr: string, used: number): Block {
  return assignAutomatically(newBlock(mustParseCidr(cidr), null, now), used, () => false, { handle: 'h' }).block
}

t.test('a pool without blocks is gone at once, with claims that lead nowhere', (t) => {
  const scene = new Scene()
  scene.claim(node1, '10.10.0.8/29')
  scene.claim(balancer, '10.10.0.16/29')
  scene.claim(node1, '10.11.0.0/29')
  t.equal(scene.delete(), 'gone')
  t.strictSame(scene.keys('/calico/'), [claim(node1, '10.11.0.0/29')])
  t.end()
})

t.test('a pool with a block stays, marked so that everybody sees it', (t) => {
  const view = new FakeView()
  view.putText(poolText, storedPool)
  const lookup = view.get(poolKey('pool-a'))
  if (lookup.kind !== 'value') throw new Error('the worked example cannot be read')
  const index = new BlockIndex()
  store(index, blockWith('10.10.0.8/29', 1))
  const removal = planPoolRemoval(view, lookup.value, index, { ...context, now })
  t.equal(removal.kind, 'terminating')
  const text = written(removal)[poolText]
  const { metadata, spec, status } = mustParse(text)
  t.match(metadata, {
    name: 'pool-a',
    uid: context.uid,
    deletionTimestamp: '2026-11-23T04:00:00Z',
    finalizers: [poolFinalizer],
  })
  t.match(spec, { disabled: true })
  t.match(status, {
    conditions: [{ reason: 'Terminating', message: /last address is released\. 1 address is in use\.$/ }],
  })
  const condition =
    '{"type":"Allocatable","status":"False","lastTransitionTime":"2026-11-23T04:00:00Z","reason":"Terminating","message":'
  t.match(text, `"status":{"conditions":[${condition}`)
  t.match(removal, { value: { isTerminating: true, isDisabled: true, isAllocatable: false } })
  t.end()
})

t.test('a pool that is being deleted is answered as it is', (t) => {
  const scene = new Scene()
  scene.block('10.10.0.8/29', node1, 1)
  t.equal(scene.delete(), 'terminating')
  const before = scene.text(poolText)
  t.equal(scene.delete(), 'terminating')
  t.equal(scene.text(poolText), before)
  t.end()
})

t.test('a pool waits for others who have a say', (t) => {
  const scene = new Scene({ finalizers: ['example.org/audit'] })
  t.equal(scene.delete(), 'terminating')
  t.strictSame(finalizersOf(objectIn(mustParse(scene.text(poolText)), 'metadata')), [
    'example.org/audit',
    poolFinalizer,
  ])
  t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 0 }, next: 'blocks' })
  t.strictSame(finalizersOf(objectIn(mustParse(scene.text(poolText)), 'metadata')), ['example.org/audit'])
  t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 0 }, next: undefined })
  scene.putText(
    poolText,
    (scene.text(poolText) ?? '')
      .replace('"finalizers":["example.org/audit"],', '')
      .replace(',"finalizers":["example.org/audit"]', ''),
  )
  t.strictSame(scene.step(), { answer: { isGone: true, blocksLeft: 0 }, next: undefined })
  t.equal(scene.text(poolText), undefined)
  t.end()
})

t.test('other conditions stay beside that of the deletion', (t) => {
  const scene = new Scene()
  scene.putText(
    poolText,
    (scene.text(poolText) ?? '').replace(
      /}$/,
      ',"status":{"conditions":[{"type":"Allocatable","status":"True","reason":"OK"},{"type":"Ready"},"x"],"more":1}}',
    ),
  )
  scene.block('10.10.0.8/29', null, 1)
  scene.delete()
  t.match(mustParse(scene.text(poolText))['status'], {
    conditions: [{ type: 'Allocatable', status: 'False', reason: 'Terminating' }, { type: 'Ready' }],
    more: 1,
  })
  t.end()
})

t.test('empty blocks go with their claims, blocks in use lose their owners, and the pool waits', (t) => {
  const scene = new Scene()
  scene.block('10.10.0.0/29', node1)
  scene.block('10.10.0.8/29', node1, 2)
  scene.block('10.10.0.16/29', balancer)
  scene.block('10.10.0.24/29', balancer, 1)
  scene.block('10.10.0.32/29', null)
  scene.block('10.10.0.40/29', null, 1)
  scene.block('10.11.0.0/29', node1, 0)
  const before = scene.stored('10.10.0.8/29')
  scene.delete()
  t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 3 }, next: 'blocks' })
  t.strictSame(scene.keys('/calico/ipam/'), [
    block('10.10.0.24/29'),
    block('10.10.0.40/29'),
    block('10.10.0.8/29'),
    block('10.11.0.0/29'),
    claim(node1, '10.11.0.0/29'),
  ])
  const { affinityClaimTime, ...unclaimed } = before
  t.ok(affinityClaimTime)
  const sequenceNumber = before.sequenceNumber + 1n
  t.strictSame(scene.stored('10.10.0.8/29'), { ...unclaimed, affinity: null, sequenceNumber })
  t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 3 }, next: undefined })
  t.end()
})

t.test('the pool vanishes with its last block, whoever deleted that', (t) => {
  const scene = new Scene()
  scene.block('10.10.0.8/29', node1, 1)
  scene.delete()
  scene.finish()
  t.ok(scene.pool.isTerminating)
  scene.remove(block('10.10.0.8/29'))
  t.strictSame(scene.step(), { answer: { isGone: true, blocksLeft: 0 }, next: undefined })
  t.strictSame(scene.keys('/calico/'), [])
  t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 0 }, next: undefined })
  t.end()
})

t.test('a block that was emptied without being deleted is deleted', (t) => {
  const scene = new Scene()
  const used = scene.block('10.10.0.8/29', null, 1)
  scene.delete()
  t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 1 }, next: undefined })
  scene.put(blockKey(used.cidr), releaseOrdinals(used, [ordinal(0)], now, 0).block)
  t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 0 }, next: 'blocks' })
  t.strictSame(scene.step(), { answer: { isGone: true, blocksLeft: 0 }, next: undefined })
  t.end()
})

t.test('addresses that cool down hold the pool until they are cold', (t) => {
  const scene = new Scene()
  scene.putText(ipamConfigKey.text, '{"auto_allocate_blocks":true,"ipCooldownSeconds":60}')
  const used = scene.block('10.10.0.8/29', node1, 1)
  const other = scene.block('10.10.0.16/29', null, 1)
  for (const { cidr } of [used, other]) {
    const lookup = scene.get(blockKey(cidr))
    if (lookup.kind === 'value') scene.put(blockKey(cidr), releaseOrdinals(lookup.value, [ordinal(0)], now, 60).block)
  }
  scene.delete()
  const later = (seconds: bigint): Now => ({ nanoseconds: now.nanoseconds + seconds * nanosecondsPerSecond })
  t.strictSame(
    scene.step(later(1n)),
    { answer: { isGone: false, blocksLeft: 2 }, next: 'blocks' },
    'the affinity goes at once',
  )
  t.strictSame(scene.step(later(59n)), { answer: { isGone: false, blocksLeft: 2 }, next: undefined })
  t.strictSame(scene.step(later(62n)), { answer: { isGone: false, blocksLeft: 0 }, next: 'blocks' })
  t.strictSame(scene.step(later(63n)), { answer: { isGone: true, blocksLeft: 0 }, next: undefined })
  t.end()
})

t.test('no address is taken to be cold while the configuration cannot be read', (t) => {
  const scene = new Scene()
  scene.putText(ipamConfigKey.text, '{')
  const used = scene.block('10.10.0.8/29', node1, 1)
  scene.put(blockKey(used.cidr), releaseOrdinals(used, [ordinal(0)], { nanoseconds: 0n }, 60).block)
  scene.delete()
  scene.finish()
  t.equal([...scene.blocks.overlapping(scene.pool.cidr)].length, 1)
  scene.remove(ipamConfigKey.text)
  t.strictSame(
    scene.step(),
    { answer: { isGone: false, blocksLeft: 0 }, next: 'blocks' },
    'without a configuration nothing cools down',
  )
  t.end()
})

t.test('claims that lead nowhere are found with the last blocks, and before the pool goes', (t) => {
  const scene = new Scene()
  scene.block('10.10.0.8/29', node1, 1)
  scene.claim({ type: 'host', name: 'node2' }, '10.10.0.8/29')
  scene.claim(balancer, '10.10.0.64/29')
  scene.claim(node1, '10.11.0.0/29')
  scene.putText('/calico/ipam/v2/host/node1', '{}')
  scene.putText(claim(node1, '10.10.0.16/29'), 'broken')
  scene.delete()
  scene.step()
  t.strictSame(scene.keys('/calico/ipam/v2/host/'), ['/calico/ipam/v2/host/node1', claim(node1, '10.11.0.0/29')])
  t.strictSame(scene.keys('/calico/ipam/v2/virtual/'), [])
  scene.claim(node1, '10.10.0.24/29')
  scene.step()
  t.ok(
    scene.keys(affinities.prefix).includes(claim(node1, '10.10.0.24/29')),
    'while addresses are in use, they may wait',
  )
  scene.remove(block('10.10.0.8/29'))
  t.ok(scene.step().answer.isGone)
  t.notOk(scene.keys(affinities.prefix).includes(claim(node1, '10.10.0.24/29')))
  t.end()
})

t.test('a step is bounded, and the next one goes on', (t) => {
  const scene = new Scene()
  const pool = mustParseCidr('10.10.0.0/24')
  const size = prefixLength(4, 31)
  if (size === undefined) throw new Error('31 is a prefix length')
  const cidrs = Array.from({ length: 128 }, (_, index) => formatCidr(blockAt(pool, size, BigInt(index))))
  for (const cidr of cidrs) scene.block(cidr, node1)
  scene.delete()
  const first = scene.step()
  t.strictSame(first, { answer: { isGone: false, blocksLeft: 69 }, next: 'blocks' })
  scene.reads.clear()
  const second = planTermination(scene, 'pool-a', '', scene.blocks, { now })
  t.equal(second.writes.length, 2 * 59, 'as many in the second step, which fits into a transaction')
  t.strictSame(scene.apply(second), { answer: { isGone: false, blocksLeft: 10 }, next: 'blocks' })
  t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 0 }, next: 'blocks' })
  t.ok(scene.step().answer.isGone)

  const claims = new Scene()
  for (const cidr of cidrs) claims.claim(node1, cidr)
  t.equal(claims.delete(), 'terminating', 'too many affinities for one transaction')
  t.strictSame(claims.step(), { answer: { isGone: false, blocksLeft: 0 }, next: 'affinities' })
  t.ok(claims.keys(affinities.prefix).length < 128)
  claims.finish()
  t.strictSame(claims.keys('/calico/'), [])
  t.end()
})

t.test('a step writes no more than a transaction may have, but one block at least', (t) => {
  const scene = new Scene()
  const cidrs = ['10.10.0.0/29', '10.10.0.8/29', '10.10.0.16/29', '10.10.0.24/29']
  for (const [index, cidr] of cidrs.entries()) {
    const secondary = { note: 'x'.repeat(index === 0 ? 2 * stepLimits.bytes : stepLimits.bytes / 3) }
    const empty = newBlock(mustParseCidr(cidr), node1, now)
    scene.put(
      blockKey(empty.cidr),
      assignAutomatically(empty, 1, () => false, { handle: 'h', attributes: secondary }).block,
    )
  }
  scene.claim(node1, '10.10.0.64/29')
  scene.delete()
  const owned: number[] = []
  for (let next: string | undefined = ''; next !== undefined; ) {
    next = scene.step().next
    owned.push(cidrs.filter((cidr) => scene.stored(cidr).affinity !== null).length)
  }
  t.strictSame(owned, [3, 0, 0, 0])
  t.strictSame(scene.keys(affinities.prefix), [], 'what leads nowhere goes with the last of them')
  t.end()
})

t.test('that there is no other block is proved once, by what relies on it: etcd reads every block for it', (t) => {
  const scene = new Scene({ finalizers: ['example.org/audit'] })
  const isProved = (): boolean => scene.reads.has('index of blocks')
  const proved: boolean[] = []
  scene.block('10.10.0.0/29', node1, 1)
  scene.block('10.10.0.8/29', node1)
  scene.reads.clear()
  planPoolRemoval(scene, scene.pool, scene.blocks, context)
  proved.push(isProved())
  scene.delete()
  const look = (): void => {
    scene.reads.clear()
    const plan = planTermination(scene, 'pool-a', '', scene.blocks, { now })
    proved.push(isProved())
    scene.apply(plan)
  }
  look()
  look()
  scene.remove(block('10.10.0.0/29'))
  look()
  look()
  t.strictSame(finalizersOf(objectIn(mustParse(scene.text(poolText)), 'metadata')), ['example.org/audit'])
  t.strictSame(proved, [false, false, false, true, false])

  const empty = new Scene()
  empty.reads.clear()
  planPoolRemoval(empty, empty.pool, empty.blocks, context)
  t.ok(empty.reads.has('index of blocks'))
  t.end()
})

t.test('every key that is written was read, so that the commit compares it', (t) => {
  const scene = new Scene()
  scene.block('10.10.0.0/29', node1)
  scene.block('10.10.0.8/29', balancer, 1)
  scene.claim(node1, '10.10.0.16/29')
  scene.delete()
  for (const _ of [1, 2]) {
    scene.reads.clear()
    const plan = planTermination(scene, 'pool-a', '', scene.blocks, { now })
    for (const { key } of plan.writes) t.ok(scene.reads.has(key.text), key.text)
    scene.apply(plan)
    scene.remove(block('10.10.0.8/29'))
  }
  t.end()
})

t.test('two servers may make the same step', (t) => {
  const scene = new Scene()
  scene.block('10.10.0.0/29', node1)
  scene.block('10.10.0.8/29', node1, 1)
  scene.delete()
  const stale = scene.blocks
  scene.step()
  const again = planTermination(scene, 'pool-a', '', stale, { now })
  t.strictSame(
    again,
    { answer: { answer: { isGone: false, blocksLeft: 1 }, next: undefined }, writes: [] },
    'on what the other one has done',
  )
  t.end()
})

t.test('a claim is no leftover while its block says so too, whatever the index of blocks says', (t) => {
  const scene = new Scene()
  scene.block('10.10.0.0/29', node1)
  scene.block('10.10.0.8/29', node1, 1)
  scene.delete()
  const index = scene.blocks
  store(index, { ...scene.stored('10.10.0.8/29'), affinity: null })
  scene.apply(planTermination(scene, 'pool-a', '', index, { now }))
  t.strictSame(scene.keys('/calico/ipam/'), [block('10.10.0.8/29'), claim(node1, '10.10.0.8/29')])
  scene.finish()
  t.strictSame(scene.keys('/calico/ipam/'), [block('10.10.0.8/29')])
  t.end()
})

t.test('half-finished states are taken over', (t) => {
  t.test('a block with an owner and no claim, and a claim on a block of somebody else', (t) => {
    const scene = new Scene()
    scene.block('10.10.0.0/29', node1, 0, null)
    scene.block('10.10.0.8/29', node1, 1, balancer)
    scene.putText(claim(node1, '10.10.0.16/29'), '{"state":"pending","deleted":false}')
    scene.putText(claim(node1, '10.10.0.24/29'), '{"state":"pendingDeletion","deleted":false}')
    scene.delete()
    scene.finish()
    t.strictSame(scene.keys('/calico/ipam/'), [block('10.10.0.8/29')])
    t.end()
  })

  t.test('an owner that is none', (t) => {
    const scene = new Scene()
    const used = scene.block('10.10.0.8/29', null, 1)
    scene.put(blockKey(used.cidr), { ...used, affinity: 'somebody' })
    scene.delete()
    t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 1 }, next: 'blocks' })
    t.match(scene.text(block('10.10.0.8/29')), '"affinity":null')
    t.end()
  })

  t.test('a mark that somebody made, or took away, in part', (t) => {
    const scene = new Scene({ deletionTimestamp: '2026-11-20T00:00:00Z' })
    scene.block('10.10.0.8/29', null, 1)
    t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 1 }, next: 'blocks' })
    t.match(mustParse(scene.text(poolText)), {
      metadata: { deletionTimestamp: '2026-11-20T00:00:00Z', finalizers: [poolFinalizer] },
      spec: { disabled: true },
      status: { conditions: [{ type: 'Allocatable', status: 'False' }] },
    })
    t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 1 }, next: undefined })
    t.end()
  })

  t.test('a block that cannot be read holds the pool, and is left alone', (t) => {
    const scene = new Scene()
    scene.block('10.10.0.0/29', node1)
    scene.putText(block('10.10.0.8/29'), 'broken')
    scene.claim(node1, '10.10.0.8/29')
    scene.delete()
    scene.finish()
    t.strictSame(scene.keys('/calico/ipam/'), [block('10.10.0.8/29'), claim(node1, '10.10.0.8/29')])
    t.equal(scene.text(block('10.10.0.8/29')), 'broken')
    t.ok(scene.pool.isTerminating)
    t.end()
  })
  t.end()
})

t.test('a step that has changed nothing is not repeated, though it had no room for every affinity', (t) => {
  /** The blocks of a pool that is being deleted; the step before had no room for all affinities. */
  const sceneOf = (store: (scene: Scene, cidr: string) => void): Scene => {
    const scene = new Scene()
    const metadata = { deletionTimestamp: '2026-11-23T04:00:00Z' }
    scene.put(poolKey('pool-a'), mustPool({ cidr: '10.10.0.0/20', blockSize: 29 }, metadata))
    const size = prefixLength(4, 29)
    if (size === undefined) throw new Error('29 is a prefix length')
    for (let number = 0n; number < 160n; number++) {
      store(scene, formatCidr(blockAt(mustParseCidr('10.10.0.0/20'), size, number)))
    }
    scene.block('10.10.15.248/29', node1)
    return scene
  }

  t.test('many affinities lead to blocks that cannot be read', (t) => {
    const scene = sceneOf((scene, cidr) => {
      scene.putText(block(cidr), 'broken')
      scene.claim(node1, cidr)
    })
    scene.finish()
    t.equal(scene.keys('/calico/ipam/v2/').length, 320, 'they stay, and so do the affinities')
    t.ok(scene.pool.isTerminating)
    t.end()
  })

  t.test('many blocks cool down', (t) => {
    const scene = sceneOf((scene, cidr) => {
      const used = assignAutomatically(newBlock(mustParseCidr(cidr), node1, now), 1, () => false, { handle: 'h' }).block
      scene.put(blockKey(used.cidr), releaseOrdinals(used, [ordinal(0)], now, 60).block)
      scene.claim(node1, cidr)
    })
    scene.putText(ipamConfigKey.text, '{"auto_allocate_blocks":true,"ipCooldownSeconds":60}')
    for (let number = 0; number < 100; number++) scene.claim({ type: 'host', name: `gone${number}` }, '10.10.8.0/29')
    scene.finish()
    t.ok(scene.pool.isTerminating)
    scene.finish({ nanoseconds: now.nanoseconds + 61n * nanosecondsPerSecond })
    t.strictSame([...scene.keys(blocks.prefix), ...scene.keys(affinities.prefix)], [], 'in the end nothing is left')
    t.end()
  })
  t.end()
})

t.test('blocks that lie in a pool that stays are not touched', (t) => {
  const scene = new Scene()
  scene.put(poolKey('split-pool-a-0'), mustPool({ cidr: '10.10.0.0/25', blockSize: 29 }, { name: 'split-pool-a-0' }))
  scene.put(
    poolKey('other'),
    mustPool({ cidr: '10.10.0.128/25', blockSize: 29 }, { name: 'other', deletionTimestamp: '2026-11-23T04:00:00Z' }),
  )
  scene.putText(poolKey('broken').text, '{')
  scene.block('10.10.0.8/29', node1)
  scene.block('10.10.0.136/29', node1)
  const bigger = scene.block('10.10.0.0/20', null, 1)
  t.equal(scene.delete(), 'terminating')
  scene.finish()
  t.strictSame(
    scene.keys('/calico/ipam/'),
    [block(formatCidr(bigger.cidr)), block('10.10.0.8/29'), claim(node1, '10.10.0.8/29')].toSorted(),
  )
  t.equal(scene.text(poolText), undefined, 'and do not hold it')
  t.end()
})

t.test('nothing is done while the cluster is locked', (t) => {
  const scene = new Scene()
  scene.block('10.10.0.8/29', node1)
  scene.delete()
  scene.putText(clusterInformationKey.text, '{"metadata":{"name":"default"},"spec":{"datastoreReady":false}}')
  t.strictSame(scene.step(), { answer: { isGone: false, blocksLeft: 1 }, next: undefined })
  scene.putText(clusterInformationKey.text, '{"metadata":{"name":"default"},"spec":{"datastoreReady":true}}')
  scene.finish()
  t.strictSame(scene.keys(poolText), [])
  t.end()
})

t.test('a pool that lives, or cannot be read, is nothing to end', (t) => {
  const scene = new Scene()
  scene.block('10.10.0.8/29', node1)
  const nothing = { answer: { answer: { isGone: false, blocksLeft: 0 }, next: undefined }, writes: [] }
  t.strictSame(planTermination(scene, 'pool-a', '', scene.blocks, { now }), nothing)
  t.strictSame(planTermination(scene, 'nosuch', '', scene.blocks, { now }), nothing)
  scene.putText(poolText, '{')
  t.strictSame(planTermination(scene, 'pool-a', '', scene.blocks, { now }), nothing)
  t.ok(isBlockEmpty(newBlock(mustParseCidr('10.10.0.8/29'), null, now)))
  t.end()
})
