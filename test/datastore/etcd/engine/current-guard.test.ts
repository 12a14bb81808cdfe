import t from 'tap'
import { Batch } from '../../../../src/datastore/etcd/engine/batch.ts'
import { Image } from '../../../../src/datastore/image/index.ts'
import { declare } from '../../../../src/datastore/index.ts'
import { BusyKeys, type Plannable } from '../../../../src/datastore/planning/index.ts'
import { comparedKeysMax } from '../../../../src/datastore/planning/limits.ts'
import { answerOnly, type Family, put, type Write } from '../../../../src/plan/index.ts'
import { increment, keyOf, numbersBelow } from '../../rig.ts'

/** The guard `current`, for families of many and of few keys. */

const announced: Family<number> = { ...numbersBelow('/announced/', 'values'), isAnnounced: true }
const unannounced = numbersBelow('/unannounced/', 'values')
const others = numbersBelow('/others/', 'values')
const key = keyOf(announced, '7')

/** A batch over an image in which both families have `count` keys of revision 10, and all is known up to revision 30. */
function startBatch(count = comparedKeysMax + 1) {
  const image = new Image(
    [announced, unannounced, others].map((family) => declare(family)),
    () => undefined,
  )
  for (const family of [announced, unannounced]) {
    for (let n = 0; n < count; n++) {
      image.of(family).store(keyOf(family, String(n)).text, { text: '1', revision: 10n, asOf: 10n })
    }
  }
  for (const held of image.families()) held.completeUpTo(30n)
  const busy = new BusyKeys()
  return { batch: new Batch(image, busy), busy, held: image.of(announced) }
}

function listing(family: Family<number>, isFresh: boolean): Plannable {
  const plan: Plannable['plan'] = (view) => ({
    ...increment(keyOf(others, 'sum'))(view),
    answer: view.list(family, 'current').length,
  })
  return { plan, isDryRun: false, isFresh: () => isFresh }
}

function writing(...writes: Write[]): Plannable {
  const plan: Plannable['plan'] = (view) => {
    for (const write of writes) view.get(write.key)
    return { answer: undefined, writes }
  }
  return { plan, isDryRun: false, isFresh: () => false }
}

const announcement = { target: 'Mod', result: 'Less', key: Buffer.from('/ippoold/v1/announcements/announced') }
const range = {
  target: 'Mod',
  result: 'Less',
  key: Buffer.from('/announced/'),
  range_end: Buffer.from('/announced0'),
}

t.test(
  'a listing of many keys is proved by their announcement, on memory that was brought up to the present',
  async (t) => {
    const { batch } = startBatch()
    t.strictSame(batch.add(listing(announced, false)), { kind: 'unproved', families: [announced] })
    t.strictSame(batch.compares(), [], 'nothing is left behind')
    t.equal(batch.add(listing(announced, true)).kind, 'added')
    t.strictSame(batch.compares().at(-1), { ...announcement, mod_revision: '31' })
    t.equal(batch.compares().length, 2, 'and the key that it writes')
  },
)

t.test('a listing of few keys, or of a family that is not announced, is compared as a whole', async (t) => {
  const { batch } = startBatch(comparedKeysMax)
  t.equal(batch.add(listing(announced, false)).kind, 'added')
  t.strictSame(batch.compares().at(-1), { ...range, mod_revision: '31' })
  const { batch: another } = startBatch()
  t.equal(another.add(listing(unannounced, false)).kind, 'added')
  t.match(another.compares().at(-1), { key: Buffer.from('/unannounced/'), range_end: Buffer.from('/unannounced0') })
})

t.test('memory that holds more than one revision is brought up to the present once more', async (t) => {
  const { batch, held } = startBatch()
  held.store(key.text, { text: '2', revision: 40n, asOf: 40n })
  t.strictSame(batch.add(listing(announced, true)), { kind: 'unproved', families: [announced] }, 'a read was newer')
  held.completeUpTo(40n)
  t.equal(batch.add(listing(announced, true)).kind, 'added')
  t.strictSame(batch.compares().at(-1), { ...announcement, mod_revision: '41' })
})

t.test('a listing waits for a commit that changes the family', async (t) => {
  const { batch, busy } = startBatch()
  busy.add(key.text, false)
  t.strictSame(batch.add(listing(announced, true)), { kind: 'busy', key: key.text })
  busy.delete(key.text)
  t.equal(batch.add(listing(announced, true)).kind, 'added')
})

t.test('each transaction that changes the family announces it, once', async (t) => {
  const announcements = (batch: Batch): number => {
    return batch.changes('7').filter(({ request_put: put }) => put?.key?.toString().includes('/announcements/')).length
  }
  const { batch } = startBatch()
  batch.add(writing(put(key, 5), put(keyOf(announced, '8'), 5)))
  t.equal(announcements(batch), 1)
  const { batch: deleting } = startBatch()
  deleting.add(writing({ kind: 'delete', key }))
  t.equal(announcements(deleting), 1, 'also one that only deletes')
  const { batch: other } = startBatch()
  other.add(writing(put(keyOf(unannounced, '8'), 5)))
  t.equal(announcements(other), 0)
})

t.test('an announcement takes a place in the transaction', async (t) => {
  const keys = (family: Family<number>, count: number) =>
    Array.from({ length: count }, (_, n) => put(keyOf(family, `new-${n}`), 1))
  t.equal(startBatch().batch.add(writing(...keys(announced, 126))).kind, 'added')
  t.strictSame(startBatch().batch.add(writing(...keys(announced, 127))), { kind: 'too-large', operations: 129 })
  t.equal(startBatch().batch.add(writing(...keys(unannounced, 127))).kind, 'added')
})

t.test('a plan that only reads is held to the same', async (t) => {
  const { batch } = startBatch()
  const plan: Plannable['plan'] = (view) => answerOnly(view.list(announced, 'current').length)
  t.strictSame(batch.add({ plan, isDryRun: false, isFresh: () => false }), { kind: 'unproved', families: [announced] })
  t.strictSame(batch.add({ plan, isDryRun: false, isFresh: () => true }), {
    kind: 'added',
    answer: comparedKeysMax + 1,
  })
})
