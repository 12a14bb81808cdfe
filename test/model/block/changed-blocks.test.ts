import t from 'tap'
import { BlockIndex, type Block, blockKey, blocks } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import { blockOf, store } from '../../support/indexed-blocks.ts'

function full(cidr: string): Block {
  return blockOf(cidr, 'host:a', 4096)
}

t.test('the keys changed since an earlier state are known, unless that is too long ago', (t) => {
  const index = new BlockIndex()
  t.strictSame(index.changedSince(index.changes), [])
  store(index, full('10.0.0.0/26'))
  const { changes } = index
  store(index, full('10.0.0.64/26'))
  index.changed(blockKey(mustParseCidr('10.0.0.0/26')).text, { kind: 'absent' })
  const keys = ['10.0.0.64/26', '10.0.0.0/26'].map((cidr) => blockKey(mustParseCidr(cidr)).text)
  t.strictSame(index.changedSince(changes), keys)
  const { text: key } = blockKey(mustParseCidr('10.0.0.192/26'))
  t.ok(index.changedText(key, blocks.encode(full('10.0.0.192/26'))))
  t.strictSame(index.changedSince(changes), [...keys, key])
  const again = full('10.0.0.128/26')
  for (let time = 0; time < 253; time++) store(index, again)
  t.equal(index.changedSince(changes)?.length, 256)
  for (let time = 0; time < 256; time++) store(index, again)
  t.equal(index.changedSince(changes), undefined)
  t.equal(index.changedSince(index.changes - 256)?.length, 256)
  t.equal(index.changedSince(changes, Infinity)?.length, 512, 'who wants more gets more')
  for (let time = 0; time < 16_384; time++) store(index, again)
  t.equal(index.changedSince(changes, Infinity), undefined)
  t.end()
})
