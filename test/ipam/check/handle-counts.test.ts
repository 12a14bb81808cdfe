import t from 'tap'
import { handleCounts } from '../../../src/ipam/check/handle-counts.ts'
import { assignAutomatically, newBlock, releaseOrdinals } from '../../../src/model/index.ts'
import { mustParseCidr, ordinal } from '../../../src/net/index.ts'
import { now } from '../../support/check-world.ts'

t.test('handles are counted by what they hold: not what cools down, has none, or belongs to Windows', async (t) => {
  let block = newBlock(mustParseCidr('10.0.0.0/29'), null, now)
  for (const handle of ['a', 'b\rold', 'a', undefined, 'Windows-Reserved-IPAM-Handle', 'cooling']) {
    block = assignAutomatically(block, 1, () => false, { handle }).block
  }
  block = releaseOrdinals(block, [ordinal(5)], now, 60).block
  t.strictSame(
    [...handleCounts(block)],
    [
      ['a', 2],
      ['b', 1],
    ],
  )
  t.strictSame([...handleCounts(newBlock(block.cidr, null, now))], [])
})
