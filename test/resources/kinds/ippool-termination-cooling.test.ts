import t from 'tap'
import { blocks, poolKey } from '../../../src/model/index.ts'
import { blockAt, mustParseCidr, prefixLength } from '../../../src/net/index.ts'
import { planTermination } from '../../../src/resources/kinds/ippool-termination.ts'
import { FakeView } from '../../support/fake-view.ts'
import { context, mustPool } from '../fixtures.ts'

t.test('of many blocks that cool down each comes up in time', (t) => {
  const size = prefixLength(4, 30)
  if (size === undefined) throw new Error('30 is a prefix length')
  const all = Array.from({ length: 60 }, (_, index) => ({
    cidr: blockAt(mustParseCidr('10.10.0.0/24'), size, BigInt(index)),
    affinity: null,
    isEmpty: false,
    hasCooling: true,
  }))
  const view = new FakeView()
  view.put(poolKey('pool-a'), mustPool({}, { deletionTimestamp: '2026-11-23T04:00:00Z' }))
  const seen = new Set<string>()
  for (let milliseconds = 0n; milliseconds < 60n; milliseconds += 7n) {
    view.reads.clear()
    const now = { nanoseconds: context.now.nanoseconds + milliseconds * 1_000_000n }
    planTermination(view, 'pool-a', { blocksIn: () => all, proveBlocks: () => undefined }, { now })
    for (const key of view.reads) if (key.startsWith(blocks.prefix)) seen.add(key)
  }
  t.equal(seen.size, 60)
  t.end()
})
