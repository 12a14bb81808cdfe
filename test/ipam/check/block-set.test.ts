import t from 'tap'
import { BlockSet } from '../../../src/ipam/check/block-set.ts'
import { formatCidr, mustParseCidr } from '../../../src/net/index.ts'

function added(set: BlockSet, cidr: string): readonly string[] {
  return set.add(mustParseCidr(cidr)).map(formatCidr)
}

t.test('a block is there once it was added, and only that one', async (t) => {
  const set = new BlockSet()
  set.add(mustParseCidr('10.0.0.64/26'))
  t.ok(set.has(mustParseCidr('10.0.0.64/26')))
  t.notOk(set.has(mustParseCidr('10.0.0.0/26')))
  t.notOk(set.has(mustParseCidr('10.0.0.64/27')))
})

t.test('blocks that share addresses are told, whichever comes first', async (t) => {
  const set = new BlockSet()
  t.strictSame(added(set, '10.0.0.0/28'), [])
  t.strictSame(added(set, '10.0.0.16/28'), [])
  t.strictSame(added(set, '10.0.0.64/28'), [])
  t.strictSame(added(set, '10.0.0.0/26'), ['10.0.0.0/28', '10.0.0.16/28'], 'the larger one comes last')
  t.strictSame(added(set, '10.0.0.32/30'), ['10.0.0.0/26'], 'the smaller one comes last')
  t.strictSame(added(set, '10.0.0.68/30'), ['10.0.0.64/28'])
  t.strictSame(added(set, '10.0.0.80/30'), [])
})

t.test('families are apart', async (t) => {
  const set = new BlockSet()
  set.add(mustParseCidr('0.0.0.0/26'))
  t.strictSame(added(set, '::/122'), [])
  t.strictSame(added(set, '::/128'), ['::/122'])
})
