import fc from 'fast-check'
import t from 'tap'
import { cidrAround } from '../../src/net/cidr.ts'
import {
  type Cidr,
  addressCount,
  CidrSet,
  firstAddress,
  formatAddress,
  hostCidr,
  lastAddress,
  mustParseAddress,
  mustParseCidr,
  prefixLength,
} from '../../src/net/index.ts'

function setOf(...texts: readonly string[]): CidrSet {
  return CidrSet.of(texts.map(mustParseCidr))
}

t.test('the empty set has nothing', (t) => {
  const set = CidrSet.of([])
  t.ok(set.isEmpty)
  t.notOk(set.has(mustParseAddress('10.0.0.0')))
  t.notOk(set.covers(mustParseCidr('10.0.0.0/32')))
  t.notOk(set.overlaps(mustParseCidr('0.0.0.0/0')))
  t.equal(set.countIn(mustParseCidr('::/0')), 0n)
  t.end()
})

t.test('a set of one family is not empty', (t) => {
  t.notOk(setOf('10.0.0.0/32').isEmpty)
  t.notOk(setOf('fd00::/128').isEmpty)
  t.end()
})

t.test('a set takes any iterable', (t) => {
  const cidrs = function* (): Generator<Cidr> {
    yield hostCidr(mustParseAddress('10.0.0.5'))
    yield mustParseCidr('fd00::/64')
  }
  const set = CidrSet.of(cidrs())
  t.ok(set.has(mustParseAddress('10.0.0.5')))
  t.ok(set.has(mustParseAddress('fd00::5')))
  t.notOk(set.has(mustParseAddress('10.0.0.6')))
  t.end()
})

/** The reservations of docs/calico/ipam.md section 8, and how much of the pool 10.0.0.0/24 and of its first /26 they hold. */
const reservations: readonly (readonly [reserved: readonly string[], inPool: bigint, inBlock: bigint])[] = [
  [['10.0.0.32/30'], 4n, 4n],
  [['10.0.0.128/25'], 128n, 0n],
  [['10.0.0.5/32'], 1n, 1n],
  [['10.0.0.0/25', '10.0.0.5/32', '10.0.0.64/26'], 128n, 64n],
  [['10.0.0.0/16'], 256n, 64n],
  [['9.0.0.0/8', '10.0.0.4/30', '10.0.0.4/30', '10.0.0.255/32', '10.0.1.0/24'], 5n, 4n],
  [['::/0'], 0n, 0n],
]

for (const [reserved, inPool, inBlock] of reservations) {
  t.test(`${reserved.join(', ')}: ${inPool} addresses of the pool, ${inBlock} of the block`, (t) => {
    const set = setOf(...reserved)
    t.equal(set.countIn(mustParseCidr('10.0.0.0/24')), inPool)
    t.equal(set.countIn(mustParseCidr('10.0.0.0/26')), inBlock)
    t.equal(set.covers(mustParseCidr('10.0.0.0/26')), inBlock === 64n)
    t.equal(set.overlaps(mustParseCidr('10.0.0.0/26')), inBlock > 0n)
    t.end()
  })
}

t.test('two halves cover the whole, a gap does not', (t) => {
  const pool = mustParseCidr('10.0.0.0/24')
  t.ok(setOf('10.0.0.128/25', '10.0.0.0/25').covers(pool))
  t.notOk(setOf('10.0.0.128/25', '10.0.0.0/26', '10.0.0.64/27').covers(pool))
  t.notOk(setOf('10.0.0.128/25').covers(pool))
  t.ok(setOf('0.0.0.0/1', '128.0.0.0/1').covers(mustParseCidr('0.0.0.0/0')))
  t.equal(setOf('::/1', '8000::/1').countIn(mustParseCidr('::/0')), 2n ** 128n)
  t.end()
})

t.test('addresses of the set are counted between any two', (t) => {
  const set = setOf('10.0.0.4/30', '10.0.0.16/28')
  const count = (first: string, last: string): bigint =>
    set.countBetween(mustParseAddress(first), mustParseAddress(last))
  t.equal(count('10.0.0.5', '10.0.0.6'), 2n)
  t.equal(count('10.0.0.0', '10.0.0.18'), 7n)
  t.equal(count('10.0.0.8', '10.0.0.15'), 0n)
  t.end()
})

t.test('a run of the set goes to its last address, wherever it is entered', (t) => {
  const set = setOf('10.0.0.0/26', '10.0.0.64/27', '10.0.0.128/32', 'fd00::/127')
  const lastOf = (text: string): string | undefined => {
    const last = set.lastOfRunAt(mustParseAddress(text))
    return last && formatAddress(last)
  }
  t.equal(lastOf('10.0.0.0'), '10.0.0.95')
  t.equal(lastOf('10.0.0.70'), '10.0.0.95')
  t.equal(lastOf('10.0.0.95'), '10.0.0.95')
  t.equal(lastOf('10.0.0.96'), undefined)
  t.equal(lastOf('10.0.0.128'), '10.0.0.128')
  t.equal(lastOf('10.0.0.129'), undefined)
  t.equal(lastOf('fd00::'), 'fd00::1')
  t.equal(lastOf('::'), undefined)
  t.end()
})

/** CIDRs inside 10.0.0.0/24 or fd00::/120, so that they meet. */
const cidrs: fc.Arbitrary<Cidr> = fc
  .record({ base: fc.constantFrom('10.0.0.0', 'fd00::'), offset: fc.nat(255), hostBits: fc.nat(6) })
  .map(({ base, offset, hostBits }) => {
    const { family, value } = mustParseAddress(base)
    const length = prefixLength(family, (family === 4 ? 32 : 128) - hostBits)
    if (length === undefined) throw new Error(`no such prefix length: ${hostBits} host bits`)
    return cidrAround({ family, value: value + BigInt(offset) }, length)
  })

function membersOf(cidr: Cidr): string[] {
  return Array.from(
    { length: Number(addressCount(cidr)) },
    (_, offset) => `${cidr.family}:${cidr.base + BigInt(offset)}`,
  )
}

t.test('a set answers as a set of its addresses one by one does', (t) => {
  const property = fc.property(fc.array(cidrs, { maxLength: 12 }), cidrs, (members, asked) => {
    const set = CidrSet.of(members)
    const naive = new Set(members.flatMap(membersOf))
    const addresses = membersOf(asked)
    const count = addresses.filter((address) => naive.has(address)).length
    return (
      set.isEmpty === (naive.size === 0) &&
      set.has({ family: asked.family, value: asked.base }) === naive.has(`${asked.family}:${asked.base}`) &&
      set.covers(asked) === (count === addresses.length) &&
      set.overlaps(asked) === count > 0 &&
      set.countIn(asked) === BigInt(count) &&
      set.countBetween(firstAddress(asked), lastAddress(asked)) === BigInt(count)
    )
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 1000 })
  })
  t.end()
})

t.test('the gaps of a set between two addresses are the addresses that it has not', (t) => {
  const set = setOf('10.0.0.4/30', '10.0.0.8/31', '10.0.0.255/32', 'fd00::/64')
  const cases: readonly (readonly [first: string, last: string, gaps: readonly string[]])[] = [
    ['10.0.0.0', '10.0.0.255', ['10.0.0.0-10.0.0.3', '10.0.0.10-10.0.0.254']],
    ['10.0.0.5', '10.0.0.12', ['10.0.0.10-10.0.0.12']],
    ['10.0.0.4', '10.0.0.9', []],
    ['10.0.0.3', '10.0.0.3', ['10.0.0.3-10.0.0.3']],
    ['10.0.0.5', '10.0.0.5', []],
    ['10.0.1.0', '10.0.1.1', ['10.0.1.0-10.0.1.1']],
    ['fd00::1', 'fd00:0:0:1::', ['fd00:0:0:1::-fd00:0:0:1::']],
  ]
  for (const [first, last, want] of cases) {
    const [from, to] = [mustParseAddress(first), mustParseAddress(last)]
    const gaps = [...set.gapsBetween(from, to)].map((gap) =>
      [gap.first, gap.last].map((value) => formatAddress({ family: from.family, value })).join('-'),
    )
    t.strictSame(gaps, want, `${first} to ${last}`)
  }
  t.end()
})
