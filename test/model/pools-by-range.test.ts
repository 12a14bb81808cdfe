import fc from 'fast-check'
import t from 'tap'
import { PoolsByRange } from '../../src/model/index.ts'
import { type Cidr, covers, formatCidr, mustParseCidr } from '../../src/net/index.ts'

const ranges = ['10.0.0.0/8', '10.1.0.0/16', '10.1.0.0/24', '10.1.1.0/24', '10.1.0.0/24', 'fd00::/64', '10.2.0.0/16']
const pools = ranges.map((text) => ({ cidr: mustParseCidr(text) }))
const byRange = new PoolsByRange(pools)
const texts = (found: Iterable<{ readonly cidr: Cidr }>): readonly string[] =>
  [...found].map(({ cidr }) => formatCidr(cidr)).sort()

t.test('the pools around a range, those within it, and the innermost', (t) => {
  const of = (text: string) => mustParseCidr(text)
  t.strictSame(texts(byRange.around(of('10.1.0.0/26'))), ['10.0.0.0/8', '10.1.0.0/16', '10.1.0.0/24', '10.1.0.0/24'])
  t.strictSame(texts(byRange.within(of('10.1.0.0/16'))), ['10.1.0.0/24', '10.1.0.0/24', '10.1.1.0/24'])
  t.equal(byRange.innermost(of('10.1.0.0/26')), pools[4], 'of the same range, the last')
  t.equal(byRange.innermost(of('10.3.0.0/26')), pools[0])
  t.equal(byRange.innermost(of('fd01::/64')), undefined)
  t.strictSame(texts(byRange.within(of('fd01::/64'))), [])
  t.end()
})

t.test('they are those that a look at each pool finds', (t) => {
  const range = fc.tuple(fc.constantFrom(...ranges), fc.integer({ min: 6, max: 30 }))
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(range, ([text, length]) => {
        const cidr = mustParseCidr(text.replace(/\/.*/, `/${length}`))
        const around = pools.filter((pool) => covers(pool.cidr, cidr))
        const within = pools.filter((pool) => covers(cidr, pool.cidr) && pool.cidr.prefixLength > cidr.prefixLength)
        return (
          String(texts(byRange.around(cidr))) === String(texts(around)) &&
          String(texts(byRange.within(cidr))) === String(texts(within))
        )
      }),
    ),
  )
  t.end()
})
