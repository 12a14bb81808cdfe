import t from 'tap'
import { deleted, hold, put, stored } from './held-rig.ts'

/** Changes that the watch brings while a commit of this server writes the same key. */

const a = '/n/a'

t.test('changes that the watch brings of a key that is being committed wait for the end of the commit', async (t) => {
  const { family } = hold('digests')
  family.completeUpTo(5n)
  family.awaitCommit(a)
  family.applyChange(a, put(6n, '1'))
  t.strictSame(family.lookup(a), { kind: 'absent' })
  family.completeUpTo(6n)
  t.notOk(family.isExact, 'a change is known to be missing')
  family.commitEnded(a)
  t.match(family.lookup(a), { kind: 'value', revision: 6n })
  t.ok(family.isExact)
})

t.test('the commit itself, brought by the watch before its answer, is not decoded again', async (t) => {
  const { family, problems } = hold('digests')
  family.awaitCommit(a)
  family.applyChange(a, put(6n, 'decoding this would be reported'))
  family.storeCommitted(a, 1, 6n, 1)
  family.commitEnded(a)
  t.strictSame(problems, [])
  t.match(family.lookup(a), { kind: 'value', value: 1, revision: 6n })
})

t.test('a key that a commit has created is known, however far the watch has come before its answer', async (t) => {
  const { family, observed } = hold('digests')
  family.completeUpTo(5n)
  family.awaitCommit(a)
  family.applyChange(a, put(6n, '1'))
  family.completeUpTo(8n)
  family.storeCommitted(a, 1, 6n, 1)
  family.commitEnded(a)
  t.match(family.lookup(a), { kind: 'value', value: 1, revision: 6n })
  t.match(observed, [[a, { kind: 'value', value: 1 }]])
})

t.test('so is one whose answer was lost, and one that another server has created meanwhile', async (t) => {
  const { family, observed } = hold('digests')
  family.completeUpTo(5n)
  family.awaitCommit(a)
  family.applyChange(a, put(6n, '1'))
  family.completeUpTo(8n)
  family.commitEnded(a)
  t.match(family.lookup(a), { kind: 'value', value: 1, revision: 6n })
  t.match(observed, [[a, { kind: 'value', value: 1 }]])
})

t.test('a key that a commit has created, and another server has deleted since, is absent', async (t) => {
  const { family, observed } = hold('digests')
  family.completeUpTo(5n)
  family.awaitCommit(a)
  family.applyChange(a, put(6n, '1'))
  family.applyChange(a, deleted(7n))
  family.completeUpTo(8n)
  family.storeCommitted(a, 1, 6n, 1)
  family.commitEnded(a)
  t.strictSame(family.lookup(a), { kind: 'absent' })
  t.match(observed.at(-1), [a, { kind: 'absent' }])
})

t.test('a deletion by another server during a commit that failed is applied after it', async (t) => {
  const { family } = hold('digests')
  family.store(a, { revision: 2n, text: '1', asOf: 2n })
  family.awaitCommit(a)
  family.applyChange(a, deleted(7n))
  t.match(family.lookup(a), { kind: 'value' })
  family.commitEnded(a)
  t.strictSame(family.lookup(a), { kind: 'absent' })
})

t.test('a key that another server created again during a commit is known to be missing', async (t) => {
  const { family } = hold('digests')
  for (const key of [a, '/n/b']) family.store(key, stored('1', 2n))
  const missing = () => [family.createdAside('/n/'), family.createdAside('/n/b')]
  for (const key of [a, '/n/b', '/n/c']) family.awaitCommit(key)
  t.strictSame(missing(), [undefined, undefined])
  family.applyChange(a, put(5n, '2', 2n))
  family.applyChange('/n/b', deleted(6n))
  t.strictSame(missing(), [undefined, undefined], 'it is no other key, or no key any more')
  family.applyChange('/n/b', put(7n, '2'))
  t.strictSame(missing(), ['/n/b', '/n/b'])
  family.applyChange('/n/b', put(8n, '3', 7n))
  t.strictSame(missing(), ['/n/b', '/n/b'], 'and was changed then')
  family.commitEnded('/n/b')
  t.strictSame(missing(), [undefined, undefined])
  family.applyChange('/n/c', put(9n, '1'))
  t.strictSame(missing(), ['/n/c', undefined], 'there was none before')
  family.storeCommitted('/n/c', 1, 9n, 1)
  t.strictSame(missing(), [undefined, undefined], 'it was the commit itself')
})
