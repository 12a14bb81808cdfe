import t from 'tap'
import {
  assignAutomatically,
  BlockIndex,
  blocks,
  newBlock,
  poolKey,
  releaseOrdinals,
} from '../../../src/model/index.ts'
import { blockAt, mustParseCidr, ordinal, prefixLength } from '../../../src/net/index.ts'
import { planTermination } from '../../../src/resources/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import { store } from '../../support/indexed-blocks.ts'
import { context, mustPool } from '../fixtures.ts'

t.test('of many blocks that cool down each comes up in time', (t) => {
  const size = prefixLength(4, 30)
  if (size === undefined) throw new Error('30 is a prefix length')
  const index = new BlockIndex()
  for (let number = 0n; number < 512n; number++) {
    const empty = newBlock(blockAt(mustParseCidr('10.10.0.0/21'), size, number), null, context.now)
    const { block } = assignAutomatically(empty, 1, () => false, { handle: 'h' })
    store(index, releaseOrdinals(block, [ordinal(0)], context.now, 60).block)
  }
  const view = new FakeView()
  view.put(poolKey('pool-a'), mustPool({ cidr: '10.10.0.0/21' }, { deletionTimestamp: '2026-11-23T04:00:00Z' }))
  const seen = new Set<string>()
  for (let milliseconds = 0n; milliseconds < 512n; milliseconds += 101n) {
    view.reads.clear()
    const now = { nanoseconds: context.now.nanoseconds + milliseconds * 1_000_000n }
    planTermination(view, 'pool-a', '', index, { now })
    for (const key of view.reads) if (key.startsWith(blocks.prefix)) seen.add(key)
  }
  t.equal(seen.size, 512)
  t.end()
})
