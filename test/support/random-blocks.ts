import fc from 'fast-check'
import { type Attribute, type Block, jsonObject } from '../../src/model/index.ts'
import { noFields } from '../../src/model/json/index.ts'
import { addressCount, mustParseCidr, ordinal } from '../../src/net/index.ts'

/** The parts of random blocks. */
interface Parts {
  readonly text: fc.Arbitrary<string>
  readonly number: fc.Arbitrary<bigint>
  /** The unknown fields of a block and of its entries. */
  readonly unknown: fc.Arbitrary<Pick<Attribute, 'unknownFields'>>
}

const windowsHandle = fc.constantFrom('windows-reserved-ipam-handle', 'Windows-Reserved-IPAM-Handle')
const time = fc.constantFrom('2026-11-23T04:00:00Z', '2026-11-23T05:00:00.25+01:00')
const optional = <Value>(name: string, value: fc.Arbitrary<Value>): fc.Arbitrary<Readonly<Record<string, Value>>> =>
  fc.option(value, { nil: undefined }).map((value) => (value === undefined ? {} : { [name]: value }))
const merged = (...parts: fc.Arbitrary<object>[]): fc.Arbitrary<object> =>
  fc.tuple(...parts).map((parts) => parts.reduce<object>((all, part) => ({ ...all, ...part }), {}))

function attributesOf({ text, unknown }: Parts): fc.Arbitrary<Attribute> {
  const map = fc.dictionary(fc.oneof(text, fc.constant('node')), text, { minKeys: 1, maxKeys: 4 })
  return merged(
    optional('handle', fc.oneof({ weight: 3, arbitrary: text }, windowsHandle)),
    optional('active', map),
    fc.oneof(optional('alternate', map), fc.constant({})),
    fc.oneof(optional('releasedAt', time), fc.constant({})),
    unknown,
  )
}

function blocksOf(parts: Parts): fc.Arbitrary<Block> {
  const { text, number, unknown } = parts
  const place = fc.option(fc.record({ attribute: fc.nat(), number }), { freq: 3 })
  return fc
    .record({
      cidr: fc
        .constantFrom('10.0.0.0/26', '10.0.0.8/29', '10.0.0.9/32', 'fd00::40/122', 'fd00::/128')
        .map(mustParseCidr),
      attributes: fc.array(attributesOf(parts), { minLength: 1, maxLength: 5 }),
      places: fc.array(place, { minLength: 64, maxLength: 64 }),
      order: fc.array(fc.nat(), { minLength: 64, maxLength: 64 }),
      affinity: fc.option(text),
      sequenceNumber: number,
      deleted: fc.boolean(),
      others: merged(optional('affinityClaimTime', time), optional('hostAffinity', text), unknown),
    })
    .map(({ cidr, attributes, places, order, others, ...rest }) => {
      const inBlock = places.slice(0, Number(addressCount(cidr)))
      const free = inBlock.flatMap((place, at) => (place === null ? [ordinal(at)] : []))
      const unallocated = free.sort((one, other) => (order[one] ?? 0) - (order[other] ?? 0))
      return {
        cidr,
        allocations: inBlock.map((place) => place && place.attribute % attributes.length),
        unallocated,
        attributes,
        sequenceNumberForAllocation: inBlock.map((place) => place?.number),
        unknownFields: noFields,
        ...others,
        ...rest,
      }
    })
}

/** Blocks with everything that a block can contain. */
export const anyBlock = blocksOf({
  text: fc.string({ unit: 'grapheme', maxLength: 20 }),
  number: fc.bigInt(0n, 2n ** 64n - 1n),
  unknown: optional('unknownFields', fc.constant(jsonObject([['later', 'x']]))),
})

/** Blocks with what Calico and this server write into one. */
export const usualBlock = blocksOf({
  text: fc.stringMatching(/^[a-zA-Z0-9 .:+-]{0,20}$/),
  number: fc.bigInt(0n, 2n ** 63n - 1n),
  unknown: fc.constant({}),
})
