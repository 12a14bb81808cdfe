import t from 'tap'
import { BlockIndex } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import { blockOf, store } from '../../support/indexed-blocks.ts'

t.test('sums are kept for any number of ranges, if not for all of them at once', (t) => {
  const index = new BlockIndex()
  store(index, blockOf('10.0.0.0/26', 'host:a', 5))
  const sums = { blocks: 1, addresses: 64, free: 59, cooling: 0 }
  t.strictSame(index.sumsOf(mustParseCidr('10.0.0.0/24')), sums)
  for (let number = 0; number < 20_001; number++) {
    const range = mustParseCidr(`11.${number >> 16}.${(number >> 8) & 255}.${number & 255}/32`)
    if (index.sumsOf(range)?.blocks !== 0) t.fail(`${number}`)
  }
  store(index, blockOf('10.0.0.64/26', 'host:a', 64))
  t.strictSame(index.sumsOf(mustParseCidr('10.0.0.0/24')), { blocks: 2, addresses: 128, free: 59, cooling: 0 })
  t.end()
})
