import t from 'tap'
import { CheckWorld } from '../../support/check-world.ts'

async function found(world: CheckWorld): Promise<readonly string[]> {
  return (await world.findings()).map(({ code, subject, revision }) =>
    [code, subject ?? [], revision > 0n ? 'stored' : 'absent'].flat().join(' '),
  )
}

const [one, other] = ['10.0.0.0/29', '10.0.0.8/29'] as const

/** What the handle `a` counts, which holds two addresses in `one`, and one in `other`; and what is found. */
const cases: readonly (readonly [string, Readonly<Record<string, number>>, readonly string[]])[] = [
  ['just what it holds', { [one]: 2, [other]: 1 }, []],
  ['too few', { [one]: 1, [other]: 1 }, [`HandleCountTooLow ${one} stored`]],
  ['too many', { [one]: 2, [other]: 9 }, [`HandleCountTooHigh ${other} stored`]],
  ['nothing of a block', { [one]: 2 }, [`HandleCountTooLow ${other} stored`]],
  ['less than nothing', { [one]: -2, [other]: 1 }, [`HandleCountTooLow ${one} stored`]],
  [
    'a block without its addresses',
    { [one]: 2, [other]: 1, '10.0.0.16/29': 1 },
    ['HandleCountTooHigh 10.0.0.16/29 stored'],
  ],
  ['no address at all', { [one]: 2, [other]: 1, '10.0.0.16/29': 0 }, ['HandleCountTooHigh 10.0.0.16/29 stored']],
  [
    'a block that does not exist',
    { [one]: 2, [other]: 1, '10.0.0.24/29': 1 },
    ['HandleBlockMissing 10.0.0.24/29 stored'],
  ],
  ['what is no block', { [one]: 2, [other]: 1, nonsense: 1 }, ['HandleBlockMissing nonsense stored']],
  ['a block that cannot be read', { [one]: 2, [other]: 1, '10.0.0.32/29': 7 }, []],
  [
    'a block that cannot be read, and too few in another',
    { [one]: 1, [other]: 1, '10.0.0.32/29': 7 },
    [`HandleCountTooLow ${one} stored`],
  ],
]

for (const [claim, counts, expected] of cases) {
  t.test(`a handle that counts ${claim}`, async (t) => {
    const world = new CheckWorld()
    world.putBlock(one, 'a', 'a')
    world.putBlock(other, 'a')
    world.putBlock('10.0.0.16/29')
    world.putBlock('10.0.0.32/29')
    world.changeBlock('10.0.0.32/29', ['"cidr"', '"cider"'])
    world.putHandle('a', counts)
    t.strictSame(
      (await found(world)).filter((line) => !line.startsWith('Unreadable')),
      expected,
    )
  })
}

t.test('a handle that does not exist is missed for each of its blocks', async (t) => {
  const world = new CheckWorld()
  world.putBlock(one, 'a', 'b')
  world.putBlock(other, 'a')
  world.view.remove('/calico/ipam/v2/handle/a')
  t.strictSame((await found(world)).toSorted(), [`HandleMissing ${one} absent`, `HandleMissing ${other} absent`])
})

t.test('a handle that holds nothing should not exist', async (t) => {
  const world = new CheckWorld()
  world.putBlock(one)
  world.putHandle('counting', { [one]: 1 })
  world.putHandle('empty', {})
  t.strictSame(await found(world), [`HandleWithoutAddresses ${one} stored`, 'HandleWithoutAddresses stored'])
})
