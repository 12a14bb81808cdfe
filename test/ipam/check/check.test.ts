import t from 'tap'
import type { CheckSource } from '../../../src/ipam/check/terms.ts'
import { check, readCheckTerms } from '../../../src/ipam/index.ts'
import { BlockIndex } from '../../../src/model/index.ts'
import { CheckWorld, now } from '../../support/check-world.ts'
import { keyOfBlock } from '../../support/corruption.ts'

t.test('everything is checked, and found whatever fits into memory', async (t) => {
  const world = new CheckWorld()
  for (let number = 0; number < 16; number++)
    world.putBlock(`10.0.0.${number * 8}/29`, `a-${number}`, `b-${number}`, 'all')
  t.strictSame(await world.summary(), [])
  t.strictSame(await world.summary(3), [])
  for (const id of ['a-3', 'b-9']) world.view.remove(`/calico/ipam/v2/handle/${id}`)
  world.putHandle('all', { '10.0.0.0/29': 1 })
  world.view.remove('/calico/ipam/v2/host/node-1/ipv4/block/10.0.0.64-29')
  world.view.putText('/calico/ipam/v2/handle/broken', '17')
  world.view.putText(keyOfBlock('10.0.0.248/29'), 'broken')
  world.view.putText('/calico/ipam/v2/assignment/nonsense', '{}')
  const all = (await world.summary()).toSorted()
  t.equal(all.length, 2 + 15 + 1 + 3)
  for (const windowSize of [1, 2, 5, 17]) t.strictSame((await world.summary(windowSize)).toSorted(), all)
})

t.test('reading is cut into pages where the index has blocks, and where handles are', async (t) => {
  const world = new CheckWorld()
  const index = new BlockIndex()
  for (let number = 0; number < 100; number++) {
    const cidr = `10.0.${number >> 5}.${(number % 32) * 8}/29`
    const holders = Array.from({ length: 8 }, (_, place) => `${number}-${place}`)
    index.changed(keyOfBlock(cidr), { kind: 'value', value: world.putBlock(cidr, ...holders) })
  }
  const { source } = world
  const cutsOf = new Map<string, readonly string[]>()
  const noting: CheckSource = {
    entries(family, options) {
      cutsOf.set(family.name, options?.cuts ?? [])
      return source.entries(family, options)
    },
    entry: (key) => source.entry(key),
  }
  const codes = new Set<string>()
  for await (const { code } of check(noting, await readCheckTerms(noting, now), { index })) codes.add(code)
  t.strictSame([...codes], ['BlockOutsidePools'])
  t.strictSame(cutsOf.get('blocks'), ['10.0.0.0/29', '10.0.1.64/29', '10.0.2.128/29'].map(keyOfBlock).sort())
  const handleCuts = cutsOf.get('handles') ?? []
  t.ok(handleCuts.length > 0)
  t.ok(handleCuts.every((key) => world.view.text(key) !== undefined))
  t.strictSame(handleCuts, handleCuts.toSorted())
})

t.test('blocks that overlap one that cannot be read are told as well', async (t) => {
  const world = new CheckWorld()
  world.putBlock('10.0.0.0/29', 'a')
  world.view.putText(keyOfBlock('10.0.0.0/30'), 'broken')
  world.view.putText(keyOfBlock('10.0.0.4/31'), 'broken')
  t.strictSame(await world.summary(), [
    'Unreadable 10.0.0.0-30',
    'BlocksOverlap 10.0.0.0-30 10.0.0.0/29',
    'Unreadable 10.0.0.4-31',
    'BlocksOverlap 10.0.0.4-31 10.0.0.0/29',
  ])
})

t.test('an address that two blocks give away is told, when both can be read', async (t) => {
  const world = new CheckWorld()
  world.putBlock('10.0.0.0/29', 'a')
  world.putBlock('10.0.0.0/30', 'b')
  const codes = ['BlockSizeWrong', 'BlocksOverlap', 'AddressInTwoBlocks']
  t.strictSame(
    (await world.findings()).map(({ code }) => code),
    codes,
  )
  world.view.putText(keyOfBlock('10.0.0.0/29'), 'broken')
  t.strictSame(
    (await world.findings()).map(({ code }) => code),
    ['Unreadable', 'BlockSizeWrong', 'BlocksOverlap'],
  )
})

t.test('a block of no owner, and one with an affinity that is none, claim nothing', async (t) => {
  const world = new CheckWorld()
  world.putBlock('10.0.0.0/29', 'a')
  world.changeBlock('10.0.0.0/29', ['"host:node-1"', 'null'])
  t.strictSame(await world.summary(), ['AffinityOfOther 10.0.0.0-29'])
})
