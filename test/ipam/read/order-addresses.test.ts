import fc from 'fast-check'
import t from 'tap'
import { comparisonOf, sortFields, type SortKey, sortKeyOf } from '../../../src/ipam/index.ts'
import {
  type Address,
  compareAddresses,
  formatAddress,
  mustParseAddress,
  mustParseCidr,
} from '../../../src/net/index.ts'
import { volume } from '../../support/volume.ts'

const address = fc.oneof(
  fc.bigInt({ min: 0n, max: 9n }).map((value): Address => ({ family: 4, value })),
  fc.bigInt({ min: 0n, max: 9n }).map((value): Address => ({ family: 6, value })),
)
const text = fc.constantFrom(undefined, '', 'a', 'a-2', 'B', 'é', '\u{ffff}', '\u{10000}')
const time = fc.constantFrom(undefined, -5n, 0n, 7n, 1_795_406_400_000_000_000n)

t.test('the sort key of an address is what is answered of it', (t) => {
  const allocation = {
    address: mustParseAddress('10.0.0.7'),
    block: mustParseCidr('10.0.0.0/29'),
    pool: 'p',
    node: 'n1',
    handle: 'h',
    sequenceNumber: 3n,
    attributes: { timestamp: '2026-11-23T04:00:00Z', tenant: 'blue' },
  }
  const valueBy = (by: (typeof sortFields)[number], changes: object = {}): SortKey['value'] =>
    sortKeyOf({ by, isDescending: false }, { ...allocation, ...changes }).value
  t.equal(valueBy('address'), undefined)
  t.equal(valueBy('handle'), 'h')
  t.equal(valueBy('node'), 'n1')
  t.equal(valueBy('assignedAt'), 1_795_406_400_000_000_000n)
  t.equal(valueBy('assignedAt', { attributes: { timestamp: 'yesterday' } }), undefined)
  t.equal(sortKeyOf({ by: 'node', isDescending: true }, allocation).address, allocation.address)
  t.end()
})

t.test('addresses are sorted by a field, without a value last, with the same one by address', (t) => {
  const sorted = (order: Parameters<typeof comparisonOf>[0], keys: readonly SortKey[]): readonly string[] =>
    keys.toSorted(comparisonOf(order)).map(({ value, address }) => `${String(value)} ${formatAddress(address)}`)
  const keys = (['b', undefined, 'a', 'b', undefined, 'B'] as const).map((value, index) => {
    return { value, address: mustParseAddress(`10.0.0.${9 - index}`) }
  })
  const last = ['undefined 10.0.0.5', 'undefined 10.0.0.8']
  t.strictSame(sorted({ by: 'handle', isDescending: false }, keys), [
    ...['B 10.0.0.4', 'a 10.0.0.7', 'b 10.0.0.6', 'b 10.0.0.9'],
    ...last,
  ])
  t.strictSame(sorted({ by: 'handle', isDescending: true }, keys), [
    ...['b 10.0.0.6', 'b 10.0.0.9', 'a 10.0.0.7', 'B 10.0.0.4'],
    ...last,
  ])
  t.end()
})

t.test('a comparison orders everything, and agrees with the bytes of texts and with the numbers of times', (t) => {
  for (const by of sortFields) {
    const value: fc.Arbitrary<SortKey['value']> =
      by === 'address' ? fc.constant(undefined) : by === 'assignedAt' ? time : text
    const key = fc.record({ value, address })
    const property = fc.property(key, key, key, fc.boolean(), (one, two, three, isDescending) => {
      const compare = comparisonOf({ by, isDescending })
      const isOrder =
        Math.sign(compare(one, two)) === Math.sign(-compare(two, one)) &&
        (compare(one, two) > 0 || compare(two, three) > 0 || compare(one, three) <= 0)
      const expected = compareNaively(one.value, two.value)
      const isByValue = Math.sign(compare(one, two)) === (isDescending ? -expected : expected)
      const isSame = compareAddresses(one.address, two.address) === 0
      return isOrder && (expected === 0 ? (compare(one, two) === 0) === (one.value === two.value && isSame) : isByValue)
    })
    t.doesNotThrow(() => fc.assert(property, { numRuns: volume(10_000) }), by)
  }
  t.end()
})

/** -1, 0 or 1 for two values that are there; 0 otherwise. */
function compareNaively(one: SortKey['value'], two: SortKey['value']): number {
  if (typeof one === 'string' && typeof two === 'string') return Buffer.compare(Buffer.from(one), Buffer.from(two))
  return typeof one === 'bigint' && typeof two === 'bigint' ? Number(one > two) - Number(one < two) : 0
}
