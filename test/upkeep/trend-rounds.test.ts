import t from 'tap'
import { PoolTrends } from '../../src/ipam/index.ts'
import { BlockIndex, poolKey } from '../../src/model/index.ts'
import { mustParseCidr } from '../../src/net/index.ts'
import { TrendRounds } from '../../src/upkeep/index.ts'
import { FakeView } from '../support/fake-view.ts'
import { blockOf, store } from '../support/indexed-blocks.ts'
import { until } from '../support/until.ts'

t.test('the numbers of all pools are noted at once, and again and again', async (t) => {
  const view = new FakeView()
  view.putText(poolKey('a').text, JSON.stringify({ metadata: { name: 'a' }, spec: { cidr: '10.0.0.0/24' } }))
  const blocks = new BlockIndex()
  store(blocks, blockOf('10.0.0.0/26', null, 3))
  const trends = new PoolTrends()
  let looks = 0
  const now = () => ({ nanoseconds: BigInt(++looks) * 1_000_000_000n })
  const rounds = new TrendRounds({ blocks, trends, now, intervalMs: 5 })
  rounds.start({ peekAll: (family) => view.list(family, 'hint') })
  t.teardown(() => rounds.stop())
  const pool = { name: 'a', cidr: mustParseCidr('10.0.0.0/24') }
  t.strictSame(trends.pointsOf(pool), [{ atMs: 1_000, inUse: 3 }])
  store(blocks, blockOf('10.0.0.64/26', null, 2), blockOf('10.0.0.64/27', null, 2))
  await until('a change is noted', () => trends.pointsOf(pool)[1])
  t.match(trends.pointsOf(pool)[1], { inUse: 5 }, 'of blocks that overlap, the largest counts')
  rounds.stop()
})
