import t from 'tap'
import { compareKey, comparePrefix, prefixEnd } from '../../../src/datastore/etcd/keys.ts'

t.test('a range ends before the first key that does not start with the prefix', async (t) => {
  const cases: [prefix: string, end: string][] = [
    ['/a/', '/a0'],
    ['/a', '/b'],
    ['/a9', '/a:'],
  ]
  for (const [prefix, end] of cases) t.equal(prefixEnd(prefix).toString(), end, prefix)
})

t.test('a key is compared by its mod revision, beyond 2^53 too', async (t) => {
  const compare = { target: 'Mod', result: 'Equal', key: Buffer.from('/a'), mod_revision: '9007199254740993' }
  t.strictSame(compareKey('/a', 2n ** 53n + 1n), compare)
})

t.test('a prefix is compared to be older than the revision after the one that is known', async (t) => {
  const range = { key: Buffer.from('/a/'), range_end: Buffer.from('/a0'), result: 'Less' }
  t.strictSame(comparePrefix('/a/', 'changed', 7n), { ...range, target: 'Mod', mod_revision: '8' })
  t.strictSame(comparePrefix('/a/', 'created', 7n), { ...range, target: 'Create', create_revision: '8' })
})
