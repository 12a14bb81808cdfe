import t from 'tap'
import { planGiveBackCharges, planReadQuotas } from '../../src/ipam/index.ts'
import { Ledger } from '../../src/ipam/ledger.ts'
import { isAnyStale } from '../../src/ipam/quotas.ts'
import { accessPolicies, accessPolicyKey, charges, chargesKey, quotas } from '../../src/model/index.ts'
import { mustParseCidr } from '../../src/net/index.ts'
import { type Wish, World } from '../support/ipam-world.ts'
import { policyOf, rightsBy, type WrittenRule } from '../support/rights.ts'

const assign: WrittenRule = { verbs: ['assign', 'release'], resources: ['addresses'] }
const quotaOf = (position: number): string => `tenant/${position}/Group:tenants`

/** Two pools, and a caller with these rules; charges are given back in the transaction of the release. */
function worldWith(...rules: readonly WrittenRule[]): World {
  const world = new World()
  world.pool('blue', '10.1.0.0/24', { blockSize: 26 }, { metadata: { labels: { team: 'blue' } } })
  world.pool('green', '10.2.0.0/24', { blockSize: 26 }, { metadata: { labels: { team: 'green' } } })
  world.rights = rightsBy(...rules)
  world.charges = { isEmpty: false }
  return world
}

/** What is used of each quota, as it is stored. */
function usedIn(world: World): Readonly<Record<string, string>> {
  const entries = world.dump(quotas.prefix).map(([key, text]) => [key.slice(quotas.prefix.length), text ?? ''] as const)
  return Object.fromEntries(entries)
}

function chargedIn(world: World): readonly string[] {
  return world.dump(charges.prefix).map(([key]) => key.slice(charges.prefix.length))
}

t.test('without a limit nothing is charged, nor compared', (t) => {
  for (const rules of [[assign], [{ ...assign, maxAddresses: 1 }, assign]]) {
    const world = worldWith(...rules)
    t.equal(world.take({ ipv4: 2 }).length, 2)
    t.strictSame([usedIn(world), chargedIn(world)], [{}, []])
    t.strictSame(
      [...world.lastReads].filter((read) => read.includes('/ippoold/')),
      [],
    )
  }
  t.end()
})

t.test('an assign is charged to the first rules with room, and refused when none has', (t) => {
  const blue = { ...assign, poolSelector: "team == 'blue'" }
  const cases: [rules: WrittenRule[], wishes: Wish[], taken: (number | string)[], used: Record<string, number>][] = [
    [[{ ...assign, maxAddresses: 2 }], [{}, {}, {}], [1, 1, 'Forbidden'], { [quotaOf(0)]: 2 }],
    [[{ ...assign, maxAddresses: 2 }], [{ ipv4: 2 }], [2], { [quotaOf(0)]: 2 }],
    [[{ ...assign, maxAddresses: 2 }], [{ ipv4: 3 }], ['Forbidden'], {}],
    [
      [{ ...assign, maxAddresses: 2 }],
      [{ ipv4: 3, partial: true }, { partial: true }],
      [2, 'Forbidden'],
      { [quotaOf(0)]: 2 },
    ],
    [[{ ...assign, maxAddresses: 0 }], [{}], ['Forbidden'], {}],
    [
      [
        { ...assign, maxAddresses: 2 },
        { ...assign, maxAddresses: 3 },
      ],
      [{ ipv4: 4 }, { ipv4: 2, partial: true }],
      [4, 1],
      { [quotaOf(0)]: 2, [quotaOf(1)]: 3 },
    ],
    [
      [
        { ...blue, maxAddresses: 1 },
        { ...assign, poolSelector: "team == 'green'" },
      ],
      [{ ipv4: 3 }],
      [3],
      { [quotaOf(0)]: 1 },
    ],
    [[{ ...blue, maxAddresses: 1 }], [{ pools: ['green'] }], ['Invalid'], {}],
    [[{ ...blue, maxAddresses: 300 }], [{ ipv4: 256 }, {}], [256, 'InsufficientAddresses'], { [quotaOf(0)]: 256 }],
    [[{ ...blue, maxAddresses: 65 }], [{ ipv4: 70, node: 'n', partial: true }], [65], { [quotaOf(0)]: 65 }],
    [[{ ...assign, maxAddresses: 1 }], [{ addresses: ['10.1.0.1', '10.2.0.1'] }], ['Forbidden'], {}],
    [
      [{ ...assign, maxAddresses: 1 }],
      [{ addresses: ['10.1.0.1', '10.2.0.1'], partial: true }],
      [1],
      { [quotaOf(0)]: 1 },
    ],
    [[{ ...assign, maxAddresses: 1 }], [{}, { addresses: ['10.1.0.9'] }], [1, 'Forbidden'], { [quotaOf(0)]: 1 }],
    [[{ ...assign, maxAddresses: 2, handles: ['h*'] }], [{}, { handle: 'x' }], [1, 'Forbidden'], { [quotaOf(0)]: 1 }],
  ]
  for (const [index, [rules, wishes, taken, used]] of cases.entries()) {
    const world = worldWith(...rules)
    const outcomes = wishes.map((wish) => {
      const outcome = world.assign(wish)
      return outcome.ok ? outcome.value.addresses.length : outcome.refusal.reason
    })
    const told = `case ${index}`
    t.strictSame(outcomes, taken, told)
    t.strictSame(
      usedIn(world),
      Object.fromEntries(Object.entries(used).map(([name, number]) => [name, `{"used":${number}}`])),
      told,
    )
  }
  t.end()
})

t.test('the refusal says which rule, what is used, requested and allowed', (t) => {
  const world = worldWith({ ...assign, maxAddresses: 2 })
  world.take()
  const refused = world.assign({ ipv4: 4 })
  t.match(refused, {
    refusal: {
      reason: 'Forbidden',
      message:
        'Exceeded quota: AccessPolicy tenant, spec.rules[0], for the Group "tenants": requested: 4, used: 1, limited: 2; nothing was assigned.',
      causes: [{ field: 'maxAddresses', reason: 'QuotaExceeded' }],
    },
  })
  t.end()
})

t.test('every way of releasing gives back what was charged', (t) => {
  const ways: [name: string, release: (world: World, taken: readonly string[]) => void][] = [
    ['by address', (world, taken) => void world.give(...taken)],
    ['by handle', (world) => void world.releaseHandle('h')],
    ['by an exact ensure', (world) => void world.ensure({ addresses: ['10.2.0.1'] }, true)],
  ]
  for (const [name, release] of ways) {
    const world = worldWith({ ...assign, maxAddresses: 5 })
    const taken = world.take({ ipv4: 3 })
    t.strictSame(usedIn(world), { [quotaOf(0)]: '{"used":3}' })
    release(world, taken)
    const isKept = name === 'by an exact ensure'
    t.strictSame(usedIn(world), isKept ? { [quotaOf(0)]: '{"used":1}' } : {}, name)
    t.strictSame(chargedIn(world), isKept ? ['ipv4/block/10.2.0.0-26'] : [], name)
  }
  t.end()
})

t.test('a release that changes one of two blocks gives back what was charged in that', (t) => {
  const world = worldWith({ ...assign, maxAddresses: 5 })
  world.take({ addresses: ['10.1.0.1', '10.2.0.1'], node: 'n' })
  world.give('10.1.0.1', '10.2.0.9')
  t.strictSame(usedIn(world), { [quotaOf(0)]: '{"used":1}' })
  t.strictSame(chargedIn(world), ['ipv4/block/10.2.0.0-26'])
  t.end()
})

t.test('no more is borrowed than the quota has room for', (t) => {
  const world = worldWith({ ...assign, maxAddresses: 1, poolSelector: "team == 'blue'" })
  const { rights } = world
  world.rights = new World().rights
  for (const base of [0, 64, 128, 192]) world.take({ handle: 'other', addresses: [`10.1.0.${base}`], node: 'other' })
  world.rights = rights
  t.equal(world.take({ ipv4: 2, node: 'n', partial: true }).length, 1)
  t.end()
})

t.test('only what was assigned under a quota is given back to it', (t) => {
  const world = worldWith({ ...assign, maxAddresses: 5 })
  const { rights } = world
  const [charged = ''] = world.take({ addresses: ['10.1.0.1'] })
  world.rights = rightsBy(assign)
  world.take({ addresses: ['10.1.0.2'] })
  world.give('10.1.0.2')
  t.strictSame(usedIn(world), { [quotaOf(0)]: '{"used":1}' }, 'another address of the same handle and block')
  world.give(charged)
  world.take({ addresses: ['10.1.0.1'] })
  t.strictSame(usedIn(world), {})
  world.rights = rights
  t.end()
})

t.test('an address that something else released is not charged twice to the quota', (t) => {
  const world = worldWith({ ...assign, maxAddresses: 5 })
  world.take({ addresses: ['10.1.0.1'] })
  world.charges = { isEmpty: true }
  world.give('10.1.0.1')
  t.strictSame(usedIn(world), { [quotaOf(0)]: '{"used":1}' }, 'not given back yet')
  world.take({ addresses: ['10.1.0.1'] })
  t.strictSame(usedIn(world), { [quotaOf(0)]: '{"used":1}' })
  world.charges = { isEmpty: false }
  world.give('10.1.0.1')
  t.strictSame([usedIn(world), chargedIn(world)], [{}, []])
  t.end()
})

t.test('what something else released is given back by upkeep, whatever was assigned since', (t) => {
  const cidr = mustParseCidr('10.1.0.0/26')
  const stories: [name: string, change: (world: World) => void, left: number][] = [
    ['still held', () => undefined, 2],
    ['the block is gone', (world) => world.remove(world.blockKey('10.1.0.0/26').text), 0],
    [
      'assigned anew',
      (world) => {
        world.charges = { isEmpty: true }
        world.give('10.1.0.1')
        world.rights = rightsBy(assign)
        world.take({ addresses: ['10.1.0.1'] })
      },
      1,
    ],
    ['cannot be read', (world) => void world.put(world.blockKey('10.1.0.0/26').text, '{'), 2],
    [
      'the number cannot be read',
      (world) => {
        world.put(`${quotas.prefix}${quotaOf(0)}`, '{"used":-1}')
        world.remove(world.blockKey('10.1.0.0/26').text)
      },
      -1,
    ],
    ['the charges cannot be read', (world) => void world.put(chargesKey(cidr).text, '{"quotas":1}'), 2],
  ]
  for (const [name, change, left] of stories) {
    const world = worldWith({ ...assign, maxAddresses: 5 })
    world.take({ addresses: ['10.1.0.1', '10.1.0.2'] })
    change(world)
    world.commit(planGiveBackCharges(world.view, cidr))
    t.strictSame(usedIn(world), left === 0 ? {} : { [quotaOf(0)]: `{"used":${left}}` }, name)
    t.equal(world.commit(planGiveBackCharges(world.view, cidr)), 0)
  }
  t.ok(isAnyStale(new Map([['q', new Map([[1, 1n]])]]), undefined))
  t.notOk(isAnyStale(new Map(), undefined))
  t.end()
})

t.test('what does not fit into a transaction is left to upkeep', (t) => {
  const world = worldWith({ ...assign, maxAddresses: 5 })
  world.take({ addresses: ['10.1.0.1', '10.2.0.1'] })
  world.remove(world.blockKey('10.1.0.0/26').text)
  for (const room of [0, 1, 2]) {
    let left = room
    const ledger = new Ledger(world.view)
    const count = ledger.giveBack(mustParseCidr('10.1.0.0/26'), undefined, (keys) => (left -= keys) >= 0)
    t.strictSame([count, ledger.writes().length], room === 2 ? [1, 2] : [0, 0], `room for ${room} keys`)
  }
  t.end()
})

t.test('nothing is assigned on a guess', (t) => {
  const world = worldWith({ ...assign, maxAddresses: 5 })
  world.put(`${quotas.prefix}${quotaOf(0)}`, '{')
  t.match(world.assign(), { refusal: { reason: 'Forbidden', message: /the stored number in use cannot be read/ } })
  const other = worldWith({ ...assign, maxAddresses: 5, poolSelector: "team == 'blue'" })
  for (const base of [0, 64, 128, 192]) other.put(chargesKey(mustParseCidr(`10.1.0.${base}/26`)).text, '{')
  t.match(other.assign(), { refusal: { reason: 'InsufficientAddresses' } })
  t.match(other.assign({ addresses: ['10.1.0.1'] }), { refusal: { reason: 'Conflict' } })
  t.end()
})

t.test('an ensure that accepts fewer has to do with what there is', (t) => {
  const world = worldWith({ ...assign, maxAddresses: 2 })
  world.take({ ipv4: 2 })
  t.match(world.ensure({ ipv4: 3, partial: true }), { ok: true, value: { isAdded: false } })
  t.match(world.ensure({ ipv4: 3 }), { refusal: { reason: 'Forbidden' } })
  t.end()
})

t.test('the use is read by who is limited, and by who is not', (t) => {
  const world = worldWith(
    { ...assign, maxAddresses: 5 },
    { ...assign, maxAddresses: 7 },
    { ...assign, resources: ['*'], verbs: ['get'] },
  )
  world.take({ ipv4: 2 })
  world.rights = rightsBy({ ...assign, maxAddresses: 5 }, { ...assign, maxAddresses: 7 }, assign)
  const subject = { kind: 'Group', name: 'tenants' }
  t.strictSame(world.commit(planReadQuotas(world.view, world)), [
    { policy: 'tenant', position: 0, subject, used: 2, limit: 5 },
    { policy: 'tenant', position: 1, subject, used: 0, limit: 7 },
  ])
  const stored = policyOf('tenant', ['tenants'], [{ ...assign, maxAddresses: 5 }])
  world.put(accessPolicyKey('tenant').text, accessPolicies.encode(stored))
  world.put(accessPolicyKey('bad').text, '{')
  world.put(`${quotas.prefix}gone/0/User:bob`, '{"used":3}')
  world.put(`${quotas.prefix}gone/1/User:bob`, '{')
  world.put(`${quotas.prefix}what`, '{"used":3}')
  t.strictSame(world.commit(planReadQuotas(world.view, new World())), [
    { policy: 'gone', position: 0, subject: { kind: 'User', name: 'bob' }, used: 3, limit: undefined },
    { policy: 'tenant', position: 0, subject, used: 2, limit: 5 },
  ])
  t.end()
})
