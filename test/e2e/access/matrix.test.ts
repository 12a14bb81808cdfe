import t from 'tap'
import { badCredentials, type Guarded, type Method, startGuarded, type User } from './world.ts'

/** What every user with a good credential is answered, in this order. */
const asked: readonly User[] = ['admin', 'edit', 'view', 'blue', 'nobody']

/** A request, and the status that each of {@link asked} gets. Changes are dry runs, so that every user finds the same. */
interface Row {
  readonly path?: string
  readonly body?: object
  readonly type?: string
  readonly statuses: readonly number[]
}

/** The rows of one operation: several where it matters whose object is asked for. */
type Rows = Readonly<Record<string, readonly Row[]>>

const everybody = [200, 200, 200, 200, 200]
const readers = [200, 200, 200, 403, 403]
const editors = [200, 200, 403, 403, 403]
const admins = [200, 403, 403, 403, 403]

/** The routes of `/ipam/v1` and of the server itself. In `path`, `?` and more follow the path of the operation. */
const rows: Rows = {
  'GET /livez': [{ statuses: everybody }],
  'GET /readyz': [{ statuses: everybody }],
  'GET /version': [{ statuses: everybody }],
  'GET /metrics': [{ statuses: readers }],
  'GET /openapi.json': [{ statuses: everybody }],
  'GET /openapi-3.0.json': [{ statuses: everybody }],
  'POST /ipam/v1/assign': [
    { body: { handle: 'blue.2' }, statuses: [201, 201, 403, 201, 403] },
    { body: { handle: 'blue.2', pools: ['blue'] }, statuses: [201, 201, 403, 201, 403] },
    { body: { handle: 'blue.2', pools: ['red'] }, statuses: [201, 201, 403, 422, 403] },
    { body: { handle: 'red.2', pools: ['blue'] }, statuses: [201, 201, 403, 403, 403] },
    { body: { handle: 'blue.2', addresses: ['10.2.0.9'] }, statuses: [201, 201, 403, 422, 403] },
  ],
  'POST /ipam/v1/release': [
    { body: { addresses: [{ address: '10.1.0.5', handle: 'blue.1' }] }, statuses: [200, 200, 403, 200, 403] },
    { body: { addresses: [{ address: '10.2.0.5', handle: 'red.1' }] }, statuses: [200, 200, 403, 200, 403] },
  ],
  'POST /ipam/v1/ensure': [
    { body: wanted('10.1.0.9', 'blue.2'), statuses: [200, 200, 403, 200, 403] },
    { body: wanted('10.2.0.9', 'blue.2'), statuses: [200, 200, 403, 422, 403] },
    { body: wanted('10.1.0.9', 'red.2'), statuses: [200, 200, 403, 403, 403] },
  ],
  'POST /ipam/v1/assign/explain': [
    { body: { pools: ['blue'] }, statuses: [200, 200, 403, 200, 403] },
    { body: { pools: ['red'] }, statuses: [200, 200, 403, 200, 403] },
  ],
  'GET /ipam/v1/addresses': [{ statuses: [200, 200, 200, 200, 403] }],
  'GET /ipam/v1/addresses/{ip}': [
    { path: '/ipam/v1/addresses/10.1.0.5', statuses: [200, 200, 200, 200, 403] },
    { path: '/ipam/v1/addresses/10.2.0.5', statuses: [200, 200, 200, 404, 403] },
  ],
  'DELETE /ipam/v1/addresses/{ip}': [
    { path: '/ipam/v1/addresses/10.1.0.5', statuses: [200, 200, 403, 200, 403] },
    { path: '/ipam/v1/addresses/10.2.0.5', statuses: [200, 200, 403, 404, 403] },
  ],
  'GET /ipam/v1/addresses/{ip}/attributes': [
    { path: '/ipam/v1/addresses/10.1.0.5/attributes', statuses: [200, 200, 200, 200, 403] },
    { path: '/ipam/v1/addresses/10.2.0.5/attributes', statuses: [200, 200, 200, 404, 403] },
  ],
  'PUT /ipam/v1/addresses/{ip}/attributes': [
    { path: '/ipam/v1/addresses/10.1.0.5/attributes', body: attributes('blue.1'), statuses: [200, 200, 403, 200, 403] },
    { path: '/ipam/v1/addresses/10.2.0.5/attributes', body: attributes('red.1'), statuses: [200, 200, 403, 404, 403] },
  ],
  'POST /ipam/v1/addresses/{ip}/attributes/swap': [
    { path: '/ipam/v1/addresses/10.2.0.5/attributes/swap', body: {}, statuses: [200, 200, 403, 404, 403] },
  ],
  'GET /ipam/v1/handles': [{ statuses: [200, 200, 200, 200, 403] }],
  'GET /ipam/v1/handles/{handle}': [
    { path: '/ipam/v1/handles/blue.1', statuses: [200, 200, 200, 200, 403] },
    { path: '/ipam/v1/handles/red.1', statuses: [200, 200, 200, 404, 403] },
  ],
  'PUT /ipam/v1/handles/{handle}': [
    { path: '/ipam/v1/handles/blue.1', body: { ipv4: 2 }, statuses: [201, 201, 403, 201, 403] },
    { path: '/ipam/v1/handles/red.1', body: { ipv4: 2 }, statuses: [201, 201, 403, 403, 403] },
  ],
  'DELETE /ipam/v1/handles/{handle}': [
    { path: '/ipam/v1/handles/blue.1', statuses: [200, 200, 403, 200, 403] },
    { path: '/ipam/v1/handles/red.1', statuses: [200, 200, 403, 404, 403] },
  ],
  'GET /ipam/v1/utilization': [{ statuses: [200, 200, 200, 200, 403] }],
  'GET /ipam/v1/blocks': [{ statuses: readers }],
  'GET /ipam/v1/pools': [{ statuses: [200, 200, 200, 200, 403] }],
  'GET /ipam/v1/trends': [
    { path: '/ipam/v1/trends?pools=blue', statuses: [200, 200, 200, 200, 403] },
    { path: '/ipam/v1/trends?pools=red', statuses: [200, 200, 200, 422, 403] },
  ],
  'GET /ipam/v1/pools/{name}/holders': [
    { path: '/ipam/v1/pools/blue/holders', statuses: [200, 200, 200, 200, 403] },
    { path: '/ipam/v1/pools/red/holders', statuses: [200, 200, 200, 404, 403] },
  ],
  'GET /ipam/v1/map': [{ path: '/ipam/v1/map?cidr=10.0.0.0/8&prefixLength=16', statuses: [200, 200, 200, 200, 403] }],
  'GET /ipam/v1/map/addresses': [
    { path: '/ipam/v1/map/addresses?cidr=10.2.0.0/26', statuses: [200, 200, 200, 200, 403] },
  ],
  'GET /ipam/v1/search': [{ path: '/ipam/v1/search?q=red', statuses: [200, 200, 200, 200, 200] }],
  'GET /ipam/v1/selectors/nodes': [{ path: '/ipam/v1/selectors/nodes?selector=all()', statuses: readers }],
  'GET /ipam/v1/pools/{name}/free': [
    { path: '/ipam/v1/pools/blue/free', statuses: [200, 200, 200, 200, 403] },
    { path: '/ipam/v1/pools/red/free', statuses: [200, 200, 200, 404, 403] },
  ],
  'POST /ipam/v1/affinities': [{ body: { node: 'n1', cidr: '10.1.0.64/26' }, statuses: editors }],
  'DELETE /ipam/v1/affinities': [{ path: '/ipam/v1/affinities?node=n1', statuses: editors }],
  'DELETE /ipam/v1/nodes/{node}': [{ path: '/ipam/v1/nodes/n9', statuses: [200, 200, 403, 403, 403] }],
  'GET /ipam/v1/quotas': [{ statuses: [200, 200, 200, 200, 200] }],
  'GET /ipam/v1/check': [{ statuses: readers }],
  'POST /ipam/v1/check/repair': [{ body: { codes: ['BlockOfNobody'] }, statuses: editors }],
  'POST /ipam/v1/pools/{name}/split': [
    { path: '/ipam/v1/pools/blue/split', body: { parts: 2 }, statuses: [200, 200, 403, 403, 403] },
  ],
}

function wanted(address: string, handle: string): object {
  return { addresses: [{ address, handle }] }
}

function attributes(handle: string): object {
  return { handle, active: { attributes: { note: 'x' } } }
}

/** The kinds: an object that is there, one to create, and the statuses of those who read and of those who change. */
interface KindRows {
  readonly path: string
  readonly there: string
  readonly created?: object
  /** What replaces the object that is there; what is created unless given. */
  readonly replaced?: object
  /** The status of a creation that is allowed; 201 unless given. */
  readonly creation?: number
  readonly read: readonly number[]
  readonly changed: readonly number[]
}

const kinds: readonly KindRows[] = [
  {
    path: '/apis/projectcalico.org/v3/ippools',
    there: 'blue',
    created: { metadata: { name: 'new' }, spec: { cidr: '10.3.0.0/24' } },
    replaced: { spec: { cidr: '10.1.0.0/24' } },
    read: [200, 200, 200, 200, 403],
    changed: editors,
  },
  {
    path: '/apis/projectcalico.org/v3/ipreservations',
    there: 'kept',
    created: { metadata: { name: 'new' }, spec: { reservedCIDRs: ['10.1.0.9/32'] } },
    read: readers,
    changed: editors,
  },
  {
    path: '/apis/projectcalico.org/v3/ipamconfigurations',
    there: 'default',
    created: { metadata: { name: 'default' }, spec: { strictAffinity: false, autoAllocateBlocks: true } },
    creation: 409,
    read: readers,
    changed: editors,
  },
  {
    path: '/apis/projectcalico.org/v3/nodes',
    there: 'n1',
    created: { metadata: { name: 'n2' }, spec: {} },
    read: readers,
    changed: editors,
  },
  { path: '/apis/projectcalico.org/v3/blockaffinities', there: '', read: readers, changed: [] },
  { path: '/apis/projectcalico.org/v3/ipamblocks', there: '10-1-0-0-26', read: readers, changed: [] },
  { path: '/apis/projectcalico.org/v3/ipamhandles', there: 'blue.1', read: readers, changed: [] },
  { path: '/apis/projectcalico.org/v3/clusterinformations', there: '', read: readers, changed: [] },
  {
    path: '/apis/ippoold.io/v1/accesspolicies',
    there: 'blue',
    created: { metadata: { name: 'new' }, spec: {} },
    read: admins,
    changed: admins,
  },
  {
    path: '/apis/ippoold.io/v1/accesstokens',
    there: 'ci',
    created: { metadata: { name: 'new' }, spec: { user: 'ci' } },
    read: admins,
    changed: admins,
  },
]

/** The rows of an operation on a kind. */
function rowsOf(
  { path, there, created, replaced = created, creation = 201, read, changed }: KindRows,
  operation: string,
): readonly Row[] {
  const [method = '', asked = ''] = operation.split(' ')
  const one = asked.replace('{name}', there)
  if (method === 'GET' && there === '' && one !== asked) {
    return [
      { path: asked.replace('{name}', 'missing'), statuses: read.map((status) => (status === 200 ? 404 : status)) },
    ]
  }
  if (method === 'GET') return [{ path: one, statuses: read }]
  if (method === 'POST')
    return [{ path, body: created ?? {}, statuses: changed.map((status) => (status === 200 ? creation : status)) }]
  const patch = { metadata: { labels: { seen: 'yes' } } }
  if (method === 'PATCH') return [{ path: one, body: patch, type: 'application/merge-patch+json', statuses: changed }]
  if (method === 'PUT') return [{ path: one, body: { ...replaced, metadata: { name: there } }, statuses: changed }]
  return [{ path: one, statuses: changed }]
}

t.test('every operation answers each caller what it should', async (t) => {
  const world = await startGuarded(t)
  for (const { path, there, created } of kinds) {
    if (created !== undefined && there !== 'blue') {
      await world.callAs('admin', 'POST', path, { ...created, metadata: { name: there } })
    }
  }
  const operations = await operationsOf(world)
  for (const operation of operations) {
    const [method = '', path = ''] = operation.split(' ')
    const kind = kinds.find(({ path: own }) => path === own || path.startsWith(`${own}/`))
    const found = kind === undefined ? (rows[operation] ?? []) : rowsOf(kind, operation)
    t.ok(found.length > 0, `${operation} has a row`)
    for (const row of found) {
      const where = dryRunOf(row.path ?? path, method)
      for (const [index, user] of asked.entries()) {
        const { status, body } = await world.callAs(user, method as Method, where, row.body, row.type)
        t.equal(
          status,
          row.statuses[index],
          `${user}: ${method} ${where} ${JSON.stringify(row.body)}: ${JSON.stringify(body).slice(0, 200)}`,
        )
      }
      for (const credential of badCredentials) {
        const { status, headers } = await world.callAs(credential, method as Method, where, row.body, row.type)
        const isOpen = row.statuses === everybody
        t.equal(status, isOpen ? 200 : 401, `${credential}: ${method} ${where}`)
        if (!isOpen) t.match(headers['www-authenticate'], /^Bearer /)
      }
    }
  }
})

/** Every operation of the OpenAPI document. */
async function operationsOf(world: Guarded): Promise<readonly string[]> {
  const { body } = await world.callAs('none', 'GET', '/openapi.json')
  const paths = body['paths'] as Readonly<Record<string, object>>
  return Object.entries(paths).flatMap(([path, item]) => {
    const methods = Object.keys(item).filter((name) => ['get', 'post', 'put', 'patch', 'delete'].includes(name))
    return methods.map((method) => `${method.toUpperCase()} ${path}`)
  })
}

function dryRunOf(path: string, method: string): string {
  // An explanation changes nothing in any case.
  if (method === 'GET' || path.endsWith('/explain')) return path
  return `${path}${path.includes('?') ? '&' : '?'}dryRun=All`
}
