import t from 'tap'
import { HeldFamily } from '../../../src/datastore/image/index.ts'
import { recentValuesMax } from '../../../src/datastore/image/limits.ts'
import type { Family, Revision } from '../../../src/plan/index.ts'
import { numbersBelow } from '../rig.ts'

const a = '/n/a'

function hold(held: Family<number>['held']) {
  const family = new HeldFamily(numbersBelow('/n/', held), undefined, () => undefined)
  return { family }
}

function stored(text: string, revision: Revision) {
  return { text, revision, asOf: revision }
}

t.test('the length of what is held is that of the keys, and of the values in memory', async (t) => {
  for (const held of ['values', 'digests', 'recent'] as const) {
    const { family } = hold(held)
    family.store(a, stored('12345', 20n))
    t.equal(family.bytes, a.length + 5, held)
    family.store(a, stored('1', 21n))
    t.equal(family.bytes, a.length + 1, held)
    family.storeCommitted('/n/b', 77, 22n, 2)
    t.equal(family.bytes, 2 * a.length + 3, held)
    family.storeAbsent('/n/b', 23n)
    t.equal(family.bytes, held === 'recent' ? 2 * a.length + 1 : a.length + 1, held)
    family.rewind()
    t.equal(family.bytes, held === 'values' ? a.length + 1 : held === 'digests' ? a.length : 0, held)
  }
  const { family } = hold('digests')
  const count = recentValuesMax.digests + 100
  for (let number = 0; number < count; number++) {
    family.store(`/n/${String(number).padStart(5, '0')}`, stored('12', BigInt(number + 1)))
  }
  t.equal(family.bytes, count * 8 + recentValuesMax.digests * 2, 'values that made room do not count')
})
