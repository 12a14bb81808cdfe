import * as fc from 'fast-check'
import t from 'tap'
import { addressesOf, readMask } from '../../../src/cli/formats/addresses.ts'
import { canonicalAddress, contains, printRange, rangeOf, readRange } from '../../../src/cli/formats/index.ts'
import { entriesOfBlock, parseBlocks } from '../../../src/cli/formats/index.ts'
import { addressAt, formatAddress, mustParseCidr, ordinal, parseAddress } from '../../../src/net/index.ts'
import { volume } from '../../support/volume.ts'

const anyAddress = fc.oneof(fc.ipV4(), fc.ipV6())

t.test('addresses are spelled as the server spells them', (t) => {
  fc.assert(
    fc.property(anyAddress, (text) => {
      const parsed = parseAddress(text)
      // The server refuses addresses of IPv4 that are written as IPv6.
      if (parsed !== undefined) t.equal(canonicalAddress(text), formatAddress(parsed), text)
    }),
    { numRuns: volume(1_000) },
  )
  for (const text of ['', '10.1.0', '10.1.0.256', '10.01.0.1', 'fd00::%eth0', 'fd00', '::g', '10.1.0.0/24'])
    t.equal(canonicalAddress(text), undefined, text)
  t.end()
})

t.test('an ordinal is the address that the server has for it', (t) => {
  for (const text of ['10.1.0.64/26', '0.0.0.0/20', '255.255.255.192/26', 'fd00::/116', 'fd00::ff80/122', '::/120']) {
    const range = readRange(text)
    if (range === undefined) throw new Error(text)
    const addressOf = addressesOf(range)
    for (const place of [0, 1, 7, 63])
      t.equal(addressOf(place), formatAddress(addressAt(mustParseCidr(text), ordinal(place))), `${text} ${place}`)
  }
  t.end()
})

t.test('ranges are read and printed', (t) => {
  const cases: readonly (readonly [text: string, printed: string | undefined])[] = [
    ['10.1.2.3/16', '10.1.0.0/16'],
    ['10.1.2.3/32', '10.1.2.3/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.1.0.0/33', undefined],
    ['10.1.0.0', undefined],
    ['10.1.0.0/', undefined],
    ['FD00:0::1/64', 'fd00::/64'],
    ['fd00::1/128', 'fd00::1/128'],
    ['fd00::/129', undefined],
    ['::/0', '::/0'],
  ]
  for (const [text, printed] of cases) {
    const range = readRange(text)
    t.equal(range && printRange(range), printed, text)
  }
  t.end()
})

t.test('a range contains what begins and ends in it', (t) => {
  const outer = readRange('10.1.0.0/16')
  if (outer === undefined) throw new Error('this is a range')
  const cases: readonly (readonly [inner: string, isInside: boolean])[] = [
    ['10.1.0.0/16', true],
    ['10.1.255.0/24', true],
    ['10.2.0.0/24', false],
    ['10.0.0.0/8', false],
    ['fd00::/64', false],
  ]
  for (const [text, isInside] of cases) {
    const inner = readRange(text)
    t.equal(inner && contains(outer, inner), isInside, text)
  }
  t.equal(contains(outer, rangeOf('10.1.0.7')), true)
  t.equal(contains(outer, rangeOf('fd00::7')), false)
  t.end()
})

t.test('masks are read in both forms', (t) => {
  for (const [text, length] of [
    ['24', 24],
    ['255.255.255.0', 24],
    ['0.0.0.0', 0],
    ['255.255.255.255', 32],
    ['255.0.255.0', undefined],
    ['', undefined],
    ['x', undefined],
  ] as const)
    t.equal(readMask(text), length, text)
  t.end()
})

t.test('a page of blocks keeps numbers that are larger than those of JavaScript', (t) => {
  const { items, next } = parseBlocks(
    JSON.stringify({
      metadata: { continue: 'token' },
      items: [
        {
          spec: {
            cidr: '10.1.0.0/30',
            allocations: [0, null, 1, 2],
            attributes: [
              { handle_id: 'say "7":8', secondary: { node: 'n', '7': '"8":9' }, alternateOwnerAttrs: { pod: 'b' } },
              { releasedAt: '2026-11-30T12:00:00Z' },
              {},
            ],
            sequenceNumberForAllocation: { '0': 0, '3': 17 },
          },
        },
      ],
    }).replace('"3":17', '"3":1794812345678901234'),
  )
  t.equal(next, 'token')
  t.strictSame(items.flatMap(entriesOfBlock), [
    {
      kind: 'Address',
      address: '10.1.0.0',
      handle: 'say "7":8',
      node: 'n',
      attributes: { '7': '"8":9' },
      alternate: { node: null, attributes: { pod: 'b' } },
      sequenceNumber: '0',
    },
    { kind: 'Cooling', address: '10.1.0.2', releasedAt: '2026-11-30T12:00:00Z' },
    {
      kind: 'Address',
      address: '10.1.0.3',
      handle: null,
      node: null,
      attributes: {},
      sequenceNumber: '1794812345678901234',
    },
  ])
  t.throws(() => entriesOfBlock({ spec: { cidr: 'x', attributes: [], allocations: [] } }), /spec.cidr is "x"/)
  t.end()
})
