import fc from 'fast-check'
import t from 'tap'
import {
  type Address,
  bits,
  compareAddresses,
  formatAddress,
  mustParseAddress,
  parseAddress,
} from '../../src/net/index.ts'

t.test('a family has 32 or 128 bits', (t) => {
  t.equal(bits(4), 32)
  t.equal(bits(6), 128)
  t.end()
})

/** Text, and its canonical spelling; undefined when it must be refused. Each refused row follows the neighbour that is right. */
const spellings: readonly (readonly [text: string, canonical: string | undefined])[] = [
  ['10.0.0.5', '10.0.0.5'],
  ['10.0.0.05', undefined],
  ['010.0.0.5', undefined],
  ['10.0.0', undefined],
  ['10.0.0.', undefined],
  ['10.0.0.5.', undefined],
  ['10..0.5', undefined],
  ['10.0.0.0.5', undefined],
  [' 10.0.0.5', undefined],
  ['10.0.0.5 ', undefined],
  ['10.0.0.5\n', undefined],
  ['10.0.0.5/32', undefined],
  ['10.0.0.+5', undefined],
  ['10.0.0.-5', undefined],
  ['10.0.0.0x5', undefined],
  ['10.0.0.5e0', undefined],
  ['10.0.0.٥', undefined],
  ['167772165', undefined],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['255.255.255.256', undefined],
  ['1000.0.0.0', undefined],
  ['', undefined],
  ['localhost', undefined],
  ['::', '::'],
  [':', undefined],
  [':::', undefined],
  ['::1', '::1'],
  [' ::1', undefined],
  ['::1 ', undefined],
  ['[::1]', undefined],
  ['::1/128', undefined],
  [':1', undefined],
  ['1::', '1::'],
  ['1:', undefined],
  ['FD00::AbCd', 'fd00::abcd'],
  ['fd00::abcg', undefined],
  ['fd00::0012', 'fd00::12'],
  ['fd00::00012', undefined],
  ['fd00::1::2', undefined],
  ['fe80::1', 'fe80::1'],
  ['fe80::1%eth0', undefined],
  ['fe80::1%', undefined],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['1:2:3:4:5:6:7', undefined],
  ['1:2:3:4:5:6:7:8:9', undefined],
  ['1:2:3:4:5:6:7:', undefined],
  [':2:3:4:5:6:7:8', undefined],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['1:2:3:4::5:6:7:8', undefined],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['64:ff9b::192.0.2.033', undefined],
  ['64:ff9b::192.0.2', undefined],
  ['192.0.2.33::', undefined],
  ['::192.0.2.33:1', undefined],
  ['::fffe:192.0.2.33', '::fffe:c000:221'],
  ['::ffff:192.0.2.33', undefined],
  ['::FFFF:c000:221', undefined],
  ['0:0:0:0:0:ffff:c000:0221', undefined],
  ['::1:ffff:c000:221', '::1:ffff:c000:221'],
  ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['0000:0000:0000:0000:0000:0000:255.255.255.254', '::ffff:fffe'],
  ['00000:0000:0000:0000:0000:0000:255.255.255.254', undefined],
]

for (const [text, canonical] of spellings) {
  t.test(`${JSON.stringify(text)} is ${canonical === undefined ? 'refused' : canonical}`, (t) => {
    const address = parseAddress(text)
    t.equal(address && formatAddress(address), canonical)
    t.end()
  })
}

/** RFC 5952 section 4, rule by rule. */
const compressions: readonly (readonly [text: string, canonical: string, rule: string])[] = [
  ['2001:0db8::0001', '2001:db8::1', '4.1: no leading zeros'],
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1', '4.2.1: shorten as much as possible'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '4.2.2: a single zero group stays'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '4.2.3: the longest run'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '4.2.3: the first of equal runs'],
  ['0:0:1:0:0:0:0:0', '0:0:1::', '4.2.3: a run at the end'],
  ['0:0:0:0:1:0:0:0', '::1:0:0:0', '4.2.3: a run at the start'],
  ['2001:DB8::ABCD', '2001:db8::abcd', '4.3: lower case'],
  ['fd00:1:2:3::', 'fd00:1:2:3::', 'docs/calico/formats.md section 1.2'],
]

for (const [text, canonical, rule] of compressions) {
  t.test(`${text} is printed as ${canonical} (${rule})`, (t) => {
    t.equal(formatAddress(mustParseAddress(text)), canonical)
    t.end()
  })
}

t.test('an address is its bits as a number', (t) => {
  t.strictSame(parseAddress('10.0.0.5'), { family: 4, value: 0x0a000005n })
  t.strictSame(parseAddress('fd00::40'), { family: 6, value: 0xfd000000000000000000000000000040n })
  t.end()
})

t.test('text far too long is refused at once', (t) => {
  t.equal(parseAddress(`${'0'.repeat(1_000_000)}::`), undefined)
  t.equal(parseAddress(`${'1.'.repeat(1_000_000)}1`), undefined)
  t.end()
})

t.test('mustParseAddress throws what parseAddress refuses', (t) => {
  t.strictSame(mustParseAddress('10.0.0.5'), parseAddress('10.0.0.5'))
  t.throws(() => mustParseAddress('10.0.0.05'), { message: 'not an IP address: 10.0.0.05' })
  t.end()
})

t.test('addresses are ordered by family, then by value', (t) => {
  const sorted = ['0.0.0.0', '9.0.0.0', '10.0.0.0', '255.255.255.255', '::', '::9', '::10', 'fd00::']
  const shuffled = ['::10', '10.0.0.0', 'fd00::', '0.0.0.0', '::9', '9.0.0.0', '::', '255.255.255.255']
  t.strictSame(shuffled.map(mustParseAddress).sort(compareAddresses).map(formatAddress), sorted)
  t.equal(compareAddresses(mustParseAddress('::9'), mustParseAddress('::9')), 0)
  t.end()
})

/** Zeros often, so that "::" has something to stand for. */
const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })

t.test('every IPv4 address survives printing and parsing', (t) => {
  const value = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n })
  const property = fc.property(value, (value) => {
    const address: Address = { family: 4, value }
    const text = formatAddress(address)
    const octets = [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n))
    return text === octets.join('.') && sameAddress(parseAddress(text), address)
  })
  t.doesNotThrow(() => {
    fc.assert(property)
  })
  t.end()
})

t.test('every IPv6 address survives printing and parsing, and is printed as WHATWG URLs print it', (t) => {
  const property = fc.property(groups, (groups) => {
    const address: Address = { family: 6, value: valueOf(groups) }
    const text = formatAddress(address)
    const isRead = isMapped(address.value) ? parseAddress(text) === undefined : sameAddress(parseAddress(text), address)
    return isRead && text === urlHost(groups.map((group) => group.toString(16)).join(':'))
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 1000 })
  })
  t.end()
})

t.test('every spelling of an IPv6 address means the same', (t) => {
  const style = fc.record({
    isUpper: fc.boolean(),
    isPadded: fc.boolean(),
    hasDottedTail: fc.boolean(),
    gapStart: fc.integer({ min: 0, max: 7 }),
    gapLength: fc.integer({ min: 1, max: 8 }),
  })
  const property = fc.property(groups, style, (groups, style) => {
    const value = valueOf(groups)
    const digits = groups.map((group) => group.toString(16).padStart(style.isPadded ? 4 : 1, '0'))
    const tail = [groups[6], groups[7]].map(Number).flatMap((group) => [group >> 8, group & 255])
    const pieces = style.hasDottedTail ? [...digits.slice(0, 6), tail.join('.')] : digits
    const gap = pieces.slice(style.gapStart, style.gapStart + style.gapLength)
    const isGap = gap.length > 0 && gap.every((piece) => /^0+$/.test(piece))
    const before = pieces.slice(0, style.gapStart).join(':')
    const after = pieces.slice(style.gapStart + style.gapLength).join(':')
    const text = isGap ? `${before}::${after}` : pieces.join(':')
    const parsed = parseAddress(style.isUpper ? text.toUpperCase() : text)
    return isMapped(value) ? parsed === undefined : sameAddress(parsed, { family: 6, value })
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 1000 })
  })
  t.end()
})

t.test('whatever text is taken for IPv6, a WHATWG URL takes for the same address', (t) => {
  const piece = fc.constantFrom(
    ':',
    ':',
    '::',
    '0',
    '1',
    'f',
    'fd00',
    'FFFF',
    '00000',
    '.',
    '1.2.3.4',
    '256',
    '%1',
    ' ',
  )
  const property = fc.property(fc.array(piece, { maxLength: 17 }), (pieces) => {
    const text = `${pieces.join('')}:1`
    const address = parseAddress(text)
    const host = urlHost(text)
    return address ? formatAddress(address) === host : host === undefined || isMapped(mappable(host))
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 1000 })
  })
  t.end()
})

function sameAddress(found: Address | undefined, wanted: Address): boolean {
  return found?.family === wanted.family && found.value === wanted.value
}

function valueOf(groups: readonly number[]): bigint {
  return groups.reduce((value, group) => value * 65536n + BigInt(group), 0n)
}

function isMapped(value: bigint): boolean {
  return value >> 32n === 0xffffn
}

/** An IPv6 address as the URL parser of the platform prints it: RFC 5952 section 4; undefined when that refuses it. */
function urlHost(text: string): string | undefined {
  return URL.canParse(`http://[${text}]/`) ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : undefined
}

/** The value of a canonical ::ffff:x:y; anything else gives 0, which is not mapped. */
function mappable(host: string): bigint {
  const match = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(host)
  return match ? valueOf([0xffff, Number.parseInt(match[1] ?? '', 16), Number.parseInt(match[2] ?? '', 16)]) : 0n
}
