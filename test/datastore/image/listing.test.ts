import t from 'tap'
import { withEntry } from '../../../src/datastore/image/index.ts'
import type { Listed } from '../../../src/plan/index.ts'

function entry(key: string, value = 1): Listed<number> {
  return { key, kind: 'value', value, revision: 1n }
}

t.test('a listing stays sorted, with one entry for each key', async (t) => {
  const [a, b, c] = ['/a', '/b', '/c'].map((key) => entry(key))
  if (!a || !b || !c) throw new Error('Three entries were made.')
  const other = entry('/b', 2)
  const cases: [listing: Listed<number>[], key: string, entry: Listed<number> | undefined, want: Listed<number>[]][] = [
    [[], '/b', b, [b]],
    [[], '/b', undefined, []],
    [[a, c], '/b', b, [a, b, c]],
    [[b, c], '/a', a, [a, b, c]],
    [[a, b], '/c', c, [a, b, c]],
    [[a, b, c], '/b', other, [a, other, c]],
    [[a, b, c], '/a', undefined, [b, c]],
    [[a, b, c], '/c', undefined, [a, b]],
    [[a, c], '/b', undefined, [a, c]],
  ]
  for (const [listing, key, changed, want] of cases) {
    const before = [...listing]
    t.strictSame(withEntry(listing, key, changed), want, `${key} in ${listing.map((one) => one.key).join()}`)
    t.strictSame(listing, before, 'the listing given is left as it is')
  }
})
