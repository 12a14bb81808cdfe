import fc from 'fast-check'
import t from 'tap'
import { readClaims, renewalOf } from '../../../ui/src/api/identity-token.ts'
import { readAssign } from '../../../ui/src/actions/assign-request.ts'
import { labelPatch, printLabels, readLabels } from '../../../ui/src/actions/labels.ts'
import { draftOfPool, withPoolField } from '../../../ui/src/actions/pool-object.ts'
import { clashes, mergeThreeWay } from '../../../ui/src/merging/merge.ts'
import { waitBefore } from '../../../ui/src/live/backoff.ts'
import { keepOrder } from '../../../ui/src/live/order.ts'
import { rowsInSight } from '../../../ui/src/parts/window.ts'
import { parseRoute, printRoute, type Route } from '../../../ui/src/router/routes.ts'

const routes: readonly (readonly [hash: string, route: Route])[] = [
  ['#/', { view: 'pools' }],
  ['#/new-pool', { view: 'new-pool' }],
  ['#/pools/my.pool-1', { view: 'pool', name: 'my.pool-1' }],
  ['#/pools/blue?at=10.0.0.0%2F16', { view: 'pool', name: 'blue', at: '10.0.0.0/16' }],
  ['#/pools/blue/edit', { view: 'edit-pool', name: 'blue' }],
  ['#/blocks/fd00::%2F122', { view: 'block', cidr: 'fd00::/122' }],
  ['#/addresses', { view: 'addresses' }],
  ['#/addresses?q=a+b&sort=-node', { view: 'addresses', q: 'a b', sort: '-node' }],
  ['#/addresses/fd00::1', { view: 'address', address: 'fd00::1' }],
  ['#/handles/a%2Fb%3F%23%20%25', { view: 'handle', handle: 'a/b?# %' }],
  ['#/nodes', { view: 'nodes' }],
  ['#/nodes/node-1', { view: 'node', name: 'node-1' }],
  ['#/reservations', { view: 'reservations' }],
  ['#/check', { view: 'check' }],
  ['#/try/selector?text=zone+%3D%3D+%27a%27', { view: 'try-selector', text: "zone == 'a'" }],
  ['#/try/assign?handle=vm&ipv4=2', { view: 'try-assign', handle: 'vm', ipv4: '2' }],
  ['#/nowhere/at/all', { view: 'unknown', path: '/nowhere/at/all' }],
]

t.test('each view has an address, which leads to it', async (t) => {
  for (const [hash, route] of routes) {
    t.strictSame(parseRoute(hash), route, hash)
    t.equal(printRoute(route), hash)
  }
  t.strictSame(parseRoute(''), { view: 'pools' })
  t.strictSame(parseRoute('#/pools'), { view: 'pools' })
  t.match(parseRoute('#/handles/%'), { view: 'handle', handle: '%' }, 'what is wrongly encoded is taken as it is')
})

t.test('any name survives the address of its view', async (t) => {
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (handle) => {
        const route = parseRoute(printRoute({ view: 'handle', handle }))
        return route.view === 'handle' && route.handle === handle
      }),
    )
  })
})

t.test('an assign is read as it is typed', async (t) => {
  t.strictSame(readAssign({}), {})
  t.strictSame(readAssign({ handle: ' vm ', ipv4: '2', pools: 'a, b', attributes: 'tenant=blue x' }), {
    handle: 'vm',
    ipv4: 2,
    pools: ['a', 'b'],
    attributes: { tenant: 'blue', x: '' },
  })
  t.strictSame(readAssign({ addresses: '10.0.0.1\n10.0.0.2', ipv4: '2', use: 'LoadBalancer' }), {
    addresses: ['10.0.0.1', '10.0.0.2'],
    use: 'LoadBalancer',
  })
})

t.test('a change of labels touches only those that differ', async (t) => {
  t.strictSame(readLabels('zone=a  rack=7,empty'), { zone: 'a', rack: '7', empty: '' })
  t.equal(printLabels({ zone: 'a', rack: '7' }), 'zone=a rack=7')
  t.strictSame(labelPatch({ zone: 'a', old: 'x', same: '1' }, { zone: 'b', same: '1', added: '2' }), {
    old: null,
    zone: 'b',
    added: '2',
  })
})

t.test('the form changes its field, and keeps what it does not know', async (t) => {
  const pool = {
    metadata: { name: 'blue', annotations: { a: 'b' } },
    spec: { cidr: '10.0.0.0/8', unknown: 1, blockSize: 26 },
  }
  t.strictSame(withPoolField(pool, 'nodeSelector', 'all()'), { ...pool, spec: { ...pool.spec, nodeSelector: 'all()' } })
  t.strictSame(withPoolField(pool, 'blockSize', '28'), {
    ...pool,
    spec: { cidr: '10.0.0.0/8', unknown: 1, blockSize: 28 },
  })
  t.strictSame(withPoolField(pool, 'blockSize', ''), { ...pool, spec: { cidr: '10.0.0.0/8', unknown: 1 } })
  t.match(withPoolField(pool, 'labels', 'team=net'), { metadata: { name: 'blue', labels: { team: 'net' } } })
  t.match(draftOfPool('no pool'), { name: '', cidr: '', ipipMode: 'Never' }, 'whatever is typed as YAML can be shown')
})

t.test('changes of two people are both kept, field by field', async (t) => {
  const base = { metadata: { labels: { a: '1' } }, spec: { x: 1, y: [1], z: 1 } }
  const mine = { metadata: { labels: { a: '1', b: '2' } }, spec: { x: 2, y: [1] } }
  const theirs = { metadata: { labels: { a: '3' } }, spec: { x: 1, y: [1, 2], z: 1 } }
  t.strictSame(mergeThreeWay(base, mine, theirs), {
    metadata: { labels: { a: '3', b: '2' } },
    spec: { x: 2, y: [1, 2] },
  })
  t.strictSame(clashes(base, mine, theirs), [])
  t.strictSame(clashes({ spec: { x: 1 } }, { spec: { x: 2 } }, { spec: { x: 3 } }), ['spec.x'])
  t.strictSame(mergeThreeWay({ spec: { x: 1 } }, { spec: { x: 2 } }, { spec: { x: 3 } }), { spec: { x: 2 } })
})

t.test('who changes nothing takes theirs, and alone keeps mine', async (t) => {
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), fc.dictionary(fc.string(), fc.integer()), (base, other) => {
        t.same(mergeThreeWay(base, base, other), other)
        t.same(mergeThreeWay(base, other, base), other)
      }),
    )
  })
})

t.test('rows keep their places while new ones follow', async (t) => {
  t.strictSame(
    keepOrder(['c', 'a', 'd', 'b'], (row) => row, ['a', 'b', 'gone', 'c']),
    ['a', 'b', 'c', 'd'],
  )
})

t.test('of a million rows only those in sight are made', async (t) => {
  t.strictSame(rowsInSight(1_000_000, 40, 200, 800), { first: 0, end: 27 })
  t.strictSame(rowsInSight(1_000_000, 40, -400_000, 800), { first: 9_988, end: 10_032 })
  t.strictSame(rowsInSight(3, 40, 200, 800), { first: 0, end: 3 })
  t.strictSame(rowsInSight(0, 40, 200, 800), { first: 0, end: 0 })
})

t.test('a lost connection is tried after a quarter of a second, then less and less often', async (t) => {
  t.strictSame([1, 2, 3, 6, 20].map(waitBefore), [250, 500, 1_000, 5_000, 5_000])
})

t.test('a token is renewed before it ends, whatever the clock of the browser says', (t) => {
  const token = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`
  t.equal(renewalOf(token({ iat: 1_000, exp: 1_600 }), 5_000_000), 5_480_000)
  t.equal(renewalOf(token({ iat: 1_000, exp: 900 }), 5), 5, 'one that has ended, at once')
  for (const endless of [token({ iat: 1_000 }), token({ exp: 1_600 }), 'opaque', 'a.%%%.c', 'a.e30', ''])
    t.equal(renewalOf(endless, 5), Number.MAX_SAFE_INTEGER, endless)
  t.strictSame(readClaims(token({ name: 'Zoë', nonce: 'a-_b' })), { name: 'Zoë', nonce: 'a-_b' })
  t.strictSame(readClaims(`a.${Buffer.from('[]').toString('base64url')}.c`), {})
  t.end()
})
