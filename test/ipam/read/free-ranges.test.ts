import t from 'tap'
import { planReadFree, planReadUtilization } from '../../../src/ipam/index.ts'
import type { FreeAnswer, FreeRequest } from '../../../src/ipam/read/free-ranges.ts'
import { formatAddress, mustParseAddress, mustParseCidr } from '../../../src/net/index.ts'
import { World } from '../../support/ipam-world.ts'

/** One page of ranges; `more` at its end if it is not the last one. */
function read(world: World, request: Partial<FreeRequest>): FreeAnswer | string {
  const complete = { pool: 'a', range: undefined, from: undefined, limit: 100, ...request }
  const { answer, writes } = planReadFree(world.view, complete, world.context)
  if (writes.length > 0) return 'something was written'
  return answer.ok ? answer.value : answer.refusal.reason
}

function free(world: World, request: Partial<FreeRequest> = {}): readonly string[] {
  const found = read(world, request)
  if (typeof found === 'string') return [found]
  const ranges = found.ranges.map(({ first, last }) => `${formatAddress(first)}-${formatAddress(last)}`)
  return found.next === undefined ? ranges : [...ranges, `more at ${formatAddress(found.next)}`]
}

/** A pool with a block in use, a reservation, a released address that cools down, and a block that cannot be read. */
function usedWorld(): World {
  const world = new World()
  world.config({ ipCooldownSeconds: 60 })
  world.pool('a', '10.0.0.0/24', { blockSize: 29 })
  world.pool('six', 'fd00::/64')
  world.reserve('10.0.0.2/32', '10.0.0.6/31', '10.0.0.128/25', 'fd00::/65')
  world.take({ node: 'n1', addresses: ['10.0.0.8', '10.0.0.9', '10.0.0.10', '10.0.0.15', '10.0.0.16'] })
  world.take({ addresses: ['fd00::8000:0:0:1'] })
  world.give('10.0.0.9')
  world.put(world.blockKey('10.0.0.64/29').text, '{')
  return world
}

const all = [
  '10.0.0.0-10.0.0.1',
  '10.0.0.3-10.0.0.5',
  '10.0.0.11-10.0.0.14',
  '10.0.0.17-10.0.0.63',
  '10.0.0.72-10.0.0.127',
]

t.test('what is neither in use nor cooling down nor reserved is available', (t) => {
  const world = usedWorld()
  t.strictSame(free(world), all)
  t.strictSame(free(world, { pool: '10.0.0.0/24' }), all)
  t.strictSame(free(world, { pool: 'six' }), [
    'fd00::8000:0:0:0-fd00::8000:0:0:0',
    'fd00::8000:0:0:2-fd00::ffff:ffff:ffff:ffff',
  ])
  world.passSeconds(62)
  t.strictSame(
    free(world).slice(2, 4),
    ['10.0.0.9-10.0.0.9', '10.0.0.11-10.0.0.14'],
    'what has cooled down is available',
  )
  t.end()
})

t.test('pages and parts of a pool have the same ranges, cut where they end', (t) => {
  const world = usedWorld()
  const pages: string[] = []
  for (let from = mustParseAddress('9.0.0.0'); ; ) {
    const found = read(world, { from, limit: 2 })
    if (typeof found === 'string') throw new Error(found)
    pages.push(...found.ranges.map(({ first, last }) => `${formatAddress(first)}-${formatAddress(last)}`))
    if (found.next === undefined) break
    from = found.next
  }
  t.strictSame(pages, all)
  t.strictSame(free(world, { limit: 1 }), ['10.0.0.0-10.0.0.1', 'more at 10.0.0.3'])
  t.strictSame(free(world, { range: mustParseCidr('10.0.0.12/31') }), ['10.0.0.12-10.0.0.13'])
  t.strictSame(free(world, { range: mustParseCidr('10.0.0.8/30') }), ['10.0.0.11-10.0.0.11'])
  t.strictSame(free(world, { range: mustParseCidr('10.0.0.64/29') }), [])
  t.strictSame(free(world, { range: mustParseCidr('10.0.0.0/8') }), all)
  t.strictSame(free(world, { from: mustParseAddress('fd00::1') }), all, 'a place in another family is none')
  t.end()
})

t.test('there are as many as the utilization says, also of blocks that overlap', (t) => {
  const world = usedWorld()
  world.block('10.0.0.96/28', null)
  world.block('10.0.0.104/29', null)
  const found = read(world, {})
  const { answer } = planReadUtilization(world.view, { pools: ['a'], withBlocks: false }, world.context)
  if (typeof found === 'string' || !answer.ok) throw new Error('both can be read')
  const listed = found.ranges.reduce((sum, { first, last }) => sum + last.value - first.value + 1n, 0n)
  t.equal(listed, found.available)
  t.equal(listed, answer.value.pools[0]?.usage.available)
  t.end()
})

t.test(
  'a pool that does not exist and a range outside are refused; a configuration that cannot be read is not needed',
  (t) => {
    const world = usedWorld()
    t.strictSame(free(world, { pool: 'nope' }), ['NotFound'])
    t.strictSame(free(world, { range: mustParseCidr('10.0.1.0/24') }), ['Invalid'])
    const before = free(world)
    world.put('/calico/ipam/v2/config', '{')
    t.strictSame(free(world), before)
    t.end()
  },
)
