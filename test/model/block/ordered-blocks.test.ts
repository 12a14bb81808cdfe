import fc from 'fast-check'
import t from 'tap'
import { OrderedBlocks } from '../../../src/model/block/ordered-blocks.ts'
import { type Cidr, formatCidr, mustParseCidr, overlaps } from '../../../src/net/index.ts'

interface Entry {
  readonly cidr: Cidr
  readonly version: number
}

function entry(text: string, version = 0): Entry {
  return { cidr: mustParseCidr(text), version }
}

function print(entries: Iterable<Entry>): readonly string[] {
  return [...entries].map(({ cidr, version }) => `${formatCidr(cidr)} ${version}`)
}

const everything = mustParseCidr('0.0.0.0/0')

t.test('entries come in the order of their addresses, the larger block first, whatever order they arrived in', (t) => {
  const blocks = new OrderedBlocks<Entry>()
  for (const text of ['10.0.0.0/26', '10.0.0.128/26', '10.0.0.64/26', '10.0.0.64/30', '9.0.0.0/26', '10.0.0.0/24']) {
    blocks.set(entry(text))
  }
  t.strictSame(print(blocks.overlapping(everything)), [
    '9.0.0.0/26 0',
    '10.0.0.0/24 0',
    '10.0.0.0/26 0',
    '10.0.0.64/26 0',
    '10.0.0.64/30 0',
    '10.0.0.128/26 0',
  ])
  t.end()
})

t.test('the newest entry of a CIDR counts, sorted in or not', (t) => {
  const inPlace = new OrderedBlocks<Entry>()
  inPlace.set(entry('10.0.0.0/26', 1))
  inPlace.set(entry('10.0.0.64/26', 1))
  inPlace.set(entry('10.0.0.0/26', 2))
  t.strictSame(print(inPlace.overlapping(everything)), ['10.0.0.0/26 2', '10.0.0.64/26 1'])

  const arriving = new OrderedBlocks<Entry>()
  arriving.set(entry('10.0.0.64/26', 1))
  arriving.set(entry('10.0.0.0/26', 1))
  arriving.set(entry('10.0.0.0/26', 2))
  arriving.set(entry('10.0.0.64/26', 2))
  t.strictSame(print(arriving.overlapping(everything)), ['10.0.0.0/26 2', '10.0.0.64/26 2'])
  t.end()
})

t.test('a walk can begin after any CIDR', (t) => {
  const blocks = new OrderedBlocks<Entry>()
  for (const text of ['10.0.0.64/26', '10.0.0.0/26', '10.0.0.0/24']) blocks.set(entry(text))
  const cases: [after: string | undefined, want: readonly string[]][] = [
    [undefined, ['10.0.0.0/24 0', '10.0.0.0/26 0', '10.0.0.64/26 0']],
    ['9.0.0.0/8', ['10.0.0.0/24 0', '10.0.0.0/26 0', '10.0.0.64/26 0']],
    ['10.0.0.0/24', ['10.0.0.0/26 0', '10.0.0.64/26 0']],
    ['10.0.0.0/25', ['10.0.0.0/26 0', '10.0.0.64/26 0']],
    ['10.0.0.0/26', ['10.0.0.64/26 0']],
    ['10.0.0.64/26', []],
    ['11.0.0.0/8', []],
  ]
  for (const [after, want] of cases) {
    t.strictSame(print(blocks.after(after === undefined ? undefined : mustParseCidr(after))), want, String(after))
  }
  t.end()
})

t.test('the blocks that share an address with a range are found, and no neighbours', (t) => {
  const blocks = new OrderedBlocks<Entry>()
  for (const text of ['10.0.0.0/20', '10.0.16.0/26', '10.0.16.64/26', '10.0.16.128/26']) blocks.set(entry(text))
  const cases: [range: string, want: readonly string[]][] = [
    ['10.0.15.255/32', ['10.0.0.0/20 0']],
    ['10.0.16.0/32', ['10.0.16.0/26 0']],
    ['10.0.16.63/32', ['10.0.16.0/26 0']],
    ['10.0.16.64/32', ['10.0.16.64/26 0']],
    ['10.0.16.64/26', ['10.0.16.64/26 0']],
    ['10.0.16.0/25', ['10.0.16.0/26 0', '10.0.16.64/26 0']],
    ['10.0.16.192/26', []],
    ['0.0.0.0/32', []],
    ['255.255.255.255/32', []],
    ['10.0.0.0/19', ['10.0.0.0/20 0', '10.0.16.0/26 0', '10.0.16.64/26 0', '10.0.16.128/26 0']],
  ]
  for (const [range, want] of cases) t.strictSame(print(blocks.overlapping(mustParseCidr(range))), want, range)
  t.end()
})

t.test('the first and the last address of a family are found', (t) => {
  for (const texts of [
    ['0.0.0.0/20', '255.255.240.0/20'],
    ['::/116', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:f000/116'],
  ]) {
    const blocks = new OrderedBlocks<Entry>()
    for (const text of texts) blocks.set(entry(text))
    for (const text of texts) t.strictSame(print(blocks.overlapping(mustParseCidr(text))), [`${text} 0`])
  }
  t.end()
})

t.test('deleting removes the entry of exactly this CIDR, and does nothing if there is none', (t) => {
  const blocks = new OrderedBlocks<Entry>()
  t.equal(blocks.isEmpty, true)
  for (const text of ['10.0.0.64/26', '10.0.0.0/26']) blocks.set(entry(text))
  t.equal(blocks.isEmpty, false)
  for (const text of ['10.0.0.0/27', '10.0.0.0/24', '10.0.0.128/26']) blocks.delete(mustParseCidr(text))
  t.strictSame(print(blocks.overlapping(everything)), ['10.0.0.0/26 0', '10.0.0.64/26 0'])
  blocks.delete(mustParseCidr('10.0.0.0/26'))
  t.strictSame(print(blocks.overlapping(everything)), ['10.0.0.64/26 0'])
  blocks.delete(mustParseCidr('10.0.0.64/26'))
  t.equal(blocks.isEmpty, true)
  t.end()
})

t.test('an entry that is not sorted in yet is found', (t) => {
  const blocks = new OrderedBlocks<Entry>()
  blocks.set(entry('10.0.0.64/26'))
  blocks.set(entry('10.0.0.0/26'))
  blocks.delete(mustParseCidr('10.0.0.64/26'))
  blocks.set(entry('9.0.0.0/26'))
  t.equal(blocks.isEmpty, false)
  t.strictSame(print(blocks.overlapping(everything)), ['9.0.0.0/26 0', '10.0.0.0/26 0'])
  t.end()
})

t.test('of many entries that come together, descending and twice, each CIDR has one', (t) => {
  const blocks = new OrderedBlocks<Entry>()
  const texts = Array.from({ length: 200 }, (_, index) => `10.0.${index}.0/26`)
  for (const version of [1, 2]) for (const text of texts.toReversed()) blocks.set(entry(text, version))
  t.strictSame(
    print(blocks.overlapping(everything)),
    texts.map((text) => `${text} 2`),
  )
  t.end()
})

t.test('it has the same entries as a map after any operations', (t) => {
  const cidr = fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.constantFrom(26, 28, 30))
    .map(([index, length]) => mustParseCidr(`10.0.${Math.floor(index / 4)}.${(index % 4) * 64}/${length}`))
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('set' as const), cidr }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), cidr }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('look' as const), cidr }) },
  )
  const property = fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
    const blocks = new OrderedBlocks<Entry>()
    const twin = new Map<string, Entry>()
    for (const [version, { kind, cidr }] of steps.entries()) {
      if (kind === 'set') {
        blocks.set({ cidr, version })
        twin.set(formatCidr(cidr), { cidr, version })
      } else if (kind === 'delete') {
        blocks.delete(cidr)
        twin.delete(formatCidr(cidr))
      } else {
        const expected = [...twin.values()].filter((other) => overlaps(other.cidr, cidr))
        const found = print(blocks.overlapping(cidr))
        if (found.join() !== print(ascending(expected)).join()) return false
      }
    }
    const isEmpty = blocks.isEmpty
    return (
      print(blocks.overlapping(everything)).join() === print(ascending([...twin.values()])).join() &&
      isEmpty === (twin.size === 0)
    )
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }))
  t.end()
})

function ascending(entries: readonly Entry[]): readonly Entry[] {
  return [...entries].sort(({ cidr: left }, { cidr: right }) =>
    left.base === right.base ? left.prefixLength - right.prefixLength : left.base < right.base ? -1 : 1,
  )
}
