import fc from 'fast-check'
import t from 'tap'
import { HeldFamily } from '../../../src/datastore/image/index.ts'
import { recentValuesMax } from '../../../src/datastore/image/limits.ts'
import type { Family, Lookup, Observer } from '../../../src/plan/index.ts'
import { numbersBelow, summary } from '../rig.ts'
import { hold, put, stored } from './held-rig.ts'

const a = '/n/a'

/** Like {@link hold}, with an observer to whom texts of digits say all; and the texts that were decoded, in order. */
function holdUndecoded(held: Family<number>['held']) {
  const told: [key: string, text: string | Lookup<unknown>][] = []
  const decodedTexts: string[] = []
  const problems: string[] = []
  const numbers = numbersBelow('/n/', held)
  const counted: Family<number> = {
    ...numbers,
    decode: (key, text) => {
      decodedTexts.push(text)
      return numbers.decode(key, text)
    },
  }
  const observer: Observer<unknown> = {
    changed: (key, lookup) => told.push([key, lookup]),
    changedText: (key, text) => {
      if (!text.startsWith('1')) return false
      told.push([key, text])
      return true
    },
  }
  const family = new HeldFamily(counted, observer, (key, problem) => problems.push(`${key}: ${problem}`))
  return { family, told, decodedTexts, problems }
}

t.test('a value whose text is enough for the observer is decoded on first use, once', async (t) => {
  const { family, told, decodedTexts } = holdUndecoded('digests')
  family.store(a, stored('1', 5n))
  family.applyChange('/n/b', put(6n, '12'))
  t.strictSame(
    [told, decodedTexts],
    [
      [
        [a, '1'],
        ['/n/b', '12'],
      ],
      [],
    ],
  )
  t.equal(family.valueAt(a, 5n), undefined, 'not in memory as a value')
  for (let n = 0; n < 2; n++) t.strictSame(family.lookup(a), { kind: 'value', value: 1, revision: 5n })
  t.strictSame(decodedTexts, ['1'])
  t.equal(family.valueAt(a, 5n), 1)
  family.store(a, stored('13', 7n))
  family.store(a, stored('1', 6n))
  t.strictSame(decodedTexts, ['1'], 'what comes instead is not decoded either, and what is older is nothing')
  t.strictSame(family.lookup(a), { kind: 'value', value: 13, revision: 7n })
  t.equal(told.length, 3, 'that a value was decoded is no change')
  family.storeAbsent('/n/b', 8n)
  t.strictSame([family.lookup('/n/b'), decodedTexts], [{ kind: 'absent' }, ['1', '13']])
})

t.test('a value whose text is not enough for the observer is decoded at once', async (t) => {
  const { family, told, decodedTexts, problems } = holdUndecoded('digests')
  family.store(a, stored('2', 5n))
  family.store('/n/b', stored('two', 6n))
  t.strictSame(decodedTexts, ['2', 'two'])
  t.strictSame(problems, ['/n/b: two is not a number'])
  t.strictSame(told, [
    [a, { kind: 'value', value: 2, revision: 5n }],
    ['/n/b', { kind: 'unreadable', problem: 'two is not a number', revision: 6n }],
  ])
  family.lookup(a)
  family.lookup('/n/b')
  t.equal(decodedTexts.length, 2)
})

t.test('a value that the observer wrongly took for readable is reported on first use', async (t) => {
  const { family, told, problems } = holdUndecoded('digests')
  family.store(a, stored('1x', 5n))
  t.strictSame(problems, [])
  const unreadable = { kind: 'unreadable', problem: '1x is not a number', revision: 5n } as const
  for (let n = 0; n < 2; n++) t.strictSame(family.lookup(a), unreadable)
  t.strictSame(problems, [`${a}: 1x is not a number`])
  t.strictSame(told, [
    [a, '1x'],
    [a, unreadable],
  ])
})

t.test('a listing decodes what it lists', async (t) => {
  const { family, decodedTexts } = holdUndecoded('values')
  family.load(a, stored('1', 5n))
  family.load('/n/b', stored('1x', 6n))
  t.strictSame(decodedTexts, [])
  t.strictSame(summary(family.listing('/n/') as never), ['a=1', 'b!'])
  t.strictSame(decodedTexts, ['1', '1x'])
})

t.test('values read with their whole family take no room from recently used ones', async (t) => {
  const { family, told, decodedTexts } = holdUndecoded('digests')
  const count = recentValuesMax.digests
  for (let n = 0; n < count; n++) family.load(`/n/${n}`, stored('1', BigInt(n + 1)))
  family.load('/n/more', stored('14', 90_001n))
  family.load('/n/yet-more', stored('2', 90_002n))
  t.equal(family.size, count + 2)
  t.equal(told.length, count + 2, 'the observer hears of all')
  t.strictSame([family.lookup('/n/more'), family.lookup('/n/yet-more')], [undefined, undefined])
  t.strictSame(family.lookup('/n/0'), { kind: 'value', value: 1, revision: 1n })
  family.load('/n/1', stored('15', 90_003n))
  t.strictSame(family.lookup('/n/1'), { kind: 'value', value: 15, revision: 90_003n }, 'one that is held changes')
  t.strictSame(decodedTexts, ['2', '1', '15'])
  family.store('/n/more', stored('14', 90_001n, 90_003n))
  t.strictSame(family.lookup('/n/more'), { kind: 'value', value: 14, revision: 90_001n }, 'fetched for somebody')
  t.equal(family.lookup('/n/2'), undefined, 'the least recently used makes room for it')
})

t.test('a value is held as it is decoded, one that is broken with its problem', async (t) => {
  const { family, observed, problems } = hold('values')
  family.store(a, stored('1', 5n))
  family.store('/n/b', stored('one', 6n))
  t.strictSame(family.lookup(a), { kind: 'value', value: 1, revision: 5n })
  t.strictSame(family.lookup('/n/b'), { kind: 'unreadable', problem: 'one is not a number', revision: 6n })
  t.strictSame(problems, [['/n/b', 'one is not a number']])
  t.strictSame(summary(family.listing('/n/') as never), ['a=1', 'b!'])
  t.strictSame(observed, [
    [a, family.lookup(a)],
    ['/n/b', family.lookup('/n/b')],
  ])
})

t.test('a value older than the held one is not applied', async (t) => {
  for (const held of ['values', 'digests', 'recent'] as const) {
    const { family, observed } = hold(held)
    family.store(a, stored('2', 20n))
    family.store(a, stored('1', 10n))
    family.storeCommitted(a, 1, 10n, 1)
    family.storeAbsent(a, 19n)
    family.store(a, stored('2', 20n, 30n))
    t.strictSame(family.lookup(a), { kind: 'value', value: 2, revision: 20n }, held)
    t.equal(observed.length, 1, held)
    family.storeCommitted(a, 3, 21n, 1)
    t.strictSame(family.lookup(a), { kind: 'value', value: 3, revision: 21n }, held)
    family.storeAbsent(a, 22n)
    t.strictSame(family.lookup(a), { kind: 'absent' }, held)
    t.strictSame(observed.at(-1), [a, { kind: 'absent' }], held)
  }
})

t.test('a deletion keeps older events from bringing the key back', async (t) => {
  for (const held of ['values', 'digests', 'recent'] as const) {
    const { family, observed } = hold(held)
    family.store(a, stored('1', 10n))
    family.storeAbsent(a, 20n)
    family.store(a, stored('2', 15n))
    t.strictSame(family.lookup(a), { kind: 'absent' }, held)
    t.equal(observed.length, 2, held)
    family.store(a, stored('3', 21n))
    t.strictSame(family.lookup(a), { kind: 'value', value: 3, revision: 21n }, held)
  }
})

t.test('an older answer does not weaken what is known of a deletion', async (t) => {
  const { family } = hold('values')
  family.storeAbsent(a, 20n)
  family.storeAbsent(a, 10n)
  family.store(a, stored('1', 15n))
  t.strictSame(family.lookup(a), { kind: 'absent' })
})

t.test('a late answer does not bring back a key that the watch has seen deleted', async (t) => {
  const { family } = hold('digests')
  family.store(a, stored('1', 10n))
  family.storeAbsent(a, 20n)
  family.completeUpTo(20n)
  family.store(a, stored('1', 10n, 15n))
  family.storeCommitted(a, 1, 10n, 1)
  t.strictSame(family.lookup(a), { kind: 'absent' })
})

t.test('a new answer is believed, although the watch has said nothing of the key', async (t) => {
  const { family } = hold('digests')
  family.completeUpTo(20n)
  family.store(a, stored('1', 10n, 20n))
  t.strictSame(family.lookup(a), { kind: 'value', value: 1, revision: 10n })
})

t.test('a key that is not held does not exist, but for a family of which only some are held', async (t) => {
  const cases: [held: Family<number>['held'], lookup: Lookup<unknown> | undefined][] = [
    ['values', { kind: 'absent' }],
    ['digests', { kind: 'absent' }],
    ['recent', undefined],
  ]
  for (const [held, lookup] of cases) t.strictSame(hold(held).family.lookup(a), lookup, held)
})

t.test('an observer hears of a key that goes only if it was there', async (t) => {
  for (const held of ['values', 'digests', 'recent'] as const) {
    const { family, observed } = hold(held)
    family.storeAbsent(a, 10n)
    family.storeAbsent(a, 11n)
    t.strictSame(observed, [], held)
  }
})

t.test('only the recently used values of a family that holds digests are in memory, and every key', async (t) => {
  const { family, observed } = hold('digests')
  const count = recentValuesMax.digests
  for (let n = 0; n < count; n++) family.store(`/n/${n}`, stored('1', BigInt(n + 1)))
  family.lookup('/n/0')
  family.store('/n/new', stored('1', 99_999n))
  t.ok(family.lookup('/n/0'), 'used a moment ago')
  t.equal(family.lookup('/n/1'), undefined, 'the least recently used')
  t.ok(family.lookup('/n/2'))
  t.equal(family.size, count + 1)
  t.equal(observed.length, count + 1, 'that a value is forgotten is no change')
  family.store('/n/1', stored('1', 2n, 99_999n))
  t.strictSame(
    family.lookup('/n/1'),
    { kind: 'value', value: 1, revision: 2n },
    'read again at the revision it was held at',
  )
})

t.test('a family that holds recent values forgets the others, absences too', async (t) => {
  const { family } = hold('recent')
  const count = recentValuesMax.recent
  for (let n = 0; n < count; n++) family.storeAbsent(`/n/${n}`, 1n)
  family.store('/n/new', stored('1', 2n))
  t.equal(family.lookup('/n/0'), undefined)
  t.strictSame(family.lookup('/n/1'), { kind: 'absent' })
  t.equal(family.size, count)
})

t.test('the complete revision only grows', async (t) => {
  const { family } = hold('values')
  family.completeUpTo(7n)
  family.completeUpTo(5n)
  t.equal(family.completeRevision, 7n)
})

t.test('a prefix is proven up to its last proof, or to the complete revision when that is newer', async (t) => {
  const { family } = hold('values')
  family.completeUpTo(5n)
  t.equal(family.provenRevision('changed', '/n/'), 5n)
  family.prove('changed', '/n/', 9n)
  t.equal(family.provenRevision('changed', '/n/'), 9n)
  t.equal(family.provenRevision('created', '/n/'), 5n, 'the other guard')
  t.equal(family.provenRevision('changed', a), 5n, 'another prefix')
  family.completeUpTo(12n)
  t.equal(family.provenRevision('changed', '/n/'), 12n)
})

t.test('proofs of very many prefixes are forgotten rather than kept', async (t) => {
  const { family } = hold('values')
  for (let n = 0; n < 1_002; n++) family.prove('changed', `/n/${n}`, 9n)
  t.equal(family.provenRevision('changed', '/n/0'), 0n)
  t.equal(family.provenRevision('changed', '/n/1001'), 9n)
})

t.test('keys that come and go are counted, values that change are not', async (t) => {
  const { family } = hold('values')
  const before = family.keySetChanges
  family.store(a, stored('1', 1n))
  t.equal(family.keySetChanges, before + 1)
  family.store(a, stored('2', 2n))
  t.equal(family.keySetChanges, before + 1)
  family.storeAbsent(a, 3n)
  family.storeAbsent(a, 4n)
  t.equal(family.keySetChanges, before + 2)
})

t.test('what is held is exact when nothing in it is newer than the complete revision', async (t) => {
  const { family } = hold('digests')
  t.ok(family.isExact)
  family.store(a, stored('1', 5n))
  t.notOk(family.isExact, 'an event that is being taken over')
  family.completeUpTo(5n)
  t.ok(family.isExact)
  family.storeCommitted(a, 2, 9n, 1)
  t.notOk(family.isExact, 'a commit, before which somebody else may have changed something')
  family.completeUpTo(8n)
  t.notOk(family.isExact)
  family.completeUpTo(9n)
  t.ok(family.isExact)
  family.storeAbsent('/n/none', 12n)
  t.ok(family.isExact, 'nothing has changed')
  family.storeAbsent(a, 12n)
  t.notOk(family.isExact)
  family.completeUpTo(12n)
  t.ok(family.isExact)
})

t.test('values are listed only by a family that holds them all', async (t) => {
  t.throws(() => [...hold('digests').family.listing('/n/')])
})

t.test('a history ends in the same state whatever the order in which it arrives, and how often', async (t) => {
  const change = fc.record({ key: fc.constantFrom(a, '/n/b'), isDeletion: fc.boolean() })
  const order = (length: number) => fc.array(fc.nat({ max: length - 1 }), { maxLength: 3 * length })
  const history = fc
    .array(change, { minLength: 1, maxLength: 12 })
    .chain((changes) => fc.tuple(fc.constant(changes), order(changes.length)))
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(history, fc.constantFrom('values', 'digests', 'recent'), ([changes, early], held) => {
        const { family } = hold(held)
        const apply = (index: number): void => {
          const { key, isDeletion } = changes[index] ?? { key: a, isDeletion: true }
          const revision = BigInt(index + 1)
          if (isDeletion) family.storeAbsent(key, revision)
          else family.store(key, stored(String(index), revision))
        }
        // Answers to commits and reads come at any time; the watch comes with everything, in order.
        for (const index of early) apply(index)
        for (const index of changes.keys()) {
          apply(index)
          family.completeUpTo(BigInt(index + 1))
          for (const late of early) if (late <= index) apply(late)
        }
        for (const key of [a, '/n/b']) {
          const last = changes.findLastIndex((change) => change.key === key)
          const lookup = family.lookup(key)
          if (last === -1) continue
          const want = changes[last]?.isDeletion === true ? 'absent' : last
          if ((lookup?.kind === 'value' ? lookup.value : lookup?.kind) !== want) return false
        }
        return true
      }),
    ),
  )
})

t.test(
  'what others have written is theirs until this server writes it, or it has been left alone for long',
  async (t) => {
    const { family } = hold('digests')
    family.load(a, stored('1', 2n))
    t.notOk(family.isOthers(a), 'it was there before')
    family.store(a, stored('2', 3n))
    t.ok(family.isOthers(a))
    family.storeCommitted(a, 3, 4n, 1)
    t.notOk(family.isOthers(a))
    family.store(a, stored('3', 4n))
    t.notOk(family.isOthers(a), 'it was only read again')
    family.applyChange(a, put(5n, '4'))
    t.ok(family.isOthers(a))
    family.storeCommitted('/n/b', 1, 1_004n, 1)
    t.ok(family.isOthers(a))
    family.storeCommitted('/n/b', 2, 1_005n, 1)
    t.notOk(family.isOthers(a))
    t.notOk(family.isOthers('/n/none'))
  },
)

t.test('a listing is the same list until a key below its prefix changes', async (t) => {
  const { family } = hold('values')
  family.store('/n/a/1', { revision: 1n, text: '1', asOf: 1n })
  family.store('/n/b/1', { revision: 2n, text: '1', asOf: 2n })
  const [ofA, ofB] = [family.listing('/n/a/'), family.listing('/n/b/')]
  family.store('/n/b/2', { revision: 3n, text: '2', asOf: 3n })
  t.equal(family.listing('/n/a/'), ofA)
  t.not(family.listing('/n/b/'), ofB)
  t.equal(family.listing('/n/b/')[0], ofB[0], 'what has not changed is the same entry')
  family.store('/n/b/1', { revision: 4n, text: '3', asOf: 4n })
  t.strictSame(summary(family.listing('/n/b/') as never), ['1=3', '2=2'])
  family.storeAbsent('/n/a/1', 5n)
  t.strictSame(family.listing('/n/a/'), [])
})

t.test('a very long listing follows its changes, too', async (t) => {
  const { family } = hold('values')
  const key = (number: number): string => `/n/${String(number).padStart(5, '0')}`
  for (let number = 0; number < 5_000; number++) family.store(key(number), { revision: 1n, text: '1', asOf: 1n })
  t.equal(family.listing('/n/').length, 5_000)
  family.store(key(5_000), { revision: 2n, text: '1', asOf: 2n })
  family.storeAbsent(key(7), 3n)
  const keys = family.listing('/n/').map((entry) => entry.key)
  t.equal(keys.length, 5_000)
  t.strictSame([keys[7], keys.at(-1)], [key(8), key(5_000)])
})

t.test(
  'a family that is rewound believes whatever is read next, and keeps only what it cannot do without',
  async (t) => {
    for (const held of ['values', 'digests', 'recent'] as const) {
      const { family, observed } = hold(held)
      family.store(a, stored('1', 20n))
      family.storeAbsent('/n/b', 21n)
      family.completeUpTo(22n)
      family.prove('created', '/n/', 30n)
      family.awaitCommit('/n/c')
      family.applyChange('/n/c', put(23n, '9'))
      family.rewind()
      family.commitEnded('/n/c')
      t.strictSame(
        [family.completeRevision, family.newestRevision, family.provenRevision('created', '/n/')],
        [0n, 0n, 0n],
      )
      t.strictSame(family.lookup(a), held === 'values' ? { kind: 'value', value: 1, revision: 20n } : undefined, held)
      if (held !== 'recent') t.strictSame(family.lookup('/n/c'), { kind: 'absent' }, 'what the watch told is forgotten')
      family.store(a, stored('3', 10n))
      family.store('/n/b', stored('4', 11n))
      t.strictSame(family.lookup(a), { kind: 'value', value: 3, revision: 10n })
      t.strictSame(family.lookup('/n/b'), { kind: 'value', value: 4, revision: 11n })
      t.strictSame(observed.at(-2), [a, family.lookup(a)])
    }
  },
)

t.test('a value is known by the revision that wrote it, until etcd is put back to an earlier state', async (t) => {
  const { family } = hold('values')
  family.store(a, stored('1', 5n))
  family.store('/n/b', stored('one', 6n))
  t.strictSame([family.valueAt(a, 5n), family.valueAt(a, 4n), family.valueAt(a, 6n)], [1, undefined, undefined])
  t.strictSame([family.valueAt('/n/b', 6n), family.valueAt('/n/c', 5n)], [undefined, undefined])
  family.rewind()
  t.equal(family.valueAt(a, 5n), undefined, 'the same revision may have written something else')
  family.store(a, stored('2', 5n))
  t.equal(family.valueAt(a, 5n), 2)
})
