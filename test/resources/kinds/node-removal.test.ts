import t from 'tap'
import {
  affinityKey,
  assignAutomatically,
  type Block,
  BlockIndex,
  blockKey,
  blocks,
  clusterInformationKey,
  confirmedAffinity,
  newBlock,
  nodeKey,
  nodeOf,
  type AffinityHost,
  releaseOrdinals,
  clearAffinity,
} from '../../../src/model/index.ts'
import { mustParseCidr, ordinal } from '../../../src/net/index.ts'
import { nodeKind } from '../../../src/resources/kinds/node.ts'
import { FakeView } from '../../support/fake-view.ts'
import { context } from '../fixtures.ts'

const host: AffinityHost = { type: 'host', name: 'node1' }
const other: AffinityHost = { type: 'host', name: 'node10' }

function mustNode() {
  const parsed = nodeOf({ metadata: { name: 'node1' } })
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.value
}

const node = mustNode()

/** A datastore with the node in it. */
function start(): FakeView {
  const view = new FakeView()
  view.put(nodeKey('node1'), node)
  return view
}

function blockOf(cidr: string, host: AffinityHost | null, inUse = 0): Block {
  const block = newBlock(mustParseCidr(cidr), host, context.now)
  const holder = { handle: 'h', attributes: {} }
  return inUse === 0 ? block : assignAutomatically(block, inUse, () => false, holder).block
}

/** Stores a claim, and the block that it is on. */
function claim(view: FakeView, cidr: string, host: AffinityHost, block?: Block): void {
  view.put(affinityKey(host, mustParseCidr(cidr)), confirmedAffinity)
  if (block !== undefined) view.put(blockKey(block.cidr), block)
}

const claimText = (cidr: string, of = host): string => affinityKey(of, mustParseCidr(cidr)).text
const blockText = (cidr: string): string => blockKey(mustParseCidr(cidr)).text

/** One step of deleting the node. */
function planNodeRemoval(view: FakeView, position = '') {
  const index = new BlockIndex()
  for (const key of view.keys(blocks.prefix)) index.changed(key, view.get({ family: blocks, text: key }))
  view.reads.clear()
  return nodeKind(index).planRemoval(view, { value: node, revision: 1n }, context, position)
}

/** Deletes the node, and gives the keys that are there afterwards. */
function removeNode(view: FakeView): readonly string[] {
  const removal = planNodeRemoval(view)
  if (removal.kind !== 'gone') throw new Error(removal.kind)
  view.apply({ answer: undefined, writes: removal.writes })
  return view.keys('/calico/')
}

t.test('empty blocks go with the claims on them, of both families', (t) => {
  const view = start()
  claim(view, '10.0.0.0/26', host, blockOf('10.0.0.0/26', host))
  claim(view, 'fd00::/122', host, blockOf('fd00::/122', host))
  t.strictSame(removeNode(view), [])
  t.end()
})

t.test('a block with addresses stays, nobody’s, and so do the addresses', (t) => {
  const view = start()
  const block = blockOf('10.0.0.0/26', host, 2)
  claim(view, '10.0.0.0/26', host, block)
  t.strictSame(removeNode(view), [blockText('10.0.0.0/26')])
  const stored = JSON.parse(view.text(blockText('10.0.0.0/26')) ?? '') as Record<string, unknown>
  t.equal(stored['affinity'], null)
  t.notOk('affinity_claim_time' in stored)
  t.strictSame(stored['allocations'], block.allocations)
  t.match(view.text(blockText('10.0.0.0/26')), `"sequenceNumber":${block.sequenceNumber + 1n}`)
  t.end()
})

t.test('what belongs to others is left alone', (t) => {
  const view = start()
  claim(view, '10.0.0.0/26', other, blockOf('10.0.0.0/26', other))
  claim(view, '10.0.0.64/26', host, blockOf('10.0.0.64/26', other, 1))
  claim(view, '10.0.0.128/26', { type: 'virtual', name: 'node1' }, blockOf('10.0.0.128/26', null))
  const before = view.text(blockText('10.0.0.64/26'))
  t.strictSame(
    removeNode(view),
    [
      blockText('10.0.0.0/26'),
      blockText('10.0.0.64/26'),
      blockText('10.0.0.128/26'),
      claimText('10.0.0.0/26', other),
      claimText('10.0.0.128/26', { type: 'virtual', name: 'node1' }),
    ].toSorted(),
  )
  t.equal(view.text(blockText('10.0.0.64/26')), before)
  t.end()
})

t.test('a claim that leads to no block goes; a block without an owner counts as the claimant’s', (t) => {
  const view = start()
  claim(view, '10.0.0.0/26', host)
  claim(view, '10.0.0.64/26', host, blockOf('10.0.0.64/26', null))
  claim(view, '10.0.0.128/26', host, blockOf('10.0.0.128/26', null, 1))
  t.strictSame(removeNode(view), [blockText('10.0.0.128/26')])
  t.end()
})

t.test('a block that cannot be read is left alone with its claim; the marker of old versions goes', (t) => {
  const view = start()
  claim(view, '10.0.0.0/26', host)
  view.putText(blockText('10.0.0.0/26'), '{')
  view.putText(`/calico/ipam/v2/host/node1/ipv4/block/rubbish`, '{}')
  view.putText('/calico/ipam/v2/host/node1', '{}')
  t.strictSame(
    removeNode(view),
    [blockText('10.0.0.0/26'), claimText('10.0.0.0/26'), '/calico/ipam/v2/host/node1/ipv4/block/rubbish'].toSorted(),
  )
  t.end()
})

t.test('a block without its affinity is released all the same', (t) => {
  const view = start()
  view.put(blockKey(mustParseCidr('10.0.0.0/26')), blockOf('10.0.0.0/26', host, 1))
  view.put(blockKey(mustParseCidr('10.0.0.64/26')), blockOf('10.0.0.64/26', host))
  view.put(blockKey(mustParseCidr('10.0.0.128/26')), blockOf('10.0.0.128/26', other))
  t.strictSame(removeNode(view), [blockText('10.0.0.0/26'), blockText('10.0.0.128/26')])
  t.match(view.text(blockText('10.0.0.0/26')), '"affinity":null')
  t.end()
})

t.test(
  'an address whose rest is over does not hold its block; while the configuration cannot be read, the node stays',
  (t) => {
    const rested = (): FakeView => {
      const view = start()
      const used = blockOf('10.0.0.0/26', host, 1)
      const earlier = { nanoseconds: context.now.nanoseconds - 120_000_000_000n }
      const released = releaseOrdinals(used, [ordinal(0)], earlier, 60)
      claim(view, '10.0.0.0/26', host, released.block)
      return view
    }
    const view = rested()
    view.putText('/calico/ipam/v2/config', '{"ipCooldownSeconds":60}')
    t.strictSame(removeNode(view), ['/calico/ipam/v2/config'])
    const unread = rested()
    unread.putText('/calico/ipam/v2/config', '{')
    t.match(planNodeRemoval(unread), { kind: 'refused', refusal: { reason: 'Conflict' } })
    t.end()
  },
)

/** Takes steps until the node is gone; gives how many keys each of them wrote. */
function steps(view: FakeView): readonly number[] {
  const written: number[] = []
  for (let position = ''; view.revisionOf(nodeKey('node1').text) !== 0n; ) {
    const removal = planNodeRemoval(view, position)
    t.ok(view.reads.size < 126, 'a step fits into a transaction')
    if (removal.kind === 'partly') position = removal.next
    else if (removal.kind !== 'gone') throw new Error(removal.kind)
    view.apply({ answer: undefined, writes: removal.writes })
    written.push(removal.writes.length)
  }
  return written
}

t.test('what does not fit into one transaction takes several, and the node stays until the last', (t) => {
  const view = start()
  for (let third = 0; third < 121; third++) claim(view, `10.0.${third}.0/26`, host)
  t.strictSame(steps(view), [59, 59, 4])
  t.strictSame(view.keys('/calico/'), [])

  const long = start()
  const cidrs = Array.from({ length: 12 }, (_, second) => `10.${second}.0.0/20`)
  for (const cidr of cidrs) claim(long, cidr, host, blockOf(cidr, host, 1))
  const length = blocks.encode(clearAffinity(blockOf('10.0.0.0/20', host, 1))).length
  t.ok(length * 12 > 400_000)
  const perStep = Math.ceil(400_000 / length)
  t.strictSame(steps(long), [perStep * 2, (12 - perStep) * 2 + 1])
  t.strictSame(long.keys('/calico/'), cidrs.map(blockText).toSorted())
  t.end()
})

t.test('blocks that cannot be read do not hold up the others, however many they are', (t) => {
  const view = start()
  for (let third = 0; third < 20; third++) {
    claim(view, `10.0.${third}.0/26`, host)
    view.putText(blockText(`10.0.${third}.0/26`), '{')
  }
  for (let third = 100; third < 150; third++) claim(view, `10.0.${third}.0/26`, host)
  steps(view)
  t.equal(view.keys('/calico/ipam/v2/assignment/').length, 20)
  t.equal(view.keys('/calico/ipam/v2/host/').length, 20, 'they stay with their affinities')
  t.end()
})

t.test('while the cluster is locked, a node stays', (t) => {
  const view = start()
  const locked = '{"metadata":{"name":"default"},"spec":{"datastoreReady":false}}'
  view.putText(clusterInformationKey.text, locked)
  t.match(planNodeRemoval(view), { kind: 'refused', refusal: { reason: 'ServiceUnavailable' } })
  claim(view, '10.0.0.0/26', host)
  t.match(planNodeRemoval(view), { kind: 'refused', refusal: { reason: 'ServiceUnavailable' } })
  view.putText(clusterInformationKey.text, locked.replace('false', 'true'))
  t.equal(planNodeRemoval(view).kind, 'gone')
  t.end()
})
