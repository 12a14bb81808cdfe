import t from 'tap'
import type { Test } from 'tap'
import { everythingOf, gateBy, policyOf } from '../../support/rights.ts'
import { type Answer, causesOf, putPool, startServer, type ServerInMemory } from '../server-in-memory.ts'

const foreign = /red|10\.2\.|node-r/

/** The rules of the tenants: of the whole pool of the team, of its handles alone, and of reading alone. */
const policies = [
  policyOf('blue', ['blue'], [everythingOf('blue')]),
  policyOf('own', ['own'], [everythingOf('blue', ['own.*'])]),
  policyOf(
    'view',
    ['view'],
    [
      { verbs: ['get', 'list'], resources: ['*'] },
      { verbs: ['assign'], resources: ['addresses'], poolSelector: "team == 'blue'" },
    ],
  ),
  policyOf(
    'readers',
    ['reader'],
    [{ verbs: ['get', 'list', 'check'], resources: ['*'], poolSelector: "team == 'blue'" }],
  ),
]

type Call = (
  user: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  body?: object,
  headers?: Record<string, string>,
) => Promise<Answer>

/** Two pools of teams that know nothing of each other; `red.1` and `blue.1` hold addresses, and a block of 10.3.0.0/24 is in no pool. */
async function start(t: Test): Promise<{ readonly call: Call; readonly server: ServerInMemory }> {
  const server = startServer(t, { gatekeeper: gateBy(policies) })
  putPool(server.store, 'blue', '10.1.0.0/24', 26, {}, { team: 'blue' })
  putPool(server.store, 'red', '10.2.0.0/24', 26, {}, { team: 'red' })
  putPool(server.store, 'gone', '10.3.0.0/24', 26, {}, { team: 'red' })
  const call: Call = (user, method, url, body, headers = {}) =>
    server.call(method, url.startsWith('/apis') ? url : `/ipam/v1${url}`, body, {
      authorization: `Bearer ${user}`,
      ...headers,
    })
  const red = { handle: 'red.1', addresses: ['10.2.0.5', '10.2.0.70'], node: 'node-r' }
  t.equal((await call('root', 'POST', '/assign', red)).status, 201)
  t.equal(
    (await call('root', 'POST', '/assign', { handle: 'blue.1', addresses: ['10.1.0.5'], node: 'node-b' })).status,
    201,
  )
  t.equal((await call('root', 'POST', '/assign', { handle: 'red.2', addresses: ['10.3.0.5'] })).status, 201)
  t.equal(
    (await call('root', 'POST', '/assign', { handle: 'both.1', addresses: ['10.1.0.6', '10.2.0.6'] })).status,
    201,
  )
  server.store.view.remove('/calico/resources/v3/projectcalico.org/ippools/gone')
  return { call, server }
}

/** An answer as a caller sees it, with the names that the caller sent made the same. */
function seen({ status, body }: Answer, ...names: readonly string[]): string {
  return names.reduce((text, name) => text.replaceAll(name, '<name>'), `${status} ${JSON.stringify(body)}`)
}

t.test('what one may not see is answered as what does not exist, in the same words', async (t) => {
  const { call, server } = await start(t)
  const pairs: [
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    body: object | undefined,
    foreign: string,
    absent: string,
  ][] = [
    ['POST', '/assign', { pools: ['<x>'], handle: 'own.1' }, 'red', 'nosuch'],
    ['POST', '/assign', { pools: ['<x>'], handle: 'own.1' }, '10.2.0.0/24', '10.7.0.0/24'],
    ['POST', '/assign', { addresses: ['<x>'], handle: 'own.1' }, '10.2.0.5', '10.7.0.5'],
    ['PUT', '/handles/own.1', { addresses: ['<x>'] }, '10.2.0.5', '10.7.0.5'],
    ['PUT', '/handles/own.1', { ipv4: 1, pools: ['<x>'] }, 'red', 'nosuch'],
    ['DELETE', '/addresses/<x>', undefined, '10.2.0.5', '10.7.0.5'],
    ['DELETE', '/addresses/<x>', undefined, '10.2.0.5', '10.2.0.9'],
    ['DELETE', '/addresses/<x>', undefined, '10.3.0.5', '10.7.0.5'],
    ['DELETE', '/addresses/<x>?handle=nobody', undefined, '10.2.0.5', '10.7.0.5'],
    ['DELETE', '/addresses/<x>?sequenceNumber=7', undefined, '10.2.0.5', '10.7.0.5'],
    ['DELETE', '/handles/<x>', undefined, 'red.1', 'no.1'],
    ['POST', '/release', { handle: '<x>' }, 'red.1', 'no.1'],
    ['POST', '/release', { addresses: [{ address: '<x>' }] }, '10.2.0.5', '10.7.0.5'],
    ['POST', '/release', { addresses: [{ address: '<x>', sequenceNumber: '1' }] }, '10.2.0.5', '10.7.0.5'],
    ['POST', '/release', { addresses: [{ address: '<x>', handle: 'red.1' }] }, '10.2.0.5', '10.7.0.5'],
    ['GET', '/handles/<x>', undefined, 'red.1', 'no.1'],
    ['GET', '/addresses/<x>', undefined, '10.2.0.5', '10.7.0.5'],
    ['GET', '/addresses/<x>', undefined, '10.3.0.5', '10.7.0.5'],
    ['GET', '/addresses/<x>/attributes', undefined, '10.2.0.5', '10.7.0.5'],
    ['PUT', '/addresses/<x>/attributes', { active: { attributes: { a: 'b' } } }, '10.2.0.5', '10.7.0.5'],
    ['POST', '/addresses/<x>/attributes/swap', {}, '10.2.0.5', '10.7.0.5'],
    ['GET', '/addresses?pool=<x>', undefined, 'red', 'nosuch'],
    ['GET', '/addresses?handle=<x>', undefined, 'red.1', 'no.1'],
    ['GET', '/addresses?node=<x>', undefined, 'node-r', 'node-n'],
    ['GET', '/addresses?q=<x>', undefined, '10.2.0', '10.7.0'],
    ['GET', '/addresses?cidr=<x>', undefined, '10.2.0.0/24', '10.7.0.0/24'],
    ['GET', '/handles?prefix=<x>', undefined, 'red', 'nosuch'],
    ['GET', '/blocks?pool=<x>', undefined, 'red', 'nosuch'],
    ['GET', '/blocks?node=<x>', undefined, 'node-r', 'node-n'],
    ['GET', '/utilization?pools=<x>', undefined, 'red', 'nosuch'],
    ['GET', '/pools/<x>/free', undefined, 'red', 'nosuch'],
    ['POST', '/pools/<x>/split', { parts: 2 }, 'red', 'nosuch'],
    ['POST', '/affinities', { node: 'n', pool: '<x>' }, 'red', 'nosuch'],
    ['POST', '/affinities', { node: 'n', cidr: '<x>' }, '10.2.0.0/26', '10.7.0.0/26'],
    ['DELETE', '/affinities?pool=<x>', undefined, 'red', 'nosuch'],
    ['DELETE', '/affinities?cidr=<x>', undefined, '10.2.0.0/26', '10.7.0.0/26'],
    ['DELETE', '/affinities?cidr=<x>', undefined, '10.2.0.0/28', '10.7.0.0/28'],
    ['DELETE', '/affinities?node=<x>', undefined, 'node-r', 'node-n'],
    ['DELETE', '/nodes/<x>', undefined, 'node-r', 'node-n'],
    ['DELETE', '/nodes/<x>?releaseAddresses=true', undefined, 'node-r', 'node-n'],
  ]
  const before = server.store.view.keys('/').map((key) => [key, server.store.view.text(key)])
  for (const user of ['blue-ann', 'own-ann']) {
    for (const [method, url, body, ...names] of pairs) {
      const [one, other] = await Promise.all(
        names.map(async (name) => {
          const fill = (text: string): string => text.replaceAll('<x>', name)
          const path = url.replace('<x>', encodeURIComponent(name))
          const asked = body === undefined ? undefined : (JSON.parse(fill(JSON.stringify(body))) as object)
          return seen(await call(user, method, path, asked), name)
        }),
      )
      const told = `${user} ${method} ${url} ${JSON.stringify(body)} ${names.join()}`
      t.equal(one?.replace(/"revision":"\d+"/, ''), other?.replace(/"revision":"\d+"/, ''), told)
      t.notMatch(one?.replaceAll('10.2.0.5', ''), foreign, told)
    }
  }
  t.strictSame(
    server.store.view.keys('/').map((key) => [key, server.store.view.text(key)]),
    before,
    'nothing was changed',
  )
})

t.test('lists, totals and reports have what may be seen, and nothing else', async (t) => {
  const { call } = await start(t)
  const addressesOf = (answer: Answer): unknown =>
    (answer.body['addresses'] as { address: string }[]).map(({ address }) => address)
  for (const [user, addresses, total] of [
    ['root', ['10.1.0.5', '10.1.0.6', '10.2.0.5', '10.2.0.6', '10.2.0.70', '10.3.0.5'], 6],
    ['blue-ann', ['10.1.0.5', '10.1.0.6'], 2],
    ['own-ann', [], null],
    ['view-ann', ['10.1.0.5', '10.1.0.6', '10.2.0.5', '10.2.0.6', '10.2.0.70', '10.3.0.5'], 6],
  ] as const) {
    const listed = await call(user, 'GET', '/addresses')
    t.strictSame(addressesOf(listed), addresses, user)
    t.equal(listed.body['total'], total, user)
    const first = await call(user, 'GET', '/addresses?limit=1')
    if (user.endsWith('ann')) t.equal((first.body['addresses'] as unknown[]).length, Math.min(1, addresses.length))
  }
  const handles = await call('blue-ann', 'GET', '/handles')
  t.strictSame(handles.body['handles'], [
    { handle: 'blue.1', blocks: 1, addresses: 1 },
    { handle: 'both.1', blocks: 1, addresses: 1 },
  ])
  t.equal(handles.body['continue'], null)
  const paged = await call('blue-ann', 'GET', '/handles?limit=1')
  t.equal(Buffer.from(String(paged.body['continue']), 'base64url').toString().replace(/.*\//, ''), 'blue.1')
  const second = await call('blue-ann', 'GET', `/handles?limit=1&continue=${String(paged.body['continue'])}`)
  t.match(
    second.body,
    { handles: [{ handle: 'both.1' }], continue: null },
    'no sign of what follows and may not be seen',
  )
  t.strictSame((await call('own-ann', 'GET', '/handles')).body['handles'], [])
  t.strictSame(
    addressesOf(await call('blue-ann', 'GET', '/handles/both.1')),
    ['10.1.0.6'],
    'of a handle, what lies in the pool',
  )
  const used = await call('blue-ann', 'GET', '/utilization?blocks=true')
  t.match(used.body, { pools: [{ pool: 'blue', inUse: '2' }], orphaned: [], blocks: [{ block: '10.1.0.0/26' }] })
  t.equal((used.body['pools'] as unknown[]).length, 1)
  t.strictSame(
    ((await call('blue-ann', 'GET', '/blocks')).body['blocks'] as { block: string }[]).map(({ block }) => block),
    ['10.1.0.0/26'],
  )
  for (const user of ['blue-ann', 'own-ann', 'reader-ann']) {
    for (const url of [
      '/addresses',
      '/addresses?limit=1',
      '/handles',
      '/utilization?blocks=true',
      '/blocks',
      '/check',
    ]) {
      t.notMatch(JSON.stringify((await call(user, 'GET', url)).body), foreign, `${user} ${url}`)
    }
  }
})

t.test('a shortage names no foreign pool, block or handle', async (t) => {
  const { call } = await start(t)
  for (const [user, wish, status, reason] of [
    ['blue-ann', { ipv4: 256, handle: 'blue.2' }, 409, 'InsufficientAddresses'],
    ['blue-ann', { ipv6: 1, handle: 'blue.2' }, 409, 'InsufficientAddresses'],
    ['own-ann', { ipv4: 1, handle: 'red.1' }, 403, 'Forbidden'],
    ['own-ann', { addresses: ['10.1.0.9'], handle: 'red.9' }, 403, 'Forbidden'],
    ['own-ann', { addresses: ['10.1.0.5'], handle: 'own.1' }, 409, 'AddressInUse'],
    ['reader-ann', { ipv4: 1 }, 403, 'Forbidden'],
  ] as const) {
    const answer = await call(user, 'POST', '/assign', wish)
    t.match([answer.status, answer.body['reason']], [status, reason], JSON.stringify(answer.body))
    t.notMatch(JSON.stringify(answer.body).replaceAll('red.1', '').replaceAll('red.9', ''), foreign)
    if (reason === 'AddressInUse')
      t.notMatch(JSON.stringify(answer.body), /blue\.1/, 'nor the handle of somebody else in the pool')
  }
})

t.test('a pool that may be read and not used is refused with what would be needed', async (t) => {
  const { call } = await start(t)
  const named = await call('view-ann', 'POST', '/assign', { pools: ['red'], handle: 'h' })
  t.match(named.body, {
    code: 403,
    reason: 'Forbidden',
    message:
      'User "view-ann" may not assign addresses in the pool red for the handle "h"; an AccessPolicy with the verb assign and the resource addresses would allow it.',
  })
  t.equal((await call('view-ann', 'POST', '/assign', { addresses: ['10.2.0.9'], handle: 'h' })).status, 403)
  t.equal((await call('view-ann', 'POST', '/assign', { pools: ['blue'], handle: 'h' })).status, 201)
  const short = await call('view-ann', 'POST', '/assign', { ipv4: 255, handle: 'h' })
  t.strictSame(
    causesOf(short).filter(([field]) => field === 'pools[red]'),
    [['pools[red]', 'FieldValueForbidden']],
  )
  t.equal(
    (await call('view-ann', 'PUT', '/addresses/10.2.0.5/attributes', { active: {} })).status,
    403,
    'no right to update anything',
  )
})

t.test('what one may release is released, and the rest stays', async (t) => {
  const { call } = await start(t)
  const released = await call('blue-ann', 'DELETE', '/handles/both.1')
  t.match([released.status, released.body['released']], [200, ['10.1.0.6']])
  t.equal((await call('root', 'GET', '/addresses/10.2.0.6')).status, 200)
  t.equal((await call('blue-ann', 'DELETE', '/handles/both.1')).status, 404)
  const mixed = await call('blue-ann', 'POST', '/release', {
    addresses: [{ address: '10.1.0.5' }, { address: '10.2.0.5' }],
  })
  t.match(mixed.body, { released: ['10.1.0.5'], unallocated: ['10.2.0.5'], failed: [] })
  t.equal((await call('root', 'GET', '/addresses/10.2.0.5')).status, 200)
})

t.test(
  'exactly what a handle is to hold is about what may be seen of it, and needs the right to release',
  async (t) => {
    const { call } = await start(t)
    const kept = await call('blue-ann', 'PUT', '/handles/both.1?exact=true', { ipv4: 2 })
    t.equal(kept.status, 201)
    t.equal((kept.body['addresses'] as unknown[]).length, 2, 'what lies in a pool that may not be seen does not count')
    t.equal((await call('root', 'GET', '/addresses/10.2.0.6')).status, 200)
    t.match(await call('view-ann', 'PUT', '/handles/both.1?exact=true', { ipv4: 1 }), {
      status: 403,
      body: { reason: 'Forbidden' },
    })
  },
)

t.test('an Idempotency-Key belongs to who sent it', async (t) => {
  const { call } = await start(t)
  const headers = { 'idempotency-key': 'k' }
  const wish = { handle: 'blue.3', pools: ['blue'] }
  const first = await call('blue-ann', 'POST', '/assign', wish, headers)
  t.equal(first.status, 201)
  const again = await call('blue-ann', 'POST', '/assign', wish, headers)
  t.strictSame([again.status, again.body, again.headers['idempotent-replayed']], [201, first.body, 'true'])
  t.match(await call('blue-bob', 'POST', '/assign', wish, headers), {
    status: 422,
    body: { reason: 'IdempotencyKeyReused' },
  })
  t.equal((await call('root', 'POST', '/assign', wish, headers)).status, 422)
})
