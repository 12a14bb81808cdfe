import fc from 'fast-check'
import t from 'tap'
import { type MapRequest, planReadAddressStates, planReadMap } from '../../../src/ipam/index.ts'
import { formatCidr, mustParseCidr, prefixLength } from '../../../src/net/index.ts'
import { World } from '../../support/ipam-world.ts'
import { everythingOf, rightsBy } from '../../support/rights.ts'

function requestOf(cidr: string, length: number): MapRequest {
  const parsed = mustParseCidr(cidr)
  return { cidr: parsed, prefixLength: prefixLength(parsed.family, length) ?? parsed.prefixLength }
}

/** The map as texts: `range pools blocks capacity inUse cooling reserved available`. */
function map(world: World, cidr: string, length: number): readonly string[] | string {
  const { answer, writes } = planReadMap(world.view, requestOf(cidr, length), world.context)
  if (writes.length > 0) return 'something was written'
  if (!answer.ok) return `${answer.refusal.reason} ${answer.refusal.causes.map(({ field }) => field).join()}`
  const around = answer.value.pools.map(({ name }) => `around: ${name}`)
  const ranges = answer.value.ranges.map((one) =>
    [
      formatCidr(one.range),
      `${one.pools.join('+')}${one.poolCount > one.pools.length ? `+${one.poolCount - one.pools.length}` : ''}`,
      ...[one.blocks, one.capacity, one.inUse, one.cooling, one.reserved, one.available],
    ].join(' '),
  )
  return [...around, ...ranges]
}

function states(world: World, cidr: string): string {
  const { answer } = planReadAddressStates(world.view, mustParseCidr(cidr), world.context)
  return answer.ok ? answer.value : answer.refusal.reason
}

/** A pool with a block in use and a reservation, a small pool, a block in no pool, and one that cannot be read. */
function usedWorld(): World {
  const world = new World()
  world.config({ ipCooldownSeconds: 60 })
  world.pool('big', '10.1.0.0/16', { blockSize: 29 }, { metadata: { labels: { team: 'blue' } } })
  world.pool('small', '10.2.0.0/28', { blockSize: 29 })
  world.pool('six', 'fd00::/64')
  world.reserve('10.1.0.2/31', '10.1.0.9/32', '10.2.0.8/29', '10.9.0.0/24')
  world.take({ addresses: ['10.1.0.8', '10.1.0.9', '10.1.0.10', '10.1.0.11', '10.1.7.1'] })
  world.take({ addresses: ['fd00::1:0:0:7'] })
  world.give('10.1.0.10')
  world.put(world.blockKey('10.1.9.0/29').text, '{')
  world.fullBlock('10.3.0.0/30', null)
  return world
}

t.test('ranges are counted in which there is a block or a whole pool, and the others are left out', (t) => {
  const world = usedWorld()
  t.strictSame(map(world, '10.0.0.0/8', 16), [
    '10.1.0.0/16 big 3 65536 12 1 3 65521',
    '10.2.0.0/16 small 0 16 0 0 8 8',
    '10.3.0.0/16  1 0 4 0 0 0',
  ])
  t.strictSame(map(world, '10.1.0.0/16', 24), [
    'around: big',
    '10.1.0.0/24 big 1 256 3 1 3 250',
    '10.1.7.0/24 big 1 256 1 0 0 255',
    '10.1.9.0/24 big 1 256 8 0 0 248',
  ])
  t.strictSame(map(world, 'fd00::/16', 64), ['fd00::/64 six 1 18446744073709551616 1 0 0 18446744073709551615'])
  t.strictSame(map(world, '10.8.0.0/16', 24), [])
  t.end()
})

t.test('a block that is larger than a range is divided among them', (t) => {
  const world = usedWorld()
  t.strictSame(map(world, '10.1.0.8/29', 31), [
    'around: big',
    '10.1.0.8/31 big 1 2 2 0 1 0',
    '10.1.0.10/31 big 1 2 1 1 0 0',
    '10.1.0.12/31 big 1 2 0 0 0 2',
    '10.1.0.14/31 big 1 2 0 0 0 2',
  ])
  t.strictSame(map(world, '10.1.0.10/31', 32), [
    'around: big',
    '10.1.0.10/32 big 1 1 0 1 0 0',
    '10.1.0.11/32 big 1 1 1 0 0 0',
  ])
  world.passSeconds(62)
  t.strictSame(
    map(world, '10.1.0.10/32', 32),
    ['10.1.0.10/32 big 1 1 0 0 0 1'].map((text) => text).flatMap((text) => ['around: big', text]),
  )
  t.end()
})

t.test('of blocks that overlap, the largest counts, and so no address twice', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24')
  world.fullBlock('10.0.0.0/28', null)
  world.fullBlock('10.0.0.0/29', null)
  world.fullBlock('10.0.0.32/29', null)
  t.strictSame(map(world, '10.0.0.0/24', 24), ['10.0.0.0/24 a 3 256 24 0 0 232'])
  t.equal(states(world, '10.0.0.0/28'), 'u'.repeat(16))
  t.end()
})

t.test('a range names eight pools, and counts all', (t) => {
  const world = new World()
  world.pool('large', '10.0.0.0/8')
  for (let number = 0; number < 10; number++) world.pool(`p${number}`, `10.0.${number}.0/24`)
  t.strictSame(map(world, '10.0.0.0/16', 16), [
    'around: large',
    '10.0.0.0/16 large+p0+p1+p2+p3+p4+p5+p6+3 0 65536 0 0 0 65536',
  ])
  t.end()
})

t.test('a map of too many ranges is refused with what would be right', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/8', { blockSize: 20 })
  world.block('10.0.0.0/20', null)
  t.equal(map(world, '10.0.0.0/20', 32).length, 4_097, 'a block of the most addresses, and the pool around')
  world.block('10.0.16.0/20', null)
  t.equal(map(world, '10.0.0.0/8', 32), 'Invalid prefixLength')
  const { answer } = planReadMap(world.view, requestOf('10.0.0.0/8', 32), world.context)
  t.match(answer, {
    refusal: { message: /10\.0\.0\.0\/8 has more than 4096 ranges of \/32 .*at most 20, or a smaller cidr/ },
  })
  const pools = new World()
  for (let number = 0; number < 4_097; number++) pools.pool(`p${number}`, `10.${number >> 8}.${number & 255}.0/24`)
  t.equal(map(pools, '10.0.0.0/8', 24), 'Invalid prefixLength')
  t.equal(states(world, '10.0.0.0/19'), 'Invalid')
  t.end()
})

t.test('each address has one state', (t) => {
  const world = usedWorld()
  t.equal(states(world, '10.1.0.0/28'), 'aarraaaauUcuaaaa')
  t.equal(states(world, '10.1.0.10/31'), 'cu', 'a part of a block')
  t.equal(states(world, '10.1.9.0/29'), 'uuuuuuuu', 'of a block that cannot be read, nothing can be assigned')
  t.equal(states(world, '10.2.0.0/27'), `${'a'.repeat(8)}${'r'.repeat(8)}${'-'.repeat(16)}`)
  t.equal(states(world, '10.3.0.0/29'), 'uuuu----', 'in use, in no pool')
  t.equal(states(world, '10.9.0.0/30'), '----', 'reserved, in no pool')
  world.reserve('10.1.0.10/32')
  t.equal(states(world, '10.1.0.8/30'), 'uUCu')
  world.passSeconds(62)
  t.equal(states(world, '10.1.0.8/30'), 'uUru')
  t.end()
})

t.test('one sees the pools that one may list, and nothing of the others', (t) => {
  const world = usedWorld()
  world.rights = rightsBy(everythingOf('blue'))
  t.strictSame(map(world, '10.0.0.0/8', 16), ['10.1.0.0/16 big 3 65536 12 1 3 65521'])
  t.equal(states(world, '10.2.0.0/29'), '--------')
  t.equal(states(world, '10.3.0.0/30'), '----')
  t.equal(states(world, '10.1.0.8/30'), 'uUcu')
  world.rights = rightsBy({ verbs: ['list'], resources: ['ippools'], poolSelector: "team == 'red'" })
  t.strictSame(map(world, '10.0.0.0/8', 16), [])
  t.end()
})

t.test('the sums of a map are those of the states', (t) => {
  const world = usedWorld()
  const length = fc.integer({ min: 20, max: 32 })
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xfff }), length, fc.integer({ min: 0, max: 8 }), (start, at, more) => {
        const base = 0x0a010000n + BigInt(start)
        const host = BigInt(32 - at)
        const cidr = {
          ...mustParseCidr('10.0.0.0/8'),
          base: (base >> host) << host,
          prefixLength: requestOf('10.0.0.0/8', at).prefixLength,
        }
        const text = states(world, formatCidr(cidr))
        const finer = Math.min(32, at + more)
        const { answer } = planReadMap(world.view, requestOf(formatCidr(cidr), finer), world.context)
        if (!answer.ok) throw new Error(answer.refusal.message)
        const sum = (of: 'inUse' | 'cooling'): number =>
          answer.value.ranges.reduce((all, one) => all + Number(one[of]), 0)
        const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0
        return sum('inUse') === count(/u/gi) && sum('cooling') === count(/c/gi)
      }),
    ),
  )
  t.end()
})
