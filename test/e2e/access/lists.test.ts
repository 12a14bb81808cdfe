import t from 'tap'
import { policiesPath } from '../../support/access.ts'
import type { Answer } from '../../support/http-client.ts'
import { type Guarded, startGuarded } from './world.ts'

/** What a tenant is shown in lists and watches, and told in refusals: nothing that belongs to others. */

t.setTimeout(240_000)

/** What only the team red has: its pool, handles and nodes, and addresses of 10.2.0.0/24. */
const foreign = /\bred\b|10[.-]2[.-]/

const calico = '/apis/projectcalico.org/v3'
const kinds = [
  `${calico}/ippools`,
  `${calico}/ipreservations`,
  `${calico}/ipamconfigurations`,
  `${calico}/nodes`,
  `${calico}/blockaffinities`,
  `${calico}/ipamblocks`,
  `${calico}/ipamhandles`,
  `${calico}/clusterinformations`,
  '/apis/ippoold.io/v1/accesspolicies',
  '/apis/ippoold.io/v1/accesstokens',
]

/** Kinds of which red has objects. */
const ownedKinds = kinds.filter((path) => !/ipamconfigurations|clusterinformations/.test(path))

/** {@link startGuarded}, in which blue may read everything that belongs to its pools, and red has something of every kind. */
async function start(t: Parameters<typeof startGuarded>[0]): Promise<Guarded> {
  const world = await startGuarded(t)
  const create = async (path: string, body: object): Promise<void> => {
    const { status } = await world.callAs('admin', 'POST', path, body)
    t.equal(status, 201, path)
  }
  const spec = {
    subjects: [{ kind: 'Group', name: 'blue' }],
    rules: [
      { verbs: ['get', 'list', 'watch', 'check'], resources: ['*'], poolSelector: "team == 'blue'" },
      { verbs: ['create', 'update', 'patch', 'delete'], resources: ['ippools'], poolSelector: "team == 'blue'" },
    ],
  }
  await create(policiesPath, { metadata: { name: 'blue-reads' }, spec })
  await create(policiesPath, { metadata: { name: 'red' }, spec: { subjects: [{ kind: 'Group', name: 'red' }] } })
  await create('/apis/ippoold.io/v1/accesstokens', { metadata: { name: 'red' }, spec: { user: 'red' } })
  await create(`${calico}/ipreservations`, { metadata: { name: 'red' }, spec: { reservedCIDRs: ['10.2.0.200/32'] } })
  for (const team of ['blue', 'red']) {
    await create(`${calico}/nodes`, { metadata: { name: `${team}-node` }, spec: {} })
    const attributes = { team }
    await create('/ipam/v1/assign', { handle: `${team}.2`, node: `${team}-node`, pools: [team], attributes })
  }
  return world
}

t.test('lists and watches show nothing of others', async (t) => {
  const world = await start(t)
  const filters = ['', '?node=blue-node', '?pool=blue', '?cidr=10.0.0.0/8', '?attribute=team', '?q=1', '?sort=-address']
  const lists = [
    ...filters.map((query) => `/ipam/v1/addresses${query}`),
    '/ipam/v1/handles',
    '/ipam/v1/handles?prefix=r',
    '/ipam/v1/blocks',
    '/ipam/v1/utilization',
    '/ipam/v1/utilization?blocks=true',
    '/ipam/v1/pools',
    '/ipam/v1/map?cidr=10.0.0.0/8&prefixLength=16',
    '/ipam/v1/search?q=red',
    '/ipam/v1/search?q=team=red',
    '/ipam/v1/selectors/nodes?selector=all()',
    '/ipam/v1/check',
    '/ipam/v1/quotas',
    ...kinds.flatMap((path) => [path, `${path}?watch=true&timeoutSeconds=1`]),
  ]
  const ofRed = new Set([...lists.filter((path) => /addresses(\?(cidr|attribute|q|sort).*)?$/.test(path))])
  for (const path of [...ownedKinds.flatMap((kind) => [kind, `${kind}?watch=true&timeoutSeconds=1`])]) ofRed.add(path)
  for (const path of [
    'pools',
    'map?cidr=10.0.0.0/8&prefixLength=16',
    'search?q=red',
    'search?q=team=red',
    'handles',
    'handles?prefix=r',
    'blocks',
    'utilization',
    'utilization?blocks=true',
  ])
    ofRed.add(`/ipam/v1/${path}`)
  const tables = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  const read = async (user: 'admin' | 'blue', path: string, accept: string): Promise<string> => {
    const response = await fetch(`${world.servers[0]?.url ?? ''}${path}`, {
      headers: { authorization: `Bearer ${user}`, accept },
    })
    t.ok([200, 403].includes(response.status), `${user}: ${path}: ${response.status}`)
    return response.text()
  }
  const look = async (path: string, accept: string): Promise<void> => {
    t.notMatch(await read('blue', path, accept), foreign, `blue: ${path} as ${accept}`)
    if (ofRed.has(path)) t.match(await read('admin', path, accept), foreign, `admin: ${path} as ${accept}`)
  }
  // All at once: each watch lasts a second.
  const asked = lists.map((path) =>
    (path.startsWith('/apis') ? ['application/json', tables] : ['application/json']).map((accept) =>
      look(path, accept),
    ),
  )
  await Promise.all(asked.flat())
  for (const path of ['/ipam/v1/addresses', '/ipam/v1/handles', '/ipam/v1/blocks', `${calico}/ippools`])
    t.match(await read('blue', path, 'application/json'), /blue|10\.1\./, `blue sees its own: ${path}`)
})

t.test('to ask for what belongs to others is answered as to ask for what does not exist', async (t) => {
  const world = await start(t)
  const answers = async (ask: (name: string, address: string) => Promise<Answer>): Promise<readonly unknown[]> => {
    const texts = []
    for (const [name, address] of [
      ['red', '10.2.0.5'],
      ['ghost', '10.9.0.5'],
    ] as const) {
      const { status, body } = await ask(name, address)
      const text = JSON.stringify(body).replaceAll(name, 'NAME').replaceAll(address.slice(0, 5), 'RANGE.')
      texts.push([status, text.replaceAll(/"(revision|resourceVersion)":"\d+"/g, '')])
    }
    return texts
  }
  type Ask = readonly ['GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', string, object?, string?]
  const merge = 'application/merge-patch+json'
  const asks: readonly ((name: string, address: string) => Ask)[] = [
    (name) => ['GET', `/ipam/v1/addresses?pool=${name}`],
    (name) => ['GET', `/ipam/v1/addresses?node=${name}-node`],
    (name) => ['GET', `/ipam/v1/addresses?handle=${name}.1`],
    (name) => ['GET', `/ipam/v1/addresses?attribute=team=${name}`],
    (name) => ['GET', `/ipam/v1/addresses?q=${name}`],
    (_, address) => ['GET', `/ipam/v1/addresses?cidr=${address}/32`],
    (_, address) => ['GET', `/ipam/v1/addresses/${address}`],
    (name) => ['GET', `/ipam/v1/handles?prefix=${name}`],
    (name) => ['GET', `/ipam/v1/handles/${name}.1`],
    (name) => ['GET', `/ipam/v1/blocks?pool=${name}`],
    (name) => ['GET', `/ipam/v1/blocks?node=${name}-node`],
    (name) => ['GET', `/ipam/v1/utilization?pools=${name}`],
    (name) => ['GET', `/ipam/v1/pools?q=${name}`],
    (name) => ['GET', `/ipam/v1/trends?pools=${name}`],
    (name) => ['GET', `/ipam/v1/pools/${name}/holders`],
    (name) => ['GET', `/ipam/v1/search?q=${name}`],
    (_, address) => ['GET', `/ipam/v1/search?q=${address}`],
    (_, address) => ['GET', `/ipam/v1/map?cidr=${address}/32&prefixLength=32`],
    (_, address) => ['GET', `/ipam/v1/map/addresses?cidr=${address}/32`],
    (_, address) => ['POST', '/ipam/v1/ensure', { addresses: [{ address, handle: 'blue.9' }] }],
    (name) => ['POST', '/ipam/v1/assign/explain', { handle: 'blue.9', pools: [name] }],
    (name) => ['GET', `/ipam/v1/pools/${name}/free`],
    (name) => ['GET', `${calico}/ippools?fieldSelector=metadata.name=${name}`],
    (name) => ['GET', `${calico}/ippools?labelSelector=team=${name}`],
    (name) => ['POST', '/ipam/v1/assign', { handle: 'blue.9', pools: [name] }],
    (_, address) => ['POST', '/ipam/v1/assign', { handle: 'blue.9', addresses: [address] }],
    (name) => ['POST', '/ipam/v1/assign', { handle: `${name}.1` }],
    (_, address) => ['POST', '/ipam/v1/release', { addresses: [{ address, handle: 'blue.1' }] }],
    (_, address) => ['DELETE', `/ipam/v1/addresses/${address}`],
    (_, address) => ['PUT', `/ipam/v1/addresses/${address}/attributes`, { handle: 'blue.1', active: null }],
    (name) => ['PUT', `/ipam/v1/handles/${name}.1`, { ipv4: 1 }],
    (name) => ['DELETE', `/ipam/v1/handles/${name}.1`],
    (name) => ['POST', `/ipam/v1/pools/${name}/split`, { parts: 2 }],
    (name) => ['PUT', `${calico}/ippools/${name}`, { metadata: { name }, spec: { cidr: '10.8.0.0/24' } }],
    (name) => ['PATCH', `${calico}/ippools/${name}`, { spec: { disabled: true } }, merge],
    (name) => ['DELETE', `${calico}/ippools/${name}`],
    (name) => ['GET', `/apis/ippoold.io/v1/accesspolicies/${name}`],
  ]
  for (const ask of asks) {
    const [one, other] = await answers((name, address) => {
      const [method, path, body, type] = ask(name, address)
      return world.callAs('blue', method, path, body, type)
    })
    t.strictSame(one, other, JSON.stringify(ask('NAME', 'ADDRESS')))
  }
})

t.test('refusals name nothing of others that the caller has not named', async (t) => {
  const world = await start(t)
  const pool = (name: string, cidr: string) => ({ metadata: { name, labels: { team: 'blue' } }, spec: { cidr } })
  const refused: readonly Parameters<Guarded['callAs']>[] = [
    ['blue', 'POST', `${calico}/ippools`, pool('wide', '10.0.0.0/12')],
    ['blue', 'PUT', `${calico}/ippools/blue`, pool('blue', '10.0.0.0/12')],
    ['blue', 'PATCH', `${calico}/ippools/blue`, { spec: { cidr: '10.0.0.0/12' } }, 'application/merge-patch+json'],
    ['blue', 'POST', '/ipam/v1/assign', { handle: 'blue.3', ipv4: 10_000 }],
    ['blue', 'POST', '/ipam/v1/assign', { handle: 'blue.3', ipv6: 1 }],
    ['blue', 'POST', '/ipam/v1/affinities', { node: 'blue-node', cidr: '10.1.0.128/26' }],
    ['blue', 'DELETE', `${calico}/nodes/blue-node`],
    ['blue', 'POST', '/ipam/v1/check/repair', {}],
  ]
  for (const [user, method, path, body, type] of refused) {
    const answer = await world.callAs(user, method, path, body, type)
    t.ok(answer.status >= 400, `${method} ${path}: ${answer.status}`)
    t.notMatch(JSON.stringify(answer.body), foreign, `${method} ${path} ${JSON.stringify(body)}`)
  }
})

t.test('the answer to an Idempotency-Key is not given to another user', async (t) => {
  const world = await start(t)
  const assign = (user: string) =>
    world.clients[0]?.call('POST', '/ipam/v1/assign', { handle: 'blue.7', pools: ['blue'] }, undefined, {
      authorization: `Bearer ${user}`,
      'idempotency-key': 'once',
    })
  const first = await assign('blue')
  t.match(first, { status: 201 })
  const again = await assign('blue')
  t.strictSame(again?.body, first?.body)
  const other = await assign('edit')
  t.match(other, { status: 422, body: { reason: 'IdempotencyKeyReused' } })
  t.notMatch(JSON.stringify(other?.body), /10\.1\./)
})
