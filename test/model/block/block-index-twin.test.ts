import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  type Block,
  BlockIndex,
  blockKey,
  blocks,
  releaseOrdinals,
  type Availability,
} from '../../../src/model/index.ts'
import {
  addressAt,
  addressCount,
  blockAt,
  type Cidr,
  CidrSet,
  contains,
  mustParseCidr,
  type Ordinal,
  ordinal,
} from '../../../src/net/index.ts'
import { blockOf, cidrsOf, madeAt, size, store } from '../../support/indexed-blocks.ts'

const second = 1_000_000_000n

t.test('the index finds the same blocks as a walk over all of them', (t) => {
  const poolCidr = mustParseCidr('10.0.0.0/26')
  const of29 = size(4, 29)
  const summed = ['10.0.0.0/26', '10.0.0.0/28', '10.0.0.16/29', '10.0.0.56/29', '10.0.0.0/30'].map(mustParseCidr)
  const anyCidr = fc
    .record({ number: fc.integer({ min: 0, max: 7 }), length: fc.constantFrom(29, 29, 29, 28, 30) })
    .map(({ number, length }) => mustParseCidr(`10.0.0.${number * 8}/${length}`))
  const affinity = fc.constantFrom('host:a', 'host:b', 'virtual:load-balancer', null)
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('store' as const),
      cidr: anyCidr,
      affinity,
      heldCount: fc.constantFrom(0, 1, 3, 8, 8),
      released: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
      ago: fc.constantFrom(0, 30, 90),
      cooldown: fc.constantFrom(0, 60),
      isDecoded: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('remove' as const), cidr: anyCidr }),
    fc.record({ kind: fc.constant('break' as const), cidr: anyCidr }),
  )
  const reservedCidr = fc
    .record({ number: fc.integer({ min: 0, max: 63 }), length: fc.integer({ min: 28, max: 32 }) })
    .map(({ number, length }) => mustParseCidr(`10.0.0.${number}/${length}`))
  const property = fc.property(
    fc.array(step, { maxLength: 40, size: 'max' }),
    fc.array(reservedCidr, { maxLength: 6 }),
    fc.bigInt({ min: 0n, max: 7n }),
    (steps, reservedCidrs, start) => {
      const index = new BlockIndex()
      // From the first question on, their sums are kept through all steps.
      for (const range of summed) index.sumsOf(range)
      const twin = new Map<string, { readonly cidr: Cidr; readonly block: Block | undefined }>()
      for (const step of steps) {
        const { text } = blockKey(step.cidr)
        if (step.kind === 'remove') {
          index.changed(text, { kind: 'absent' })
          twin.delete(text)
        } else if (step.kind === 'break') {
          index.changed(text, { kind: 'unreadable' })
          twin.set(text, { cidr: step.cidr, block: undefined })
        } else {
          const held = blockOf(step.cidr, step.affinity, step.heldCount)
          const then = { nanoseconds: madeAt.nanoseconds - BigInt(step.ago) * second }
          const block = releaseOrdinals(held, step.released.map(ordinal), then, step.cooldown).block
          if (step.isDecoded) store(index, block)
          else assert(index.changedText(text, blocks.encode(block)))
          twin.set(text, { cidr: step.cidr, block })
        }
      }
      const unasked = new BlockIndex()
      for (const { cidr, block } of twin.values()) {
        if (block === undefined) unasked.changed(blockKey(cidr).text, { kind: 'unreadable' })
        else store(unasked, block)
      }
      for (const range of summed) assert.deepEqual(index.sumsOf(range), unasked.sumsOf(range))
      const isCooling = (block: Block | undefined): boolean =>
        block?.attributes?.some(({ releasedAt }) => releasedAt !== undefined) === true
      const cooling = [...index.overlapping(poolCidr)].filter(({ cidr }) =>
        isCooling(twin.get(blockKey(cidr).text)?.block),
      )
      assert.deepEqual(cidrsOf(index.cooling(poolCidr)), cidrsOf(cooling))
      const reserved = CidrSet.of(reservedCidrs)
      const terms = { reserved, cooledBefore: madeAt.nanoseconds - 60n * second }
      const walk = [...twin.values()].sort(({ cidr: left }, { cidr: right }) =>
        left.base === right.base ? left.prefixLength - right.prefixLength : Number(left.base - right.base),
      )
      const open = walk.filter(({ cidr, block }) => cidr.prefixLength === of29 && isGiving(block, terms))
      assert.deepEqual(cidrsOf(index.overlapping(poolCidr)), cidrsOf(walk))
      assert.deepEqual(cidrsOf(index.open(poolCidr, of29, terms)), cidrsOf(open))
      for (const name of ['host:a', 'host:b', 'virtual:load-balancer', null]) {
        const ofName = open.filter(({ block }) => block?.affinity === name)
        assert.deepEqual(cidrsOf(index.openWithAffinity(poolCidr, of29, name, terms)), cidrsOf(ofName))
      }
      const vacant: Cidr[] = []
      for (let number = 0n; number < 8n; number++) {
        const cidr = blockAt(poolCidr, of29, (start + number) % 8n)
        if (!twin.has(blockKey(cidr).text) && !reserved.covers(cidr)) vacant.push(cidr)
      }
      assert.deepEqual([...index.vacant(poolCidr, of29, start, reserved)], vacant)
      for (let place = 0; place < 64; place++) {
        const address = addressAt(poolCidr, ordinal(place))
        const expected = walk.find(({ cidr }) => contains(cidr, address))
        assert.deepEqual(index.containing(address)?.cidr, expected?.cidr)
      }
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 100 }))
  t.end()
})

/** Whether an address of the block is free and not reserved, or was released long enough ago; found the long way. */
function isGiving(block: Block | undefined, { reserved, cooledBefore }: Availability): boolean {
  if (block === undefined) return false
  const places = Array.from({ length: Number(addressCount(block.cidr)) }, (_, place) => ordinal(place))
  const isFree = (place: Ordinal): boolean =>
    block.allocations[place] === null && !reserved.has(addressAt(block.cidr, place))
  const hasCooled = (place: Ordinal): boolean => {
    const releasedAt = block.attributes?.[block.allocations[place] ?? -1]?.releasedAt
    return releasedAt !== undefined && BigInt(Date.parse(releasedAt)) * 1_000_000n < cooledBefore
  }
  return places.some((place) => isFree(place) || hasCooled(place))
}
