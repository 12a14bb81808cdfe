import t from 'tap'
import { endpoint, keyOfEndpoint } from '../support/corruption.ts'
import type { Answer } from '../support/http-client.ts'
import { addressesIn, changesNothing, createPool, refusalIn, startIppoold } from '../support/ippoold.ts'

/** The kinds beside pools, from the request to the bytes in etcd and back, as another server sees them too. */

const base = '/apis/projectcalico.org/v3'
const resources = '/calico/resources/v3/projectcalico.org'
const configKey = '/calico/ipam/v2/config'
const mergePatch = 'application/merge-patch+json'
const jsonPatch = 'application/json-patch+json'

const { call, callOther, keys } = await startIppoold(t, { servers: 2 })
await createPool(call, 'blue', { cidr: '10.1.0.0/24', blockSize: 26 })

interface Shown {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly creationTimestamp: string
    readonly resourceVersion: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: Readonly<Record<string, unknown>>
}

function shown({ body }: Answer): Shown {
  return body as unknown as Shown
}

function itemsIn({ body }: Answer): readonly Shown[] {
  return body['items'] as readonly Shown[]
}

/** A kind whose objects are stored as they are, what is sent of one, how it is changed, and the stored texts. */
const plainKinds: readonly {
  readonly plural: string
  readonly kind: string
  readonly sent: string
  readonly stored: string
  readonly patch: object
  readonly patched: string
  readonly operations: readonly object[]
  readonly repatched: string
  readonly wrong: object
  readonly wrongField: string
}[] = [
  {
    plural: 'ipreservations',
    kind: 'IPReservation',
    sent: 'metadata:\n  name: one\nspec:\n  reservedCIDRs: [10.9.0.10/32, "fd00::100/120"]\n',
    stored: '},"spec":{"reservedCIDRs":["10.9.0.10/32","fd00::100/120"]}}',
    patch: { metadata: { labels: { team: 'x' } }, spec: { reservedCIDRs: ['10.9.0.7/24'] } },
    patched: ',"labels":{"team":"x"}},"spec":{"reservedCIDRs":["10.9.0.7/24"]}}',
    operations: [{ op: 'remove', path: '/spec/reservedCIDRs' }],
    repatched: ',"labels":{"team":"x"}},"spec":{}}',
    wrong: { spec: { reservedCIDRs: ['10.9.0.0/24', '10.9.0.1/33'] } },
    wrongField: 'spec.reservedCIDRs[1]',
  },
  {
    plural: 'nodes',
    kind: 'Node',
    sent: 'metadata:\n  name: one\n  labels: {zone: a}\nspec:\n  orchRefs: [{orchestrator: k8s, nodeName: one}]\n',
    stored: ',"labels":{"zone":"a"}},"spec":{"orchRefs":[{"nodeName":"one","orchestrator":"k8s"}]},"status":{}}',
    patch: { metadata: { labels: { zone: 'b' } }, spec: { bgp: { ipv4Address: '192.0.2.1/24', asNumber: 64512 } } },
    patched:
      ',"labels":{"zone":"b"}},"spec":{"bgp":{"asNumber":64512,"ipv4Address":"192.0.2.1/24"},"orchRefs":[{"nodeName":"one","orchestrator":"k8s"}]},"status":{}}',
    operations: [
      { op: 'remove', path: '/spec/bgp' },
      { op: 'remove', path: '/spec/orchRefs' },
    ],
    repatched: ',"labels":{"zone":"b"}},"spec":{},"status":{}}',
    wrong: { spec: { bgp: { ipv4Address: 'fd00::1' } } },
    wrongField: 'spec.bgp.ipv4Address',
  },
]

for (const plain of plainKinds) {
  t.test(`${plain.plural}: every verb, and what lies in etcd after each`, async (t) => {
    const path = `${base}/${plain.plural}`
    const key = `${resources}/${plain.plural}/one`
    const text = async (): Promise<string | undefined> => (await keys.get(key))?.text

    const dry = await changesNothing(t, keys, () => call('POST', `${path}?dryRun=All`, plain.sent, 'application/yaml'))
    t.equal(dry.status, 201)
    const created = await call('POST', `${path}?fieldValidation=Strict`, plain.sent, 'application/yaml')
    t.equal(created.status, 201, JSON.stringify(created.body))
    const { uid, creationTimestamp, resourceVersion } = shown(created).metadata
    const head = `{"kind":"${plain.kind}","apiVersion":"projectcalico.org/v3","metadata":{"name":"one","uid":"${uid}","creationTimestamp":"${creationTimestamp}"`
    t.equal(await text(), head + plain.stored)
    t.equal((await keys.get(key))?.revision, resourceVersion)
    t.match(refusalIn(await callOther('POST', path, plain.sent, 'application/yaml')), { reason: 'AlreadyExists' })
    t.strictSame((await callOther('GET', `${path}/one`)).body, created.body)
    t.match((await callOther('GET', path)).body, { kind: `${plain.kind}List`, items: [created.body] })

    const unchanged = await changesNothing(t, keys, () => call('PUT', `${path}/one`, created.body))
    t.strictSame(unchanged.body, created.body, 'a change that changes nothing')
    const patched = await callOther('PATCH', `${path}/one`, plain.patch, mergePatch)
    t.equal(patched.status, 200, JSON.stringify(patched.body))
    t.equal(await text(), head + plain.patched)
    const stale = await changesNothing(t, keys, () => call('PUT', `${path}/one`, created.body))
    t.match(refusalIn(stale), { status: 409, reason: 'Conflict' })
    t.equal((await call('PATCH', `${path}/one`, plain.operations, jsonPatch)).status, 200)
    t.equal(await text(), head + plain.repatched)

    const wrong = await changesNothing(t, keys, () => call('PATCH', `${path}/one`, plain.wrong, mergePatch))
    t.match(refusalIn(wrong), { status: 422, reason: 'Invalid', fields: [plain.wrongField] })
    const unknown = { metadata: { name: 'two' }, spec: { colour: 'red' } }
    t.match(refusalIn(await call('POST', `${path}?fieldValidation=Strict`, unknown)), { status: 400 })
    t.match(String((await call('POST', `${path}?dryRun=All`, unknown)).headers['warning']), 'spec.colour')

    t.match((await call('DELETE', `${path}/one`)).body, { kind: 'Status', status: 'Success', details: { uid } })
    t.equal(await text(), undefined)
    t.match(refusalIn(await callOther('GET', `${path}/one`)), { status: 404, reason: 'NotFound' })
  })
}

t.test('ipamconfigurations/default is the key that IPAM reads', async (t) => {
  const path = `${base}/ipamconfigurations`
  const text = async (): Promise<string | undefined> => (await keys.get(configKey))?.text

  const implied = await call('GET', `${path}/default`)
  t.match(implied, { status: 200, body: { spec: { strictAffinity: false, autoAllocateBlocks: true } } })
  t.match(implied.headers['warning'], /is not stored: these are the defaults in force/)
  t.strictSame(itemsIn(await call('GET', path)), [])
  const created = await call('POST', path, { metadata: { name: 'default' }, spec: { strictAffinity: true } })
  t.equal(created.status, 201)
  t.equal(await text(), '{"strict_affinity":true,"auto_allocate_blocks":true}')
  t.equal(await keys.get(`${resources}/ipamconfigurations/default`), undefined, 'nothing lies where IPAM does not look')
  t.match(created.body, {
    kind: 'IPAMConfiguration',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'default', uid: String, resourceVersion: (await keys.get(configKey))?.revision },
    spec: { strictAffinity: true, autoAllocateBlocks: true },
  })
  t.strictSame((await callOther('GET', `${path}/default`)).body, created.body)
  t.strictSame(itemsIn(await callOther('GET', path)), [created.body])

  const yaml = 'spec: {strictAffinity: true, autoAllocateBlocks: false, maxBlocksPerHost: 3, ipCooldownSeconds: 60}'
  t.equal((await callOther('PUT', `${path}/default`, yaml, 'application/yaml')).status, 200)
  t.equal(await text(), '{"strict_affinity":true,"maxBlocksPerHost":3,"ipCooldownSeconds":60}')
  const loosened = await changesNothing(t, keys, () =>
    call('PATCH', `${path}/default`, { spec: { strictAffinity: false } }, mergePatch),
  )
  t.match(refusalIn(loosened), { status: 422, fields: ['spec.autoAllocateBlocks', 'spec.maxBlocksPerHost'] })
  t.match(refusalIn(await call('POST', path, { metadata: { name: 'other' } })), {
    status: 422,
    fields: ['metadata.name'],
  })

  await keys.put(configKey, '{"auto_allocate_blocks":true,"newer":true}')
  const kept = await call('PATCH', `${path}/default`, { spec: { ipCooldownSeconds: 1 } }, mergePatch)
  t.equal(kept.status, 200)
  t.equal(await text(), '{"auto_allocate_blocks":true,"ipCooldownSeconds":1,"newer":true}')
  t.equal((await call('DELETE', `${path}/default`)).status, 200)
  t.equal(await text(), undefined)
})

t.test('strict affinity holds from the next assign on, whichever server it is switched on', async (t) => {
  await createPool(call, 'small', { cidr: '10.2.0.0/30', blockSize: 30 })
  const assign = (node: string): Promise<Answer> => call('POST', '/ipam/v1/assign', { node, pools: ['small'] })
  t.equal((await assign('n1')).status, 201)
  t.equal((await assign('n2')).status, 201, 'borrowed, as there is no other block')
  const config = { metadata: { name: 'default' }, spec: { strictAffinity: true } }
  t.equal((await callOther('POST', `${base}/ipamconfigurations`, config)).status, 201, 'although there are blocks')
  t.match(refusalIn(await assign('n2')), { status: 409, reason: 'InsufficientAddresses' })
  t.equal((await assign('n1')).status, 201)
  t.equal((await callOther('DELETE', `${base}/ipamconfigurations/default`)).status, 200)
  t.equal((await assign('n2')).status, 201)
})

t.test('blockaffinities shows the claims of nodes, and cannot be changed', async (t) => {
  const path = `${base}/blockaffinities`
  await keys.put(
    '/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.8.0.0-26',
    '{"state":"confirmed","deleted":false}',
  )
  await keys.put('/calico/ipam/v2/host/n.9/ipv6/block/fd00::40-122', '{"state":"pending","deleted":false}')
  t.equal((await call('POST', '/ipam/v1/assign', { node: 'n3', pools: ['blue'] })).status, 201)
  const list = await callOther('GET', path)
  t.match(list.body, { kind: 'BlockAffinityList' })
  const names = itemsIn(list).map(({ metadata }) => metadata.name)
  t.equal(names.at(-1), 'load-balancer-10-8-0-0-26')
  t.ok(names.includes('n.9-fd00--40-122'))
  for (const item of itemsIn(list)) {
    t.strictSame((await call('GET', `${path}/${item.metadata.name}`)).body, item, item.metadata.name)
  }
  const claim = itemsIn(list).find(({ spec }) => spec['node'] === 'n3')
  t.match(claim, { spec: { state: 'confirmed', type: 'host', deleted: false } })
  t.match(await keys.get(`/calico/ipam/v2/host/n3/ipv4/block/${String(claim?.spec['cidr']).replace('/', '-')}`), {
    revision: claim?.metadata.resourceVersion,
  })

  const paged: string[] = []
  for (let url = `${path}?limit=1`; url !== ''; ) {
    const page = await call('GET', url)
    paged.push(...itemsIn(page).map(({ metadata }) => metadata.name))
    const { continue: token } = page.body['metadata'] as { readonly continue?: string }
    url = token === undefined ? '' : `${path}?limit=1&continue=${token}`
  }
  t.strictSame(paged, names, 'page by page the same')

  const name = names[0] ?? ''
  for (const [method, url] of [
    ['POST', path],
    ['DELETE', path],
    ['PUT', `${path}/${name}`],
    ['PATCH', `${path}/${name}`],
    ['DELETE', `${path}/${name}`],
  ] as const) {
    const refused = await changesNothing(t, keys, () => call(method, url, {}))
    t.match(refusalIn(refused), { status: 405, reason: 'MethodNotAllowed' }, `${method} ${url}`)
    t.equal(refused.headers['allow'], 'GET, HEAD')
  }
  t.match(refusalIn(await call('GET', `${path}/nobody-10-1-0-0-26`)), { status: 404, reason: 'NotFound' })
})

t.test('the labels of a node decide from which pools it gets addresses, from the next assign on', async (t) => {
  await createPool(call, 'zone-a', { cidr: '10.3.0.0/24', nodeSelector: "zone == 'a'", allowedUses: ['Tunnel'] })
  const assign = (): Promise<Answer> => callOther('POST', '/ipam/v1/assign', { node: 'n4', use: 'Tunnel' })
  const blue = await call('PATCH', `${base}/ippools/blue`, { spec: { allowedUses: ['Workload'] } }, mergePatch)
  t.equal(blue.status, 200)
  await call('PATCH', `${base}/ippools/small`, { spec: { allowedUses: ['Workload'] } }, mergePatch)
  t.match(refusalIn(await assign()), { status: 409 }, 'a node that is not there has no labels')
  t.equal((await call('POST', `${base}/nodes`, { metadata: { name: 'n4', labels: { zone: 'a' } } })).status, 201)
  t.match(addressesIn(await assign()), [/^10\.3\.0\./])
  await call('PATCH', `${base}/nodes/n4`, { metadata: { labels: { zone: 'b' } } }, mergePatch)
  t.match(refusalIn(await assign()), { status: 409 })
})

t.test('a node takes its claims with it, and leaves addresses to their owners', async (t) => {
  await call('POST', `${base}/nodes`, { metadata: { name: 'n5' } })
  const [address = ''] = addressesIn(
    await call('POST', '/ipam/v1/assign', { node: 'n5', handle: 'h5', pools: ['blue'] }),
  )
  t.equal(Object.keys(await keys.dump('/calico/ipam/v2/host/n5/')).length, 1)
  t.equal((await callOther('DELETE', `${base}/nodes/n5`)).status, 200)
  t.strictSame(await keys.dump('/calico/ipam/v2/host/n5/'), {})
  t.match((await call('GET', `/ipam/v1/addresses/${address}`)).body, { handle: 'h5' })
  const before = Object.keys(await keys.dump('/calico/ipam/v2/assignment/')).length
  t.equal((await call('DELETE', '/ipam/v1/handles/h5')).status, 200)
  t.equal(
    Object.keys(await keys.dump('/calico/ipam/v2/assignment/')).length,
    before - 1,
    'the block goes with its last address',
  )
})

t.test('a node whose affinities were lost is removed with its blocks, by either route', async (t) => {
  await createPool(call, 'lost', { cidr: '10.9.0.0/28', blockSize: 30 })
  for (const [node, route] of [
    ['n8', `${base}/nodes/n8`],
    ['n9', '/ipam/v1/nodes/n9'],
  ] as const) {
    await call('POST', `${base}/nodes`, { metadata: { name: node } })
    const [address = ''] = addressesIn(await call('POST', '/ipam/v1/assign', { node, handle: node, pools: ['lost'] }))
    for (const key of Object.keys(await keys.dump(`/calico/ipam/v2/host/${node}/`))) await keys.delete(key)
    t.equal((await callOther('DELETE', route)).status, 200)
    const { body } = await call('GET', '/ipam/v1/blocks?pool=lost')
    t.match(body['blocks'], [{ affinity: null, node: null }], route)
    await call('POST', '/ipam/v1/check/repair', {})
    t.strictSame(await keys.dump(`/calico/ipam/v2/host/${node}/`), {}, 'and no repair brings the affinity back')
    t.match((await call('GET', `/ipam/v1/addresses/${address}`)).body, { handle: node }, 'the address stays')
    t.equal((await call('DELETE', `/ipam/v1/handles/${node}`)).status, 200)
    t.match((await call('GET', '/ipam/v1/blocks?pool=lost')).body['blocks'], { length: 0 })
  }
  t.equal((await call('DELETE', `${base}/nodes/n9`)).status, 200)
})

t.test('a node takes the endpoints of its workloads and its tunnels with it, and what they used', async (t) => {
  const pods = Array.from({ length: 70 }, (_, number) => `pod-${number}`)
  const spec = { bgp: { ipv4IPIPTunnelAddr: '10.8.1.1' } }
  await call('POST', `${base}/nodes`, { metadata: { name: 'n6' }, spec })
  await createPool(call, 'pods', { cidr: '10.8.0.0/22', blockSize: 32 })
  const assign = (handle: string, address: string, attributes = {}): Promise<Answer> =>
    call('POST', '/ipam/v1/assign', { handle, node: 'n6', addresses: [address], attributes })
  await assign('ipip-tunnel-addr-n6', '10.8.1.1', { type: 'ipipTunnelAddress' })
  await assign('kept', '10.8.1.2')
  for (const [number, pod] of pods.entries()) {
    await assign(`net.${pod}`, `10.8.0.${number}`, { pod, namespace: 'shop' })
    await keys.put(keyOfEndpoint(pod), endpoint(pod, 'n6', [`10.8.0.${number}`]))
  }
  await keys.put(keyOfEndpoint('elsewhere'), endpoint('elsewhere', 'n7', []))
  await changesNothing(t, keys, async () => {
    t.match(await callOther('DELETE', `${base}/nodes/n6?dryRun=All`), { status: 200, body: { kind: 'Status' } })
    const preconditions = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { resourceVersion: '1' } }
    t.match(refusalIn(await callOther('DELETE', `${base}/nodes/n6`, preconditions)), { status: 409 })
  })
  t.match(await callOther('DELETE', `${base}/nodes/n6`), { status: 200, body: { kind: 'Status', status: 'Success' } })
  const kept = Object.keys(await keys.dump(`${resources}/workloadendpoints/`))
  t.strictSame(kept, [keyOfEndpoint('elsewhere')])
  t.strictSame(await keys.dump('/calico/ipam/v2/host/n6/'), {})
  t.strictSame(addressesIn(await call('GET', '/ipam/v1/addresses?pool=pods')), ['10.8.1.2'])
  t.equal((await call('GET', `${base}/nodes/n6`)).status, 404)
  t.equal((await call('DELETE', `${base}/nodes/n6`)).status, 404)
})

/** Several changes in one transaction would have one revision: a client that saw the first could undo the others by accident. */
t.test('a version is one state, and no change is lost among many', async (t) => {
  const path = `${base}/ipreservations/counter`
  await call('POST', `${base}/ipreservations`, { metadata: { name: 'counter', annotations: { count: '0' } }, spec: {} })
  const states = new Map<string, string>()
  const see = (answer: Answer): Shown['metadata'] => {
    const { metadata } = shown(answer)
    const { resourceVersion, labels = {}, annotations = {} } = metadata
    const state = `${annotations['count'] ?? ''}, ${Object.keys(labels).sort().join(' ')}`
    t.equal(states.get(resourceVersion) ?? state, state, `state of ${resourceVersion}`)
    states.set(resourceVersion, state)
    return metadata
  }
  const replace = async (): Promise<void> => {
    for (;;) {
      const metadata = see(await call('GET', path))
      const annotations = { count: String(Number(metadata.annotations?.['count']) + 1) }
      const answer = await call('PUT', path, { metadata: { ...metadata, annotations }, spec: {} })
      if (answer.status === 200) return void see(answer)
      t.equal(answer.status, 409)
    }
  }
  const names = Array.from({ length: 24 }, (_, number) => `label-${number}`)
  const patch = async (name: string): Promise<void> => {
    see(await call('PATCH', path, { metadata: { labels: { [name]: 'x' } } }, mergePatch))
    see(await call('PATCH', `${path}?dryRun=All`, {}, mergePatch))
  }
  await Promise.all(names.flatMap((name) => [replace(), patch(name)]))
  const { labels, annotations } = see(await call('GET', path))
  t.equal(annotations?.['count'], '24')
  t.strictSame(Object.keys(labels ?? {}).sort(), names.toSorted())
})
