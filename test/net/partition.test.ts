import fc from 'fast-check'
import t from 'tap'
import {
  type Cidr,
  type PrefixLength,
  addressAt,
  addressCount,
  blockAt,
  blockCount,
  blockOf,
  contains,
  covers,
  formatAddress,
  formatCidr,
  mustParseAddress,
  mustParseCidr,
  ordinal,
  ordinalOf,
  prefixLength,
  isSameCidr,
} from '../../src/net/index.ts'

t.test('an ordinal is a whole number from 0 up', (t) => {
  t.equal(ordinal(0), 0)
  t.equal(ordinal(4095), 4095)
  for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53]) t.throws(() => ordinal(wrong), { code: 'ERR_ASSERTION' })
  t.end()
})

function sizeOf(pool: Cidr, length: number): PrefixLength {
  const size = prefixLength(pool.family, length)
  if (size === undefined) throw new Error(`no /${length} in IPv${pool.family}`)
  return size
}

/** Pool, block size, number of blocks, a block's number and the block: the vectors of docs/calico/ipam.md 1.7, and the ends. */
const blocks: readonly (readonly [pool: string, blockSize: number, count: bigint, index: bigint, block: string])[] = [
  ['10.1.0.0/16', 26, 1024n, 338n, '10.1.84.128/26'],
  ['10.0.0.0/24', 26, 4n, 2n, '10.0.0.128/26'],
  ['10.0.0.0/28', 30, 4n, 2n, '10.0.0.8/30'],
  ['10.0.0.0/8', 26, 262_144n, 40_414n, '10.39.119.128/26'],
  ['fd00:10::/64', 122, 2n ** 58n, 167_734_761_596_257_748n, 'fd00:10::94fa:7820:5b81:7500/122'],
  ['fd00::/48', 122, 2n ** 74n, 6_236_780_179_776_727_651_668n, 'fd00::5486:2d90:6847:2ee5:5500/122'],
  ['10.0.0.0/24', 30, 64n, 20n, '10.0.0.80/30'],
  ['10.0.0.0/26', 26, 1n, 0n, '10.0.0.0/26'],
  ['10.0.0.0/24', 32, 256n, 255n, '10.0.0.255/32'],
  ['0.0.0.0/0', 32, 2n ** 32n, 2n ** 32n - 1n, '255.255.255.255/32'],
  ['::/0', 128, 2n ** 128n, 2n ** 128n - 1n, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128'],
]

for (const [poolText, blockSize, count, index, block] of blocks) {
  t.test(`block ${index} of the ${count} blocks of /${blockSize} in ${poolText} is ${block}`, (t) => {
    const pool = mustParseCidr(poolText)
    const size = sizeOf(pool, blockSize)
    t.equal(blockCount(pool, size), count)
    t.equal(formatCidr(blockAt(pool, size, index)), block)
    t.throws(() => blockAt(pool, size, count), { code: 'ERR_ASSERTION' })
    t.throws(() => blockAt(pool, size, -1n), { code: 'ERR_ASSERTION' })
    t.end()
  })
}

t.test('a pool smaller than its blocks has none', (t) => {
  const pool = mustParseCidr('10.0.0.0/27')
  const size = sizeOf(pool, 26)
  t.equal(blockCount(pool, size), 0n)
  t.throws(() => blockAt(pool, size, 0n), { code: 'ERR_ASSERTION' })
  t.end()
})

/** Address, block, ordinal. */
const places: readonly (readonly [address: string, block: string, place: number])[] = [
  ['10.10.0.8', '10.10.0.8/29', 0],
  ['10.10.0.15', '10.10.0.8/29', 7],
  ['10.0.0.5', '10.0.0.5/32', 0],
  ['10.0.15.255', '10.0.0.0/20', 4095],
  ['fd00::7f', 'fd00::40/122', 63],
  ['fd00::fff', 'fd00::/116', 4095],
  ['255.255.255.255', '255.255.255.192/26', 63],
]

for (const [addressText, blockText, place] of places) {
  t.test(`${addressText} is ordinal ${place} of ${blockText}`, (t) => {
    const address = mustParseAddress(addressText)
    const block = mustParseCidr(blockText)
    t.strictSame(blockOf(address, block.prefixLength), block)
    t.equal(ordinalOf(block, address), place)
    t.equal(formatAddress(addressAt(block, ordinal(place))), addressText)
    t.end()
  })
}

t.test('an address or an ordinal outside the block is a bug', (t) => {
  const block = mustParseCidr('10.10.0.8/29')
  t.throws(() => ordinalOf(block, mustParseAddress('10.10.0.7')), { code: 'ERR_ASSERTION' })
  t.throws(() => ordinalOf(block, mustParseAddress('10.10.0.16')), { code: 'ERR_ASSERTION' })
  t.throws(() => ordinalOf(block, mustParseAddress('::8')), { code: 'ERR_ASSERTION' })
  t.equal(formatAddress(addressAt(block, ordinal(7))), '10.10.0.15')
  t.throws(() => addressAt(block, ordinal(8)), { code: 'ERR_ASSERTION' })
  t.end()
})

t.test('blocks tile their pool: every address lies in the block of its number, at its ordinal', (t) => {
  const pools = fc.constantFrom(
    '10.0.0.0/20',
    '255.255.240.0/20',
    'fd00::/116',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:f000/116',
  )
  const property = fc.property(
    pools,
    fc.integer({ min: 0, max: 12 }),
    fc.bigInt({ min: 0n, max: 4095n }),
    (text, hostBits, offset) => {
      const pool = mustParseCidr(text)
      const size = sizeOf(pool, (pool.family === 4 ? 32 : 128) - hostBits)
      const address = { family: pool.family, value: pool.base + offset }
      const block = blockOf(address, size)
      const place = ordinalOf(block, address)
      return (
        covers(pool, block) &&
        contains(block, address) &&
        isSameCidr(blockAt(pool, size, offset / addressCount(block)), block) &&
        BigInt(place) === offset % addressCount(block) &&
        addressAt(block, place).value === address.value
      )
    },
  )
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 500 })
  })
  t.end()
})
