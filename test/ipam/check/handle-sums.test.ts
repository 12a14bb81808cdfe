import t from 'tap'
import { HandleSums } from '../../../src/ipam/check/handle-sums.ts'
import type { Handle } from '../../../src/model/index.ts'

function handle(counts: Readonly<Record<string, number>>): Handle {
  return { blocks: new Map(Object.entries(counts)), deleted: false, unknownFields: {} }
}

const nothingIgnored = (): boolean => false

/** What `a` counts, which holds 2 addresses in `x` and 1 in `y`; and whether it has to be examined. */
const cases: readonly (readonly [string, Readonly<Record<string, number>>, boolean])[] = [
  ['what it holds', { x: 2, y: 1 }, false],
  ['the same in another order', { y: 1, x: 2 }, false],
  ['too few', { x: 1, y: 1 }, true],
  ['too many', { x: 2, y: 2 }, true],
  ['the right numbers in the wrong blocks', { x: 1, y: 2 }, true],
  ['not all blocks', { x: 2 }, true],
  ['another block', { x: 2, y: 1, z: 1 }, true],
  ['none in another block', { x: 2, y: 1, z: 0 }, true],
  ['nothing', {}, true],
]
for (const [claim, counts, isSuspect] of cases) {
  t.test(`a handle that counts ${claim} is ${isSuspect ? 'a suspect' : 'right'}`, async (t) => {
    const sums = new HandleSums(17)
    sums.hold('a', 'x', 2)
    sums.hold('b', 'x', 3)
    sums.hold('a', 'y', 1)
    t.ok(sums.hasSuspects && sums.isSuspect('a') && sums.isSuspect('b'))
    sums.count('b', handle({ x: 3 }), nothingIgnored)
    sums.count('a', handle(counts), nothingIgnored)
    t.strictSame([sums.hasSuspects, sums.isSuspect('a'), sums.isSuspect('b')], [isSuspect, isSuspect, false])
  })
}

t.test('a handle without addresses is a suspect, unless the blocks that it names are ignored', async (t) => {
  const sums = new HandleSums(0)
  sums.count('ignored', handle({ x: 7 }), (block) => block === 'x')
  t.notOk(sums.hasSuspects)
  sums.count('empty', handle({}), nothingIgnored)
  sums.count('counting', handle({ x: 7 }), nothingIgnored)
  t.ok(sums.isSuspect('empty') && sums.isSuspect('counting'))
  t.notOk(sums.isSuspect('ignored') || sums.isSuspect('unknown'))
})

t.test('what is cleared is no suspect', async (t) => {
  const sums = new HandleSums(0)
  sums.hold('a', 'x', 2)
  sums.clear('a')
  t.notOk(sums.hasSuspects)
})

t.test('thousands of handles are told apart, and some of them are samples', async (t) => {
  const keys = Array.from({ length: 10_000 }, (_, number) => `handle-${number}`)
  for (const seed of [0, 1, -5]) {
    const sums = new HandleSums(seed)
    for (const key of keys) sums.hold(key, 'x', 1)
    for (const key of keys) sums.count(key, handle({ x: key === 'handle-4711' ? 2 : 1 }), nothingIgnored)
    t.strictSame(
      keys.filter((key) => sums.isSuspect(key)),
      ['handle-4711'],
    )
    const { samples } = sums
    t.strictSame(samples, samples.toSorted())
    t.ok(samples.length > 5 && samples.length < 50, `${samples.length} samples`)
    t.ok(samples.every((key) => keys.includes(key)))
  }
})
