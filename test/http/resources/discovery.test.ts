import t from 'tap'
import { acceptedTypes } from '../../../src/http/wire/index.ts'
import { startServer } from '../server-in-memory.ts'

const aggregated = (version: string): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
/** What kubectl sends, 1.30 or newer. */
const kubectl = `${aggregated('v2')},${aggregated('v2beta1')},application/json`
const plurals = [
  'ippools',
  'ipreservations',
  'ipamconfigurations',
  'nodes',
  'blockaffinities',
  'ipamblocks',
  'ipamhandles',
  'clusterinformations',
]
const all = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const readOnly = ['get', 'list', 'watch']

t.test('everything is told at once to clients that ask so, in the newest version that they know', async (t) => {
  const { call } = startServer(t)
  const cases = [
    [kubectl, 'v2'],
    [`${aggregated('v2beta1')},application/json`, 'v2beta1'],
    [`${aggregated('v3')},${aggregated('v2beta1')},application/json`, 'v2beta1'],
  ] as const
  for (const [accept, version] of cases) {
    const { status, headers, body } = await call('GET', '/apis?timeout=32s', undefined, { accept })
    t.equal(status, 200)
    const [type] = acceptedTypes(String(headers['content-type']))
    t.match(Object.fromEntries(type?.parameters ?? []), {
      g: 'apidiscovery.k8s.io',
      v: version,
      as: 'APIGroupDiscoveryList',
    })
    t.match(body, {
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${version}`,
      items: [
        { metadata: { name: 'projectcalico.org' }, versions: [{ version: 'v3', freshness: 'Current' }] },
        { metadata: { name: 'ippoold.io' }, versions: [{ version: 'v1', freshness: 'Current' }] },
      ],
    })
    const [group, own] = body['items'] as readonly {
      readonly versions: readonly { readonly resources: readonly object[] }[]
    }[]
    const resources = group?.versions[0]?.resources ?? []
    t.match(
      resources,
      plurals.map((resource) => ({ resource, scope: 'Cluster', categories: ['calico'] })),
    )
    t.match(resources[0], {
      responseKind: { group: 'projectcalico.org', version: 'v3', kind: 'IPPool' },
      singularResource: 'ippool',
      verbs: all,
      shortNames: ['ipp', 'ipps', 'pool', 'pools'],
      subresources: [{ subresource: 'status', responseKind: { kind: 'IPPool' }, verbs: ['get', 'patch', 'update'] }],
    })
    t.match(own?.versions[0]?.resources, [
      { resource: 'accesstokens' },
      {
        resource: 'accesspolicies',
        responseKind: { group: 'ippoold.io', version: 'v1', kind: 'AccessPolicy' },
        verbs: all,
        categories: ['ippoold'],
      },
    ])
    t.strictSame(Object.keys(resources[1] ?? {}).includes('subresources'), false)
    t.match(resources[4], { verbs: readOnly })
    const core = await call('GET', '/api', undefined, { accept })
    t.match(core.body, { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}` })
    t.match(core.body['items'], [{ metadata: { name: '' }, versions: [{ version: 'v1', resources: [] }] }])
  }
})

t.test('other clients are told of the groups, then of their versions', async (t) => {
  const { call } = startServer(t)
  const groupVersion = { groupVersion: 'projectcalico.org/v3', version: 'v3' }
  const group = { name: 'projectcalico.org', versions: [groupVersion], preferredVersion: groupVersion }
  const ownVersion = { groupVersion: 'ippoold.io/v1', version: 'v1' }
  const own = { name: 'ippoold.io', versions: [ownVersion], preferredVersion: ownVersion }
  const others = ['application/json, */*', '*/*', `application/json,${aggregated('v2')}`, `${aggregated('v3')}, */*`]
  for (const accept of others) {
    const groups = [group, own]
    t.match((await call('GET', '/apis', undefined, { accept })).body, { kind: 'APIGroupList', groups }, accept)
    t.match((await call('GET', '/api', undefined, { accept })).body, { kind: 'APIVersions', versions: ['v1'] }, accept)
  }
  t.match((await call('GET', '/api/v1')).body, { kind: 'APIResourceList', groupVersion: 'v1', resources: [] })
  t.match((await call('GET', '/apis/projectcalico.org')).body, { kind: 'APIGroup', ...group })
  t.match((await call('GET', '/apis/ippoold.io')).body, { kind: 'APIGroup', ...own })
  t.match((await call('GET', '/apis/ippoold.io/v1')).body, {
    kind: 'APIResourceList',
    groupVersion: 'ippoold.io/v1',
    resources: [{ name: 'accesstokens' }, { name: 'accesspolicies', kind: 'AccessPolicy', categories: ['ippoold'] }],
  })
  t.match(await call('GET', '/apis', undefined, { accept: 'text/html' }), { status: 406 })
})

t.test('the resources of the version come with their verbs, names and subresources', async (t) => {
  const { call } = startServer(t)
  const { body } = await call('GET', '/apis/projectcalico.org/v3')
  t.match(body, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'projectcalico.org/v3' })
  const resources = body['resources'] as readonly { readonly name: string; readonly verbs: readonly string[] }[]
  t.strictSame(
    resources.map(({ name }) => name),
    plurals.flatMap((name) => (['ippools', 'nodes'].includes(name) ? [name, `${name}/status`] : [name])),
  )
  t.match(resources[0], {
    singularName: 'ippool',
    namespaced: false,
    kind: 'IPPool',
    verbs: all,
    shortNames: ['ipp', 'ipps', 'pool', 'pools'],
    categories: ['calico'],
  })
  t.match(resources.at(-1), { name: 'clusterinformations', verbs: readOnly })
})
