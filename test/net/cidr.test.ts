import fc from 'fast-check'
import t from 'tap'
import { cidrAround } from '../../src/net/cidr.ts'
import {
  type Cidr,
  type IpFamily,
  addressCount,
  contains,
  covers,
  firstAddress,
  formatAddress,
  formatCidr,
  hostCidr,
  lastAddress,
  mustParseAddress,
  mustParseCidr,
  overlaps,
  parseAddressOrCidr,
  parseCidr,
  parseInterface,
  prefixLength,
  isSameCidr,
} from '../../src/net/index.ts'

const prefixLengths: readonly (readonly [IpFamily, number, boolean])[] = [
  [4, 0, true],
  [4, -1, false],
  [4, 32, true],
  [4, 33, false],
  [6, 33, true],
  [6, 128, true],
  [6, 129, false],
  [4, 26, true],
  [4, 26.5, false],
  [4, Number.NaN, false],
  [6, Number.POSITIVE_INFINITY, false],
]

for (const [family, length, isRight] of prefixLengths) {
  t.test(`${length} is ${isRight ? 'a' : 'no'} prefix length of IPv${family}`, (t) => {
    t.equal(prefixLength(family, length), isRight ? length : undefined)
    t.end()
  })
}

/** Text, and its canonical spelling; undefined when it must be refused. Each refused row follows the neighbour that is right. */
const spellings: readonly (readonly [text: string, canonical: string | undefined])[] = [
  ['10.10.0.8/29', '10.10.0.8/29'],
  ['10.10.0.15/29', '10.10.0.8/29'],
  ['10.10.0.8', undefined],
  ['10.10.0.8/', undefined],
  ['10.10.0.8/029', undefined],
  ['10.10.0.8/ 29', undefined],
  ['10.10.0.8 /29', undefined],
  ['10.10.0.8/29 ', undefined],
  ['10.10.0.8/29\n', undefined],
  ['10.10.0.8/+29', undefined],
  ['10.10.0.8/-1', undefined],
  ['10.10.0.8/29.0', undefined],
  ['10.10.0.8/2e1', undefined],
  ['10.10.0.8/0x1d', undefined],
  ['10.10.0.8/29/29', undefined],
  ['10.10.0.8/255.255.255.248', undefined],
  ['10.10.0.8-29', undefined],
  ['10.10.0/29', undefined],
  ['/29', undefined],
  ['', undefined],
  ['10.10.0.8/32', '10.10.0.8/32'],
  ['10.10.0.8/33', undefined],
  ['10.10.0.8/0', '0.0.0.0/0'],
  ['10.10.0.8/00', undefined],
  ['FD00:0:0:0::40/122', 'fd00::40/122'],
  ['fd00:1:2:3::/122', 'fd00:1:2:3::/122'],
  ['fd00::7f/122', 'fd00::40/122'],
  ['fd00::/128', 'fd00::/128'],
  ['fd00::/129', undefined],
  ['fd00::/0128', undefined],
  ['fd00::/1000', undefined],
  ['fd00::1%eth0/64', undefined],
  ['fd00::1/64%eth0', undefined],
  ['::/0', '::/0'],
  ['::ffff:0:0/96', undefined],
  ['::ffff:10.0.0.0/104', undefined],
]

for (const [text, canonical] of spellings) {
  t.test(`${JSON.stringify(text)} as a CIDR is ${canonical === undefined ? 'refused' : canonical}`, (t) => {
    const cidr = parseCidr(text)
    t.equal(cidr && formatCidr(cidr), canonical)
    t.end()
  })
}

t.test('a bare address is the CIDR of itself, where that is allowed', (t) => {
  const format = (text: string): string | undefined => {
    const cidr = parseAddressOrCidr(text)
    return cidr && formatCidr(cidr)
  }
  t.equal(format('10.0.0.5'), '10.0.0.5/32')
  t.equal(format('FD00::5'), 'fd00::5/128')
  t.equal(format('10.0.0.5/24'), '10.0.0.0/24')
  t.equal(format('10.0.0.05'), undefined)
  t.equal(format('10.0.0.5/'), undefined)
  t.equal(format('10.0.0.5/33'), undefined)
  t.equal(format(''), undefined)
  t.end()
})

t.test('an interface keeps the address as given beside its CIDR', (t) => {
  t.strictSame(parseInterface('10.10.0.9/29'), {
    address: { family: 4, value: 0x0a0a0009n },
    cidr: { family: 4, base: 0x0a0a0008n, prefixLength: 29 },
  })
  t.equal(parseInterface('10.10.0.9'), undefined)
  t.equal(parseInterface('10.10.0.9/33'), undefined)
  t.equal(parseInterface('10.10.0.09/29'), undefined)
  t.end()
})

t.test('mustParseCidr throws what parseCidr refuses', (t) => {
  t.strictSame(mustParseCidr('10.0.0.5/24'), parseCidr('10.0.0.0/24'))
  t.throws(() => mustParseCidr('10.0.0.5'), { message: 'not a CIDR: 10.0.0.5' })
  t.end()
})

/** CIDR, first address, last address, number of addresses. */
const extents: readonly (readonly [cidr: string, first: string, last: string, count: bigint])[] = [
  ['10.0.0.5/32', '10.0.0.5', '10.0.0.5', 1n],
  ['10.0.0.64/26', '10.0.0.64', '10.0.0.127', 64n],
  ['0.0.0.0/0', '0.0.0.0', '255.255.255.255', 2n ** 32n],
  ['fd00::5/128', 'fd00::5', 'fd00::5', 1n],
  ['fd00::40/122', 'fd00::40', 'fd00::7f', 64n],
  ['::/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 2n ** 128n],
]

for (const [text, first, last, count] of extents) {
  t.test(`${text} goes from ${first} to ${last}, ${count} in all`, (t) => {
    const cidr = mustParseCidr(text)
    t.equal(formatAddress(firstAddress(cidr)), first)
    t.equal(formatAddress(lastAddress(cidr)), last)
    t.equal(addressCount(cidr), count)
    t.end()
  })
}

/** Two CIDRs; whether the first covers the second, and whether they overlap. */
const pairs: readonly (readonly [a: string, b: string, isCovering: boolean, isOverlapping: boolean])[] = [
  ['10.0.0.0/24', '10.0.0.0/24', true, true],
  ['10.0.0.0/24', '10.0.0.64/26', true, true],
  ['10.0.0.64/26', '10.0.0.0/24', false, true],
  ['10.0.0.0/24', '10.0.1.0/26', false, false],
  ['10.0.0.0/25', '10.0.0.128/25', false, false],
  ['0.0.0.0/0', '255.255.255.255/32', true, true],
  ['0.0.0.0/0', '::/128', false, false],
  ['::/0', '0.0.0.0/32', false, false],
  ['fd00::/48', 'fd00:0:0:ffff::/64', true, true],
  ['fd00::/48', 'fd00:0:1::/64', false, false],
]

for (const [a, b, isCovering, isOverlapping] of pairs) {
  t.test(`${a} ${isCovering ? 'covers' : isOverlapping ? 'overlaps' : 'is apart from'} ${b}`, (t) => {
    t.equal(covers(mustParseCidr(a), mustParseCidr(b)), isCovering)
    t.equal(overlaps(mustParseCidr(a), mustParseCidr(b)), isOverlapping)
    t.end()
  })
}

t.test('the CIDR of one address contains it alone', (t) => {
  for (const text of ['10.0.0.5', 'fd00::5']) {
    const address = mustParseAddress(text)
    t.equal(addressCount(hostCidr(address)), 1n)
    t.ok(contains(hostCidr(address), address))
  }
  t.end()
})

t.test('a prefix length of the other family is a bug', (t) => {
  const length = prefixLength(6, 64)
  if (length === undefined) throw new Error('IPv6 has a /64')
  t.throws(() => cidrAround(mustParseAddress('10.0.0.5'), length), { code: 'ERR_ASSERTION' })
  t.equal(formatCidr(cidrAround(mustParseAddress('fd00::5'), length)), 'fd00::/64')
  t.end()
})

/** Close together, so that CIDRs meet; at both ends of both families. */
const cidrs: fc.Arbitrary<Cidr> = fc
  .record({
    family: fc.constantFrom<IpFamily>(4, 6),
    isAtTheTop: fc.boolean(),
    offset: fc.bigInt({ min: 0n, max: 63n }),
    hostBits: fc.integer({ min: 0, max: 6 }),
  })
  .map(({ family, isAtTheTop, offset, hostBits }) => {
    const width = family === 4 ? 32 : 128
    const length = prefixLength(family, width - hostBits)
    if (length === undefined) throw new Error(`no /${width - hostBits} in IPv${family}`)
    return cidrAround({ family, value: isAtTheTop ? 2n ** BigInt(width) - 1n - offset : offset }, length)
  })

/** The addresses one by one. */
function membersOf(cidr: Cidr): Set<string> {
  const members = new Set<string>()
  const top = 2n ** BigInt((cidr.family === 4 ? 32 : 128) - cidr.prefixLength)
  for (let offset = 0n; offset < top; offset++) members.add(`${cidr.family}:${cidr.base + offset}`)
  return members
}

t.test('CIDRs compare as the sets of their addresses do', (t) => {
  const property = fc.property(cidrs, cidrs, (a, b) => {
    const ofA = membersOf(a)
    const ofB = membersOf(b)
    const shared = [...ofB].filter((member) => ofA.has(member)).length
    return (
      addressCount(a) === BigInt(ofA.size) &&
      contains(a, firstAddress(b)) === ofA.has(`${b.family}:${b.base}`) &&
      covers(a, b) === (shared === ofB.size) &&
      overlaps(a, b) === shared > 0 &&
      isSameCidr(a, b) === (shared === ofA.size && shared === ofB.size)
    )
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 1000 })
  })
  t.end()
})

t.test('every CIDR survives printing and parsing', (t) => {
  const property = fc.property(
    fc.constantFrom<IpFamily>(4, 6),
    fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    fc.nat(128),
    (family, value, n) => {
      const length = prefixLength(family, Math.min(n, family === 4 ? 32 : 128))
      if (length === undefined) return false
      const cidr = cidrAround({ family, value: family === 4 ? value >> 96n : value }, length)
      const parsed = parseCidr(formatCidr(cidr))
      return parsed !== undefined && isSameCidr(parsed, cidr)
    },
  )
  // IPv4-mapped addresses, which are refused, are one in 2^96 of these.
  t.doesNotThrow(() => {
    fc.assert(property)
  })
  t.end()
})
