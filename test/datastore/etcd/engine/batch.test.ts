import t from 'tap'
import { Batch } from '../../../../src/datastore/etcd/engine/batch.ts'
import { Image } from '../../../../src/datastore/image/index.ts'
import { BusyKeys, type Plannable } from '../../../../src/datastore/planning/index.ts'
import { transactionOperationsMax } from '../../../../src/datastore/etcd/limits.ts'
import { declare } from '../../../../src/datastore/index.ts'
import { answerOnly, type Family, type Key, put, remove, type View, type Write } from '../../../../src/plan/index.ts'
import { increment, keyOf, numberAt, numbersBelow, summary } from '../../rig.ts'

const values = numbersBelow('/values/', 'values')
const recent = numbersBelow('/recent/', 'recent')
const a = keyOf(values, 'a')
const b = keyOf(values, 'b')
const cold = keyOf(recent, 'cold')

/** A batch over an image in which `a` is 1 at revision 10, `b` is 2 at revision 20, and all values are known up to revision 30. */
function startBatch() {
  const image = new Image([declare(values), declare(recent)], () => undefined)
  image.of(values).store(a.text, { text: '1', revision: 10n, asOf: 10n })
  image.of(values).store(b.text, { text: '2', revision: 20n, asOf: 20n })
  image.of(values).completeUpTo(30n)
  const busy = new BusyKeys()
  return { batch: new Batch(image, busy), busy, image }
}

function operation(plan: Plannable['plan'], options: { isDryRun?: boolean; isFresh?: boolean } = {}): Plannable {
  return { plan, isDryRun: options.isDryRun ?? false, isFresh: () => options.isFresh ?? false }
}

/** A plan that looks and changes nothing. */
function looking(look: (view: View) => unknown): Plannable {
  return operation((view) => answerOnly(look(view)))
}

/** A plan that reads many keys and changes none. */
function readingMany(count: number, prefix = ''): Plannable {
  return looking((view) => {
    for (let n = 0; n < count; n++) view.get(keyOf(values, `${prefix}${n}`))
  })
}

function writesOf(batch: Batch): string[] {
  return [...batch.writes.values()].map((write) =>
    write.kind === 'put' ? `${write.key.text}=${write.encode()}` : `-${write.key.text}`,
  )
}

function readsOf(batch: Batch): string[] {
  return [...batch.reads].map(({ key, revision }) => `${key.text}@${revision}`)
}

t.test('what a plan reads is compared at the revision it was read at', async (t) => {
  const { batch } = startBatch()
  const plan = looking((view) => [view.get(a), view.get(keyOf(values, 'none')), view.get(cold, { assumeAbsent: true })])
  t.strictSame(batch.add(plan), {
    kind: 'added',
    answer: [{ kind: 'value', value: 1, revision: 10n }, { kind: 'absent' }, { kind: 'absent' }],
  })
  t.strictSame(readsOf(batch), ['/values/a@10', '/values/none@0', '/recent/cold@0'])
  t.strictSame(
    batch.compares().map(({ target, result, mod_revision }) => [target, result, mod_revision]),
    ['10', '0', '0'].map((revision) => ['Mod', 'Equal', revision]),
  )
  t.strictSame(
    batch.rereads(),
    [a, keyOf(values, 'none'), cold].map(({ text }) => ({ request_range: { key: Buffer.from(text) } })),
  )
  t.strictSame(batch.changes('7'), [])
})

t.test('an operation sees the writes of those before it, and reads a key once for all of them', async (t) => {
  const { batch } = startBatch()
  for (let n = 2; n <= 4; n++) t.strictSame(batch.add(operation(increment(a))), { kind: 'added', answer: n })
  t.strictSame(batch.add(operation((view) => ({ answer: view.get(b), writes: [remove(b)] }))).kind, 'added')
  t.strictSame(batch.add(looking((view) => [view.get(a), view.get(b)])), {
    kind: 'added',
    answer: [{ kind: 'value', value: 4, revision: 0n }, { kind: 'absent' }],
  })
  t.strictSame(readsOf(batch), ['/values/a@10', '/values/b@20'])
  t.strictSame(writesOf(batch), ['/values/a=4', '-/values/b'])
  t.strictSame(batch.changes('7'), [
    { request_put: { key: Buffer.from('/values/a'), value: Buffer.from('4') } },
    { request_delete_range: { key: Buffer.from('/values/b') } },
  ])
})

t.test('a plan that tells a revision does not rely on a write of its batch, which has none yet', async (t) => {
  const { batch } = startBatch()
  const reading = (key: Key<number>) => looking((view) => view.get(key, { awaitCommit: true }))
  t.match(batch.add(reading(a)), { kind: 'added', answer: { value: 1, revision: 10n } })
  batch.add(operation(increment(a)))
  t.match(batch.add(reading(a)), { kind: 'full' })
  t.match(batch.add(reading(b)), { kind: 'added', answer: { value: 2, revision: 20n } })
  batch.add(operation((view) => ({ answer: view.get(b), writes: [remove(b)] })))
  t.match(batch.add(reading(b)), { kind: 'full' })
})

t.test('a family that is changed singly is written by one operation of a batch', async (t) => {
  const singly: Family<number> = { ...numbersBelow('/singly/', 'values'), isChangedSingly: true }
  const image = new Image([declare(singly), declare(values)], () => undefined)
  for (const family of [singly, values]) image.of(family).completeUpTo(30n)
  const batch = new Batch(image, new BusyKeys())
  const one = keyOf(singly, 'one')
  const other = keyOf(singly, 'other')
  t.match(batch.add(operation(increment(one, other))), { kind: 'added' }, 'an operation may need more than one change')
  t.match(batch.add(operation(increment(keyOf(singly, 'third')))), { kind: 'full' })
  t.match(batch.add(operation(increment(keyOf(singly, 'third')), { isDryRun: true })), { kind: 'added' })
  t.match(batch.add(operation(increment(a))), { kind: 'added' }, 'others go with it')
  t.strictSame(writesOf(batch), ['/singly/one=1', '/singly/other=1', '/values/a=1'])
})

t.test('what is created and deleted within a batch is not written at all', async (t) => {
  const { batch } = startBatch()
  const fresh = keyOf(values, 'fresh')
  batch.add(operation(increment(fresh)))
  batch.add(operation((view) => ({ answer: view.get(fresh), writes: [remove(fresh)] })))
  t.strictSame(writesOf(batch), [])
  t.strictSame(readsOf(batch), ['/values/fresh@0'], 'but that it did not exist is proved')
  batch.add(operation(increment(fresh)))
  t.strictSame(writesOf(batch), ['/values/fresh=1'])
  const { batch: another } = startBatch()
  another.add(operation(increment(a)))
  another.add(operation((view) => ({ answer: view.get(a), writes: [remove(a)] })))
  t.strictSame(writesOf(another), ['-/values/a'], 'what existed before is deleted')
})

t.test('a listing is in key order and shows the writes of earlier operations', async (t) => {
  const { batch } = startBatch()
  const list = looking((view) => summary(view.list(values, 'changed')))
  t.strictSame(batch.add(list), { kind: 'added', answer: ['a=1', 'b=2'] })
  batch.add(operation(increment(keyOf(values, 'aa'), b)))
  t.strictSame(batch.add(list), { kind: 'added', answer: ['a=1', 'aa=1', 'b=3'] })
  batch.add(operation((view) => ({ answer: view.get(a), writes: [remove(a)] })))
  t.strictSame(batch.add(list), { kind: 'added', answer: ['aa=1', 'b=3'] })
  const below = looking((view) => summary(view.list(values, 'changed', '/values/a')))
  t.strictSame(batch.add(below), { kind: 'added', answer: ['aa=1'] })
})

t.test('a listing is guarded by one compare over its prefix, as of what is known', async (t) => {
  const { batch, image } = startBatch()
  image.of(values).prove('created', '/values/', 40n)
  batch.add(looking((view) => view.list(values, 'changed').length + view.list(values, 'changed').length))
  batch.add(looking((view) => view.list(values, 'created')))
  const range = { key: Buffer.from('/values/'), range_end: Buffer.from('/values0'), result: 'Less' }
  t.strictSame(batch.compares(), [
    { ...range, target: 'Mod', mod_revision: '31' },
    { ...range, target: 'Create', create_revision: '41' },
  ])
})

t.test('a plan without writes is not believed on the word of an index', async (t) => {
  const looks: [name: string, look: (view: View) => unknown][] = [
    ['hint', (view) => view.list(values, 'hint')],
    ['consult', (view) => view.consult(values)],
    ['consult, created', (view) => view.consult(values, 'created')],
  ]
  for (const [name, look] of looks) {
    const { batch } = startBatch()
    t.strictSame(batch.add(looking(look)), { kind: 'unproved', families: [values] }, name)
    t.strictSame(batch.compares(), [], name)
    const fresh = operation((view) => answerOnly(look(view)), { isFresh: true })
    t.equal(batch.add(fresh).kind, 'added', `${name}, read afresh`)
    const writing = operation((view) => ({ ...increment(a)(view), answer: look(view) }))
    t.equal(batch.add(writing).kind, 'added', `${name}, with a write: its reads prove it`)
    const noting = operation((view) => {
      view.get(cold, { assumeAbsent: true })
      return { answer: look(view), writes: [put(cold, 1, { isExpiring: true })] }
    })
    t.strictSame(startBatch().batch.add(noting), { kind: 'unproved', families: [values] }, `${name}, and a note of it`)
  }
  const { batch } = startBatch()
  t.equal(batch.add(looking((view) => view.list(values, 'created'))).kind, 'added', 'a guard is proof')
})

t.test('a refusal on the word of an index stands on one revision of it', async (t) => {
  const { batch, image } = startBatch()
  const refusing = operation((view) => answerOnly(view.list(values, 'hint').length), { isFresh: true })
  image.of(values).storeCommitted(a.text, 5, 35n, 1)
  t.strictSame(batch.add(refusing), { kind: 'unproved', families: [values] }, 'a commit of this server went ahead')
  image.of(values).completeUpTo(35n)
  batch.add(operation(increment(keyOf(values, 'c'))))
  t.strictSame(batch.add(refusing), { kind: 'full' }, 'an earlier operation of the batch is going to')
  const next = new Batch(image, new BusyKeys())
  next.add(operation((view) => ({ answer: view.get(cold, { assumeAbsent: true }), writes: [put(cold, 1)] })))
  t.strictSame(next.add(refusing), { kind: 'added', answer: 2 }, 'writes of another family do not matter')
})

t.test('an index that must be complete is not consulted while the batch writes to its family', async (t) => {
  const { batch, image } = startBatch()
  batch.add(operation((view) => ({ answer: view.get(cold, { assumeAbsent: true }), writes: [put(cold, 1)] })))
  const complete = operation((view) => {
    view.consult(values, 'created')
    return { answer: numberAt(view, b), writes: [remove(b)] }
  })
  t.equal(batch.add(complete).kind, 'added', 'writes of another family do not matter')
  t.equal(batch.add(operation(increment(a))).kind, 'added')
  t.strictSame(batch.add(complete), { kind: 'full' }, 'it knows nothing of what an earlier operation is going to write')
  t.equal(new Batch(image, new BusyKeys()).add(complete).kind, 'added')
})

t.test('a plan waits for the commit that is writing what it reads', async (t) => {
  const { batch, busy } = startBatch()
  busy.add(a.text, false)
  const looks: [name: string, look: (view: View) => unknown, isBusy: boolean][] = [
    ['the key', (view) => view.get(a), true],
    ['the key, taken to be absent', (view) => view.get(a, { assumeAbsent: true }), true],
    ['another key', (view) => view.get(b), false],
    ['a listing that is to be unchanged', (view) => view.list(values, 'changed'), true],
    ['a listing to which nothing is to be added', (view) => view.list(values, 'created'), false],
    ['a listing of another prefix', (view) => view.list(values, 'changed', '/values/b'), false],
  ]
  for (const [name, look, isBusy] of looks) {
    const planned = batch.add(looking(look))
    if (isBusy) t.strictSame(planned, { kind: 'busy', key: a.text }, name)
    else t.equal(planned.kind, 'added', name)
  }
  t.strictSame(readsOf(batch), ['/values/b@20'], 'a plan that waits leaves nothing in the batch')
  t.strictSame(batch.add(looking((view) => [view.isBusy(a), view.isBusy(b)])), { kind: 'added', answer: [true, false] })
})

t.test('a listing guarded against additions waits while the addition of another server is put aside', async (t) => {
  const { batch, busy, image } = startBatch()
  busy.add(a.text, false)
  const held = image.of(values)
  held.awaitCommit(a.text)
  held.applyChange(a.text, { revision: 31n, createRevision: 0n, value: undefined })
  held.applyChange(a.text, { revision: 32n, createRevision: 32n, value: Buffer.from('7') })
  held.completeUpTo(32n)
  const look = looking((view) => view.list(values, 'created').length)
  t.strictSame(batch.add(look), { kind: 'busy', key: a.text })
  busy.delete(a.text)
  held.commitEnded(a.text)
  t.strictSame(batch.add(look), { kind: 'added', answer: 2 })
  t.match(batch.compares(), [{ target: 'Create', create_revision: '33' }])
})

t.test('a key is contested after contention for it, and for a while so is what others have just written', async (t) => {
  const { batch, busy, image } = startBatch()
  const contested = (): unknown => {
    const planned = batch.add(looking((view) => [view.isContested(a), view.isContested(b)]))
    return planned.kind === 'added' && planned.answer
  }
  image.of(values).storeCommitted(a.text, 2, 31n, 1)
  image.of(values).store(b.text, { text: '3', revision: 32n, asOf: 32n })
  t.strictSame(contested(), [false, false], 'others may write what they like')
  for (const _ of ['once', 'twice']) busy.noteLoss('/values/another')
  t.strictSame(contested(), [false, true])
  for (const _ of ['once', 'twice']) busy.noteLoss(a.text)
  t.strictSame(contested(), [true, true])
})

t.test('a plan waits with its contention group, without being planned', async (t) => {
  const { batch, busy } = startBatch()
  busy.add(a.text, false)
  busy.add(b.text, false)
  let looked = 0
  const plan = (group: string, key: typeof a): Plannable =>
    looking((view) => {
      view.waitWith(group)
      looked++
      return view.get(key)
    })
  t.strictSame(batch.add(plan('one', a)), { kind: 'busy', key: a.text })
  t.strictSame(batch.add(plan('one', b)), { kind: 'busy', key: a.text })
  t.equal(looked, 1)
  t.strictSame(batch.add(plan('two', b)), { kind: 'busy', key: b.text }, 'another group finds out by itself')
  t.equal(looked, 2)
  busy.delete(a.text)
  t.equal(batch.add(plan('one', a)).kind, 'added')
})

t.test('a plan waits for values that are not in memory, for all that it prefetches at once', async (t) => {
  const { batch, busy } = startBatch()
  const keys = ['cold', 'colder', 'busy', 'known', 'written'].map((name) => keyOf(recent, name))
  const [, colder, busyKey, known, written] = keys
  if (colder === undefined || busyKey === undefined || known === undefined || written === undefined) throw new Error()
  batch.add(operation((view) => ({ answer: view.get(written, { assumeAbsent: true }), writes: [put(written, 1)] })))
  const { image } = startBatch()
  image.of(recent).storeAbsent(known.text, 5n)
  busy.add(busyKey.text, false)
  t.strictSame(batch.add(looking((view) => view.get(cold))), { kind: 'cold', keys: [cold] })
  const another = new Batch(image, busy)
  t.strictSame(another.add(looking((view) => view.prefetch([cold, colder, busyKey, known]))), {
    kind: 'cold',
    keys: [cold, colder],
  })
  t.strictSame(batch.add(looking((view) => view.get(written))), {
    kind: 'added',
    answer: { kind: 'value', value: 1, revision: 0n },
  })
  t.equal(another.add(looking((view) => view.prefetch([known]))).kind, 'added')
  const many = Array.from({ length: 300 }, (_, n) => keyOf(recent, String(n)))
  const planned = another.add(looking((view) => view.prefetch(many)))
  t.strictSame(planned, { kind: 'cold', keys: many.slice(0, transactionOperationsMax) }, 'as many as one read takes')
  const again = [cold, colder, cold]
  t.strictSame(
    another.add(looking((view) => view.prefetch(again))),
    { kind: 'cold', keys: [cold, colder] },
    'each once',
  )
  for (const key of many.slice(0, transactionOperationsMax)) image.of(recent).storeAbsent(key.text, 5n)
  t.equal(another.add(looking((view) => view.prefetch(many))).kind, 'added', 'no plan can read more than that')
})

t.test('a dry run is planned and proved, and writes nothing', async (t) => {
  const { batch } = startBatch()
  t.strictSame(batch.add(operation(increment(a), { isDryRun: true })), { kind: 'added', answer: 2 })
  t.strictSame(batch.add(operation(increment(a))), { kind: 'added', answer: 2 })
  t.strictSame(readsOf(batch), ['/values/a@10'])
  t.strictSame(writesOf(batch), ['/values/a=2'])
})

t.test('a plan that writes what it has not read is a bug', async (t) => {
  const { batch } = startBatch()
  t.throws(() => batch.add(operation(() => ({ answer: 0, writes: [put(a, 1)] }))), {
    message: 'The plan writes /values/a without reading it.',
  })
  batch.add(looking((view) => view.get(a)))
  t.doesNotThrow(() => batch.add(operation(() => ({ answer: 0, writes: [put(a, 1)] }))), 'read by an earlier operation')
})

t.test('what a plan throws comes out, and leaves the batch as it was', async (t) => {
  const { batch } = startBatch()
  const failing = operation((view) => {
    view.get(a)
    throw new Error('no such luck')
  })
  t.throws(() => batch.add(failing), { message: 'no such luck' })
  t.strictSame(readsOf(batch), [])
})

t.test('a transaction has room for 127 keys and a slot', async (t) => {
  const room = transactionOperationsMax - 1
  const cases: [name: string, before: readonly Plannable[], last: Plannable, kind: string][] = [
    ['as many reads as there is room for', [], readingMany(room), 'added'],
    ['one more', [], readingMany(room + 1), 'too-large'],
    ['one more, in two operations', [readingMany(1, 'x')], readingMany(room), 'full'],
    ['the same reads twice', [readingMany(room)], readingMany(room), 'added'],
    ['a guard takes the place of a read', [readingMany(room)], looking((view) => view.list(values, 'changed')), 'full'],
    [
      'a batch of guards alone is not empty',
      [looking((view) => view.list(values, 'changed'))],
      readingMany(room),
      'full',
    ],
    [
      'the same guard twice',
      [looking((view) => view.list(values, 'changed'))],
      looking((view) => view.list(values, 'changed')),
      'added',
    ],
    [
      'a dry run counts its reads',
      [readingMany(room)],
      operation(increment(keyOf(values, 'x')), { isDryRun: true }),
      'full',
    ],
  ]
  for (const [name, before, last, kind] of cases) {
    const { batch } = startBatch()
    for (const earlier of before) t.equal(batch.add(earlier).kind, 'added', `${name}: before`)
    const reads = readsOf(batch).length
    t.equal(batch.add(last).kind, kind, name)
    if (kind !== 'added') t.equal(readsOf(batch).length, reads, `${name}: nothing is left behind`)
  }
})

t.test('writes are counted once for each key', async (t) => {
  const { batch } = startBatch()
  const keys = (count: number): Key<number>[] => Array.from({ length: count }, (_, n) => keyOf(values, String(n)))
  t.equal(batch.add(operation(increment(...keys(127)))).kind, 'added')
  t.equal(batch.add(operation(increment(...keys(127)))).kind, 'added')
  t.equal(batch.writes.size, 127)
  const writes = (view: View): Write[] => keys(128).map((key) => put(key, numberAt(view, key)))
  t.strictSame(startBatch().batch.add(operation((view) => ({ answer: 0, writes: writes(view) }))), {
    kind: 'too-large',
    operations: 129,
  })
})

t.test('a plan ends as soon as it has read more than a transaction can prove', async (t) => {
  let readCount = 0
  const insatiable = looking((view) => {
    for (readCount = 0; readCount < 100_000; readCount++) view.get(keyOf(values, String(readCount)))
  })
  t.strictSame(startBatch().batch.add(insatiable), { kind: 'too-large', operations: 129 })
  t.equal(readCount, 127)
  const { batch } = startBatch()
  batch.add(readingMany(1, 'x'))
  t.strictSame(batch.add(insatiable), { kind: 'full' }, 'alone it may read less')
})

t.test('a family that was not declared is a bug', async (t) => {
  const { batch } = startBatch()
  const stranger: Family<number> = numbersBelow('/stranger/', 'values')
  t.throws(() => batch.add(looking((view) => view.get(keyOf(stranger, 'a')))), /was not declared/)
})
