import t from 'tap'
import { Window } from '../../../src/ipam/check/window.ts'

const names = Array.from({ length: 10 }, (_, number) => `k${number}`)

/** All keys, window by window, each walked through in the order given. */
function windows(keys: readonly string[], sizeMax: number): readonly (readonly string[])[] {
  const all: string[][] = []
  for (let from: string | undefined = ''; from !== undefined; ) {
    const window: Window<number> = new Window<number>(from, sizeMax)
    for (const key of keys) window.expect(key, () => 1)
    all.push([...window.rest()].map(([key]) => key).sort())
    from = window.end
  }
  return all
}

t.test('what fits is one window', async (t) => {
  t.strictSame(windows(names, 10), [names])
  t.strictSame(windows([], 10), [[]])
})

t.test('what does not fit takes several, and each key is in one of them, whatever the order', async (t) => {
  for (const keys of [names, names.toReversed(), [...names.slice(5), ...names.slice(0, 5)]]) {
    const found = windows(keys, 3)
    t.strictSame(found.flat(), names)
    t.ok(found.length > 2)
    t.ok(found.every((window) => window.length > 0 && window.length <= 3))
  }
})

t.test('a window of one key goes on from key to key', async (t) => {
  t.strictSame(windows(names.slice(0, 3), 1), [['k0'], ['k1'], ['k2']])
})

t.test('what is expected of a key adds up, and is taken once', async (t) => {
  const window = new Window<number>('')
  window.expect('a', (before = 0) => before + 2)
  window.expect('a', (before = 0) => before + 3)
  t.equal(window.take('a'), 5)
  t.equal(window.take('a'), undefined)
  t.strictSame([...window.rest()], [])
  t.notOk(window.isBehind('z'))
  t.equal(window.end, undefined)
})

t.test('a window says what it covers, and what it knows', async (t) => {
  const window = new Window<number>('b', 2)
  for (const key of ['a', 'b', 'c']) window.expect(key, () => 1)
  t.strictSame([window.get('a'), window.get('b'), window.size], [undefined, 1, 2])
  t.strictSame(
    ['a', 'b', 'c', 'd'].map((key) => window.covers(key)),
    [false, true, true, true],
  )
  window.expect('d', () => 1)
  t.equal(window.end, 'c')
  t.strictSame(
    ['b', 'c'].map((key) => window.covers(key)),
    [true, false],
  )
})
