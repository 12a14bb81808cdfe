import fc from 'fast-check'
import t from 'tap'
import { AffineBlocks, readAffineBlocks } from '../../../src/ipam/assign/affine-blocks.ts'
import {
  affinities,
  affinityKey,
  BlockIndex,
  blockKey,
  confirmedAffinity,
  type AffinityHost,
  releaseOrdinalsOfHandle,
  type Availability,
} from '../../../src/model/index.ts'
import { type Cidr, CidrSet, mustParseCidr } from '../../../src/net/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import { blockOf, cidrsOf, madeAt, store } from '../../support/indexed-blocks.ts'

const host: AffinityHost = { type: 'host', name: 'a' }
const blocks = Array.from({ length: 8 }, (_, number) => mustParseCidr(`10.0.0.${number * 4}/30`))
const nothingReserved = CidrSet.of([])

/** What counts at `seconds` after all blocks were made. */
function termsOf(reserved = nothingReserved, seconds = 0): Availability {
  return { reserved, cooledBefore: madeAt.nanoseconds + BigInt(seconds) * 1_000_000_000n }
}

/** A listing of affinities to these blocks. */
function listingOf(...cidrs: readonly Cidr[]): readonly { readonly key: string }[] {
  return cidrs.map((cidr) => ({ key: affinityKey(host, cidr).text })).sort((a, b) => (a.key < b.key ? -1 : 1))
}

function worthReading(affine: AffineBlocks, terms = termsOf()): { cidrs: readonly string[]; empty: readonly string[] } {
  const { cidrs, empty } = affine.worthReading(terms)
  return { cidrs: cidrsOf(cidrs.map((cidr) => ({ cidr }))), empty: cidrsOf(empty.map((cidr) => ({ cidr }))) }
}

t.test('an affine block is worth reading unless it is known to be used up', (t) => {
  const [none, half, full, other, empty] = blocks
  if (!none || !half || !full || !other || !empty) throw new Error('There are eight blocks.')
  const index = new BlockIndex()
  store(
    index,
    blockOf(half, 'host:a', 2),
    blockOf(full, 'host:a', 4),
    blockOf(other, 'host:b', 4),
    blockOf(empty, 'host:a'),
  )
  const affine = new AffineBlocks(index, 'host:a')
  affine.update([...listingOf(none, half, full, other, empty), { key: `${affinities.prefix}a` }])
  t.strictSame(worthReading(affine), {
    cidrs: ['10.0.0.0/30', '10.0.0.12/30', '10.0.0.16/30', '10.0.0.4/30'],
    empty: ['10.0.0.16/30'],
  })
  t.equal(
    affine.count(() => true),
    5,
    'a key that is not that of a block affinity does not count',
  )
  t.equal(
    affine.count((cidr) => cidr === full),
    0,
    'the same block, as the key has it',
  )
  affine.update(listingOf(half, empty))
  t.strictSame(worthReading(affine), { cidrs: ['10.0.0.16/30', '10.0.0.4/30'], empty: ['10.0.0.16/30'] })
  affine.update(listingOf(half))
  t.strictSame(worthReading(affine), { cidrs: ['10.0.0.4/30'], empty: [] })
  t.end()
})

t.test('a block that is used up is worth reading again when an address has cooled down', (t) => {
  const [cidr] = blocks
  if (!cidr) throw new Error('There are eight blocks.')
  const index = new BlockIndex()
  store(index, releaseOrdinalsOfHandle(blockOf(cidr, 'host:a', 4), 'h', madeAt, 60).block)
  const affine = new AffineBlocks(index, 'host:a')
  affine.update(listingOf(cidr))
  t.strictSame(worthReading(affine, termsOf(nothingReserved, -60)).cidrs, [])
  t.strictSame(worthReading(affine, termsOf(nothingReserved, -1)).cidrs, [])
  t.strictSame(worthReading(affine, termsOf(nothingReserved, 1)).cidrs, ['10.0.0.0/30'])
  t.end()
})

t.test('what is remembered from one time to the next is what a new listing would give', (t) => {
  const number = fc.nat(blocks.length - 1)
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), number }),
    fc.record({ kind: fc.constant('drop' as const), number }),
    fc.record({ kind: fc.constant('reserve' as const), number }),
    fc.record({ kind: fc.constant('remove' as const), number }),
    fc.record({ kind: fc.constant('many changes' as const), number }),
    fc.record({
      kind: fc.constant('store' as const),
      number,
      affinity: fc.constantFrom('host:a', 'host:b', null),
      heldCount: fc.nat(4),
      isReleased: fc.boolean(),
    }),
  )
  const property = fc.property(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 30 }), (steps) => {
    const index = new BlockIndex()
    const affine = new AffineBlocks(index, 'host:a')
    const listed = new Map<string, { readonly key: string }>()
    let reserved = nothingReserved
    const listing = (): readonly { readonly key: string }[] =>
      [...listed.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
    for (const [step, isLookedAt] of steps) {
      const cidr = blocks[step.number] ?? mustParseCidr('10.0.0.0/30')
      const key = affinityKey(host, cidr).text
      if (step.kind === 'add') listed.set(key, { key })
      else if (step.kind === 'drop') listed.delete(key)
      else if (step.kind === 'reserve') reserved = CidrSet.of([cidr])
      else if (step.kind === 'remove') index.changed(blockKey(cidr).text, { kind: 'absent' })
      else if (step.kind === 'many changes') for (let n = 0; n < 300; n++) store(index, blockOf(cidr, 'host:a', 4))
      else {
        const block = blockOf(cidr, step.affinity, step.heldCount)
        store(index, step.isReleased ? releaseOrdinalsOfHandle(block, 'h', madeAt, 60).block : block)
      }
      if (!isLookedAt) continue
      const anew = new AffineBlocks(index, 'host:a')
      for (const one of [affine, anew]) one.update(listing())
      t.strictSame(worthReading(affine, termsOf(reserved)), worthReading(anew, termsOf(reserved)))
      t.equal(
        affine.count(() => true),
        listed.size,
      )
    }
  })
  fc.assert(property, { numRuns: 200 })
  t.end()
})

t.test('each owner has affinities of its own, and memory for them is bounded', (t) => {
  const index = new BlockIndex()
  const view = new FakeView()
  for (const cidr of blocks.slice(0, 3)) view.put(affinityKey(host, cidr), confirmedAffinity)
  const count = (of: AffinityHost): number => readAffineBlocks(view, index, of, 4, 'hint').count(() => true)
  t.equal(count(host), 3)
  t.equal(readAffineBlocks(view, index, host, 4, 'hint'), readAffineBlocks(view, index, host, 4, 'hint'))
  t.equal(count({ type: 'virtual', name: 'a' }), 0)
  const before = readAffineBlocks(view, index, host, 4, 'hint')
  for (let number = 0; number < 10_000; number++) count({ type: 'host', name: `other-${number}` })
  t.not(readAffineBlocks(view, index, host, 4, 'hint'), before)
  t.equal(count(host), 3)
  t.end()
})
