import fc from 'fast-check'
import t from 'tap'
import { type AddressCounts, countInBlock } from '../../../src/ipam/read/count-addresses.ts'
import { countInRange, countInUse } from '../../../src/ipam/read/index.ts'
import { type Block, BlockIndex, blockKey, releaseOrdinals, type Availability } from '../../../src/model/index.ts'
import {
  addressAt,
  addressCount,
  type Cidr,
  CidrSet,
  contains,
  covers,
  mustParseCidr,
  ordinal,
} from '../../../src/net/index.ts'
import { blockOf, madeAt, store } from '../../support/indexed-blocks.ts'

const second = 1_000_000_000n

function termsOf(reserved: readonly string[], cooldownSeconds = 60n): Availability {
  const cooledBefore = madeAt.nanoseconds + (100n - cooldownSeconds) * second
  return { reserved: CidrSet.of(reserved.map(mustParseCidr)), cooledBefore }
}

function numbers({ capacity, inUse, cooling, reserved, available }: AddressCounts): readonly number[] {
  return [capacity, inUse, cooling, reserved, available].map(Number)
}

/** How a range is used, by an index that holds these blocks. */
function usageOf(cidr: string, blocks: readonly Block[], terms: Availability): readonly number[] {
  const index = new BlockIndex()
  store(index, ...blocks)
  return numbers(countInRange(mustParseCidr(cidr), index, terms))
}

/** How a block is used. */
function usageIn(block: Block, terms: Availability): readonly number[] {
  const index = new BlockIndex()
  store(index, block)
  const entry = index.entry(blockKey(block.cidr).text)
  return entry === undefined ? [] : numbers(countInBlock(entry, terms))
}

/** A block in which only the address with this ordinal is held. */
function holding(cidr: string, place: number): Block {
  const block = blockOf(cidr, 'host:a', place + 1)
  const others = Array.from({ length: place }, (_, other) => ordinal(other))
  return releaseOrdinals(block, others, madeAt, 0).block
}

/** The examples of docs/calico/ipam.md section 8: pool 10.0.0.0/24 with one block, in which 10.0.0.5 is in use. */
const examples: readonly (readonly [reserved: readonly string[], pool: readonly number[], block: readonly number[]])[] =
  [
    [[], [256, 1, 0, 0, 255], [64, 1, 0, 0, 63]],
    [['10.0.0.32/30'], [256, 1, 0, 4, 251], [64, 1, 0, 4, 59]],
    [['10.0.0.128/25'], [256, 1, 0, 128, 127], [64, 1, 0, 0, 63]],
    [['10.0.0.5/32'], [256, 1, 0, 1, 255], [64, 1, 0, 1, 63]],
    [
      ['10.0.0.0/25', '10.0.0.5/32', '10.0.0.64/26'],
      [256, 1, 0, 128, 128],
      [64, 1, 0, 64, 0],
    ],
  ]

for (const [reserved, pool, block] of examples) {
  t.test(`usage with ${reserved.join(', ') || 'nothing'} reserved is as Calico counts it`, (t) => {
    const held = holding('10.0.0.0/26', 5)
    t.strictSame(usageOf('10.0.0.0/24', [held], termsOf(reserved)), pool)
    t.strictSame(usageIn(held, termsOf(reserved)), block)
    t.end()
  })
}

t.test('a pool without blocks is available but for what is reserved, to the last of 2^80 addresses', (t) => {
  const pool = mustParseCidr('fd00::/48')
  const all = 2n ** 80n
  t.strictSame(countInRange(pool, new BlockIndex(), termsOf(['fd00::7/128'])), {
    capacity: all,
    inUse: 0n,
    cooling: 0n,
    reserved: 1n,
    available: all - 1n,
    blocksInUse: 0,
  })
  const index = new BlockIndex()
  store(index, blockOf('fd00::/122', null, 3))
  t.match(countInRange(pool, index, termsOf([])), {
    inUse: 3n,
    available: all - 3n,
    blocksInUse: 1,
  })
  t.end()
})

t.test('what cools down is neither in use nor available; what has cooled down is available', (t) => {
  const block = blockOf('10.0.0.0/26', 'host:a', 10)
  const early = releaseOrdinals(block, [0, 1].map(ordinal), madeAt, 60).block
  const late = { nanoseconds: madeAt.nanoseconds + 50n * second }
  const both = releaseOrdinals(early, [5, 6, 7].map(ordinal), late, 60).block
  t.strictSame(usageIn(both, termsOf([])), [64, 5, 3, 0, 56], 'two have cooled down')
  t.strictSame(usageIn(both, termsOf(['10.0.0.0/31'])), [64, 5, 3, 2, 54], 'and are reserved')
  t.strictSame(usageIn(both, termsOf([], 200n)), [64, 5, 5, 0, 54], 'with a longer cooldown they have not')
  t.end()
})

t.test('a release without a readable time goes on cooling', (t) => {
  const block = releaseOrdinals(blockOf('10.0.0.0/26', 'host:a', 2), [ordinal(0)], madeAt, 60).block
  const attributes = (block.attributes ?? []).map((one) =>
    one.releasedAt === undefined ? one : { ...one, releasedAt: '?' },
  )
  t.strictSame(usageIn({ ...block, attributes }, termsOf([])), [64, 1, 1, 0, 62])
  t.end()
})

t.test('all of a block that cannot be read counts as in use', (t) => {
  const index = new BlockIndex()
  index.changed(blockKey(mustParseCidr('10.0.0.0/26')).text, { kind: 'unreadable' })
  const pool = mustParseCidr('10.0.0.0/25')
  const usage = countInRange(pool, index, termsOf(['10.0.0.0/30']))
  t.strictSame(numbers(usage), [128, 64, 0, 4, 64])
  t.end()
})

t.test('of a block that is larger than the range only the part inside counts', (t) => {
  const block = blockOf('10.0.0.0/24', null, 100)
  t.strictSame(usageOf('10.0.0.64/26', [block], termsOf(['10.0.0.110/31'])), [64, 36, 0, 2, 26])
  t.strictSame(usageOf('10.0.0.0/26', [block], termsOf([])), [64, 64, 0, 0, 0])
  t.end()
})

t.test('of blocks that overlap the largest counts, so that no address is counted twice', (t) => {
  const full = (cidr: string): Block => blockOf(cidr, null, Number(addressCount(mustParseCidr(cidr))))
  const inside = [full('10.0.0.0/26'), full('10.0.0.64/26'), full('10.0.0.64/27')]
  t.strictSame(usageOf('10.0.0.0/23', [...inside, full('10.0.0.0/24')], termsOf([])), [512, 256, 0, 0, 256])
  t.strictSame(usageOf('10.0.0.0/25', [...inside, full('10.0.0.0/24')], termsOf([])), [128, 128, 0, 0, 0])
  t.strictSame(usageOf('10.0.0.0/24', inside, termsOf(['10.0.0.64/26'])), [256, 128, 0, 64, 128])
  t.end()
})

t.test('counts are those of a walk over all addresses', (t) => {
  const blockParts = fc.record({
    number: fc.nat(7),
    heldCount: fc.nat(8),
    released: fc.array(fc.nat(7), { maxLength: 4 }),
    ago: fc.constantFrom(0n, 90n),
  })
  const range = fc.record({ number: fc.nat(63), length: fc.integer({ min: 26, max: 32 }) })
  const cidrOf = ({ number, length }: { number: number; length: number }): Cidr =>
    mustParseCidr(`10.0.0.${number}/${length}`)
  const property = fc.property(
    fc.uniqueArray(blockParts, { selector: ({ number }) => number }),
    fc.array(range, { maxLength: 5 }),
    range,
    fc.boolean(),
    (parts, reservedRanges, asked, isAskedBefore) => {
      const terms = { ...termsOf([]), reserved: CidrSet.of(reservedRanges.map(cidrOf)) }
      const cidr = cidrOf(asked)
      const expected = { inUse: 0, cooling: 0, reserved: 0, free: Number(addressCount(cidr)) }
      for (let place = 0; place < Number(addressCount(cidr)); place++) {
        const address = addressAt(cidr, ordinal(place))
        if (!terms.reserved.has(address)) continue
        expected.reserved++
        expected.free--
      }
      const index = new BlockIndex()
      // From the first question on, the index keeps sums.
      if (isAskedBefore) countInRange(cidr, index, terms)
      for (const { number, heldCount, released, ago } of parts) {
        const held = blockOf(`10.0.0.${number * 8}/29`, null, heldCount)
        const moment = { nanoseconds: madeAt.nanoseconds + (100n - ago) * second }
        const block = releaseOrdinals(held, released.map(ordinal), moment, 60).block
        store(index, block)
        for (const [place, entry] of block.allocations.entries()) {
          const address = addressAt(block.cidr, ordinal(place))
          if (entry === null || !contains(cidr, address)) continue
          const isReleased = block.attributes?.[entry]?.releasedAt !== undefined
          if (isReleased && ago === 90n) continue
          if (isReleased) expected.cooling++
          else expected.inUse++
          if (!terms.reserved.has(address)) expected.free--
        }
      }
      const usage = countInRange(cidr, index, terms)
      const want = [Number(addressCount(cidr)), expected.inUse, expected.cooling, expected.reserved, expected.free]
      const blocks = [...index.overlapping(cidr)].filter((entry) => covers(cidr, entry.cidr))
      return (
        numbers(usage).join() === want.join() &&
        blocks.every((entry) => {
          const alone = countInRange(entry.cidr, index, terms)
          return numbers(alone).join() === numbers(countInBlock(entry, terms)).join()
        })
      )
    },
  )
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 500 })
  })
  t.end()
})

t.test('addresses in use are counted from sums, and block by block where blocks have several sizes', (t) => {
  const index = new BlockIndex()
  const pool = mustParseCidr('10.0.0.0/24')
  store(index, blockOf('10.0.0.0/26', null, 3), blockOf('10.0.0.64/26', null, 4))
  t.equal(countInUse(pool, index), 7)
  // It lies in another block: its addresses are not counted twice.
  store(index, blockOf('10.0.0.64/28', null, 2))
  t.equal(countInUse(pool, index), 7)
  store(index, blockOf('10.0.0.128/28', null, 5))
  t.equal(countInUse(pool, index), 12)
  t.end()
})
