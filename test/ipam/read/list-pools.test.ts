import t from 'tap'
import { planListPools, type PoolOrder } from '../../../src/ipam/index.ts'
import type { PoolsAnswer, PoolsRequest } from '../../../src/ipam/read/list-pools.ts'
import { World } from '../../support/ipam-world.ts'
import { everythingOf, rightsBy } from '../../support/rights.ts'

const byName: PoolOrder = { by: 'name', isDescending: false }

function list(world: World, request: Partial<PoolsRequest> = {}): PoolsAnswer {
  const { answer } = planListPools(
    world.view,
    { text: '', order: byName, after: undefined, limit: 100, ...request },
    world.context,
  )
  if (!answer.ok) throw new Error(answer.refusal.message)
  return answer.value
}

const names = ({ pools }: PoolsAnswer): string => pools.map(({ pool }) => pool.name).join(' ')

/** Three small pools: `b` is the fullest, then `c`; `a` and `d` are empty, and `d` is the largest. */
function world(): World {
  const made = new World()
  for (const name of ['a', 'b', 'c']) made.pool(name, `10.0.${name.charCodeAt(0)}.0/28`, { blockSize: 29 })
  made.pool('d', '10.1.0.0/16', {}, { metadata: { labels: { team: 'blue' } } })
  made.take({ ipv4: 4, pools: ['b'] })
  made.take({ ipv4: 2, pools: ['c'] })
  return made
}

t.test('pools are sorted by any of their numbers, those with the same by name', (t) => {
  const made = world()
  const cases: [PoolOrder['by'], ascending: string, descending: string][] = [
    ['name', 'a b c d', 'a b c d'],
    ['percentInUse', 'a d c b', 'b c a d'],
    ['inUse', 'a d c b', 'b c a d'],
    ['available', 'b c a d', 'd a c b'],
    ['capacity', 'a b c d', 'd a b c'],
  ]
  for (const [by, ascending, descending] of cases) {
    t.equal(names(list(made, { order: { by, isDescending: false } })), ascending, by)
    t.equal(names(list(made, { order: { by, isDescending: true } })), descending, `-${by}`)
  }
  t.end()
})

t.test('pages follow each other, also while numbers change', (t) => {
  const made = world()
  const order = { by: 'percentInUse', isDescending: true } as const
  const first = list(made, { order, limit: 2 })
  t.strictSame([names(first), first.total, first.last], ['b c', 4, { value: 0.125, name: 'c' }])
  const second = list(made, { order, limit: 2, after: first.last })
  t.strictSame([names(second), second.total, second.last], ['a d', 4, undefined])
  const third = list(made, { order, limit: 1, after: { value: 0, name: 'a' } })
  t.equal(names(third), 'd')
  t.equal(names(list(made, { order: { ...order, isDescending: false }, after: { value: 0.125, name: 'b' } })), 'c b')
  t.end()
})

t.test('a text selects by name and CIDR', (t) => {
  const made = world()
  t.equal(names(list(made, { text: 'B' })), 'b')
  t.equal(names(list(made, { text: '10.1.' })), 'd')
  t.equal(list(made, { text: 'nothing' }).total, 0)
  t.end()
})

t.test('a state selects, by the first reason why a pool assigns nothing', (t) => {
  const made = world()
  const isDeleted = { metadata: { deletionTimestamp: '2026-11-16T06:59:05Z' } }
  made.pool('e', '10.0.1.0/28', { blockSize: 29, disabled: true })
  made.pool('f', '10.0.2.0/28', { blockSize: 29 }, isDeleted)
  made.pool('g', '10.0.3.0/28', { blockSize: 29, disabled: true }, isDeleted)
  made.pool('h', '10.0.4.0/28', { blockSize: 20 })
  const cases = [
    ['Assigning', 'a b c d'],
    ['Disabled', 'e'],
    ['Terminating', 'f g'],
    ['Unusable', 'h'],
    [undefined, 'a b c d e f g h'],
  ] as const
  for (const [state, expected] of cases) t.equal(names(list(made, { state })), expected, state ?? 'any')
  const first = list(made, { state: 'Terminating', limit: 1 })
  t.strictSame([names(first), first.total], ['f', 2], 'the total is of the state')
  t.end()
})

t.test('counts are true after blocks, pools, reservations and time have changed', (t) => {
  const made = world()
  made.config({ ipCooldownSeconds: 60 })
  const available = (name: string): number =>
    Number(list(made).pools.find(({ pool }) => pool.name === name)?.usage.available ?? -1)
  t.strictSame(['a', 'b', 'c'].map(available), [16, 12, 14])
  const taken = made.take({ ipv4: 1, pools: ['a'] })
  t.strictSame(['a', 'b', 'c'].map(available), [15, 12, 14])
  made.give(taken[0] ?? '')
  t.equal(available('a'), 15, 'it cools down')
  made.passSeconds(62)
  t.equal(available('a'), 16)
  made.take({ ipv4: 1, pools: ['a'] })
  t.equal(available('a'), 15)
  made.reserve('10.0.98.0/29')
  t.equal(available('b'), 8, 'of the other half, nothing is reserved')
  made.pool('b', '10.0.98.0/29', { blockSize: 29 })
  t.equal(available('b'), 0)
  made.remove('/calico/resources/v3/projectcalico.org/ippools/b')
  t.equal(available('b'), -1)
  made.remove('/calico/resources/v3/projectcalico.org/ippools/a')
  t.equal(available('a'), -1)
  made.put(`${made.blockKey('10.0.99.0/29').text}x`, '{')
  t.equal(available('c'), 14, 'a key that is none of a block')
  made.block('10.0.0.0/20', null)
  t.equal(available('c'), 14)
  made.block('10.0.99.0/30', null)
  t.equal(available('c'), 14)
  t.end()
})

t.test('one sees the pools that one may list', (t) => {
  const made = world()
  made.rights = rightsBy(everythingOf('blue'))
  const found = list(made)
  t.strictSame([names(found), found.total], ['d', 1])
  t.end()
})
