import t, { type Test } from 'tap'
import { DatastoreUnavailable, RevisionCompacted } from '../../../src/datastore/index.ts'
import { blockKey, newBlock } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import { endpoint, keyOfEndpoint } from '../../support/corruption.ts'
import { type Answer, causesOf, startServer, type ServerInMemory } from '../server-in-memory.ts'

const base = '/apis/projectcalico.org/v3/ippools'
const mergePatch = { 'content-type': 'application/merge-patch+json' }
const jsonPatch = { 'content-type': 'application/json-patch+json' }

/** The sample of Calico's documentation. */
const sample = `apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: my.ippool-1
spec:
  cidr: 10.5.0.0/16
  ipipMode: CrossSubnet
  natOutgoing: true
  disabled: false
  nodeSelector: all()
  allowedUses:
  - Workload
  - Tunnel 
`

const red = { metadata: { name: 'red' }, spec: { cidr: '10.2.0.0/24' } }
const storedKey = (name: string): string => `/calico/resources/v3/projectcalico.org/ippools/${name}`

function warningsOf({ headers }: Answer): readonly string[] {
  return [headers['warning'] ?? []].flat().map(String)
}

/** The names of the items of a list. */
function namesIn({ body }: Answer): readonly string[] {
  const items = body['items'] as readonly { readonly metadata: { readonly name: string } }[]
  return items.map(({ metadata }) => metadata.name)
}

/** Puts a block that is in use by nobody, but belongs to a node, into the pool `blue`. */
function putBlock({ store }: ServerInMemory): void {
  const owner = { type: 'host', name: 'node1' } as const
  const value = newBlock(mustParseCidr('10.1.0.0/26'), owner, { nanoseconds: 1n })
  store.view.put(blockKey(value.cidr), value)
  store.blocks.changed(blockKey(value.cidr).text, { kind: 'value', value })
}

t.test('a pool is created from YAML or JSON, with everything it is stored with in the answer', async (t) => {
  const { call, store } = startServer(t)
  const created = await call('POST', `${base}?fieldValidation=Strict`, sample, { 'content-type': 'application/yaml' })
  t.match(created, {
    status: 201,
    body: {
      kind: 'IPPool',
      apiVersion: 'projectcalico.org/v3',
      metadata: {
        name: 'my.ippool-1',
        resourceVersion: String(store.view.revision),
        uid: String,
        creationTimestamp: String,
      },
      spec: { cidr: '10.5.0.0/16', ipipMode: 'CrossSubnet', blockSize: 26, assignmentMode: 'Automatic' },
    },
  })
  t.match(await call('GET', `${base}/my.ippool-1`), { status: 200, body: created.body })
  t.match(await call('POST', base, red), { status: 201 })
  t.match(await call('POST', base, red), {
    status: 409,
    body: {
      kind: 'Status',
      reason: 'AlreadyExists',
      details: { name: 'red', group: 'projectcalico.org', kind: 'ippools' },
    },
  })
})

t.test('everything that is wrong with a pool is told at once, with its kind', async (t) => {
  const { call } = startServer(t)
  const wrong = { metadata: { name: 'red' }, spec: { cidr: '10.1.0.0/16', blockSize: 33, vxlanMode: true } }
  const refused = await call('POST', base, wrong)
  t.match(refused, { status: 422, body: { reason: 'Invalid', details: { name: 'red', kind: 'IPPool' } } })
  t.strictSame(causesOf(refused), [
    ['spec.vxlanMode', 'FieldValueTypeInvalid'],
    ['spec.blockSize', 'FieldValueInvalid'],
    ['spec.cidr', 'FieldValueInvalid'],
  ])
  for (const body of [
    '',
    '[]',
    '"x"',
    '{"kind":"Node"}',
    '{"metadata":[]}',
    '{"metadata":{"name":1}}',
    '{"metadata":{}}',
  ]) {
    const answer = await call('POST', base, body, { 'content-type': 'application/json' })
    t.match(answer, { body: { kind: 'Status', reason: /^(BadRequest|Invalid)$/ } }, body)
  }
})

t.test('an unknown field gives a warning, an error, or nothing', async (t) => {
  const { call } = startServer(t)
  const bogus = { ...red, spec: { ...red.spec, bogus: 1, 'ö"\\': 2 } }
  const url = `${base}?dryRun=All`
  const warned = await call('POST', url, bogus)
  t.equal(warned.status, 201)
  t.strictSame(warningsOf(warned), [
    '299 - "unknown field \\"spec.bogus\\""',
    '299 - "unknown field \\"spec[?\\\\\\"\\\\\\\\]\\""',
  ])
  t.match(await call('POST', `${url}&fieldValidation=Strict`, bogus), {
    status: 400,
    body: { message: /strict decoding error: unknown field "spec\.bogus"/ },
  })
  t.strictSame(warningsOf(await call('POST', `${url}&fieldValidation=Ignore`, bogus)), [])
  const many = {
    ...red,
    spec: { ...red.spec, ...Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`x${index}`, 1])) },
  }
  t.equal(warningsOf(await call('POST', url, many)).at(-1), '299 - "and 20 more"')
})

t.test('a pool is replaced, and patched in two ways', async (t) => {
  const { call, store } = startServer(t)
  const { body } = await call('GET', `${base}/blue`)
  t.match(await call('PUT', `${base}/blue`, body), { status: 200, body }, 'as it is')
  const revision = store.view.revision
  t.match(await call('PATCH', `${base}/blue`, { spec: { disabled: true } }, mergePatch), {
    status: 200,
    body: { spec: { disabled: true }, metadata: { resourceVersion: String(revision + 1n) } },
  })
  t.match(await call('PUT', `${base}/blue`, body), {
    status: 409,
    body: { reason: 'Conflict', details: { kind: 'ippools' } },
  })
  const patch = [
    { op: 'test', path: '/spec/disabled', value: true },
    { op: 'remove', path: '/spec/disabled' },
  ]
  const patched = await call('PATCH', `${base}/blue`, patch, jsonPatch)
  t.equal(patched.status, 200)
  t.notMatch(patched.body, { spec: { disabled: true } })
  t.match(await call('PATCH', `${base}/blue`, patch, jsonPatch), { status: 422, body: { reason: 'Invalid' } })
  t.match(
    await call('PATCH', `${base}/blue`, { spec: { natOutgoing: null } }, mergePatch),
    { status: 200 },
    'null removes',
  )
  t.match(await call('PUT', `${base}/blue`, red), { status: 400, body: { reason: 'BadRequest' } }, 'another name')
})

t.test('a patch needs a media type that says which kind it is', async (t) => {
  const { call } = startServer(t)
  for (const type of ['application/strategic-merge-patch+json', 'application/json', 'application/yaml']) {
    t.match(await call('PATCH', `${base}/blue`, '{}', { 'content-type': type }), { status: 415 }, type)
  }
  t.match(
    await call('PATCH', `${base}/blue`, '{}'),
    { status: 415, body: { message: /application\/merge-patch\+json/ } },
    'none',
  )
  t.match(
    await call('PATCH', `${base}/blue`, '{}', { 'content-type': 'Application/Merge-Patch+JSON; charset=utf-8' }),
    { status: 200 },
  )
})

t.test('what is not there is not found', async (t) => {
  const { call } = startServer(t)
  const calls = [
    ['GET', undefined, {}],
    ['PUT', { ...red, metadata: {} }, {}],
    ['PATCH', {}, mergePatch],
    ['DELETE', undefined, {}],
  ] as const
  for (const [method, payload, headers] of calls) {
    t.match(
      await call(method, `${base}/nosuch`, payload, headers),
      {
        status: 404,
        body: {
          reason: 'NotFound',
          message: 'ippools.projectcalico.org "nosuch" not found',
          details: { name: 'nosuch' },
        },
      },
      method,
    )
  }
})

t.test('a dry run answers what would happen, and writes nothing', async (t) => {
  const server = startServer(t)
  const { call, store } = server
  const before = store.view.revision
  const created = await call('POST', `${base}?dryRun=All`, red)
  t.match(created, { status: 201, body: { metadata: { name: 'red', uid: String } } })
  t.notMatch(created.body, { metadata: { resourceVersion: String } })
  t.match(await call('PATCH', `${base}/blue?dryRun=All`, { spec: { disabled: true } }, mergePatch), {
    status: 200,
    body: { spec: { disabled: true }, metadata: { resourceVersion: String } },
  })
  t.match(await call('DELETE', `${base}/blue?dryRun=All`), { status: 200, body: { kind: 'Status', status: 'Success' } })
  t.match(await call('DELETE', `${base}/blue`, { dryRun: ['All'] }), { status: 200, body: { kind: 'Status' } })
  t.equal(store.view.revision, before)
  putBlock(server)
  const marked = await call('DELETE', `${base}/blue?dryRun=All`)
  t.match(marked, {
    status: 200,
    body: { kind: 'IPPool', metadata: { deletionTimestamp: String, resourceVersion: String } },
  })
  t.match(await call('GET', `${base}/blue`), { body: { spec: { cidr: '10.1.0.0/24' } } })
  t.match(await call('POST', `${base}?dryRun=some`, red), { status: 400 })
})

t.test('a delete answers that the pool is gone, or that it is going', async (t) => {
  const server = startServer(t)
  const { call, store } = server
  const gone = await call('DELETE', `${base}/green`, '', { 'content-type': 'application/json' })
  t.strictSame(gone.body, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: 'green',
      group: 'projectcalico.org',
      kind: 'ippools',
      uid: '7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10',
    },
  })
  t.equal(store.view.text(storedKey('green')), undefined)
  putBlock(server)
  const going = await call('DELETE', `${base}/blue`, { propagationPolicy: 'Background' })
  t.match(going, {
    status: 200,
    body: {
      kind: 'IPPool',
      metadata: { deletionTimestamp: String, resourceVersion: String(store.view.revision) },
      status: { conditions: [{ type: 'Allocatable', status: 'False', reason: 'Terminating' }] },
    },
  })
  t.strictSame((await call('DELETE', `${base}/blue`)).body, going.body, 'once more')
  t.match(await call('POST', '/ipam/v1/assign', {}), { status: 409 }, 'it gives nothing more')
})

t.test('a delete heeds preconditions, and refuses what it does not know', async (t) => {
  const { call } = startServer(t)
  t.match(await call('DELETE', `${base}/blue`, { preconditions: { uid: 'x' } }), {
    status: 409,
    body: { reason: 'Conflict' },
  })
  t.match(await call('DELETE', `${base}/blue`, { precondition: { uid: 'x' } }), { status: 400 })
  t.match(await call('DELETE', `${base}/blue?uid=x`), { status: 400 })
  t.match(await call('GET', `${base}/blue`), { status: 200 })
})

t.test('what a newer Calico stored is answered to the last digit', async (t) => {
  const { app, store } = startServer(t)
  const text = (store.view.text(storedKey('blue')) ?? '').replace('"spec":{', '"spec":{"future":18446744073709551615,')
  store.view.putText(storedKey('blue'), text)
  const { body } = await app.inject({ method: 'GET', url: `${base}/blue` })
  t.match(body, '"future":18446744073709551615')
  const list = await app.inject({ method: 'GET', url: base })
  t.match(list.body, '"future":18446744073709551615')
})

t.test('a list', async (t) => {
  /** A server with the pools a to e, every other of them of the team x. */
  const startWithPools = (t: Test): ServerInMemory => {
    const server = startServer(t)
    for (const name of ['blue', 'green']) server.store.view.remove(storedKey(name))
    for (const [index, name] of ['a', 'b', 'c', 'd', 'e'].entries()) {
      const labels = index % 2 === 0 ? { team: 'x' } : { team: 'y', size: 'big' }
      const pool = { metadata: { name, labels }, spec: { cidr: `10.${index}.0.0/16` } }
      server.store.view.putText(storedKey(name), JSON.stringify(pool))
    }
    return server
  }

  t.test('has all objects in the order of their names, as of one revision', async (t) => {
    const { call, store } = startWithPools(t)
    const list = await call('GET', base)
    t.match(list, {
      status: 200,
      body: {
        kind: 'IPPoolList',
        apiVersion: 'projectcalico.org/v3',
        metadata: { resourceVersion: String(store.view.revision) },
        items: [
          {
            kind: 'IPPool',
            metadata: { name: 'a', resourceVersion: String },
            spec: { cidr: '10.0.0.0/16', blockSize: 26 },
          },
        ],
      },
    })
    t.strictSame(list.body['metadata'], { resourceVersion: String(store.view.revision) })
    t.strictSame(namesIn(list), ['a', 'b', 'c', 'd', 'e'])
  })

  t.test('comes in pages', async (t) => {
    const { call } = startWithPools(t)
    const pages: (readonly string[])[] = []
    const remaining: unknown[] = []
    for (let url = `${base}?limit=2`; url !== ''; ) {
      const page = await call('GET', url)
      const metadata = page.body['metadata'] as { readonly continue?: string; readonly remainingItemCount?: number }
      pages.push(namesIn(page))
      remaining.push(metadata.remainingItemCount)
      url = metadata.continue === undefined ? '' : `${base}?limit=2&continue=${metadata.continue}`
    }
    t.strictSame(pages, [['a', 'b'], ['c', 'd'], ['e']])
    t.strictSame(remaining, [3, 1, undefined])
    const all = await call('GET', `${base}?limit=5`)
    t.notMatch(all.body['metadata'], { continue: String }, 'a full page may be the last')
  })

  t.test('may be of some objects only', async (t) => {
    const { call } = startWithPools(t)
    const rows: readonly (readonly [query: string, names: readonly string[]])[] = [
      ['labelSelector=team%3Dx', ['a', 'c', 'e']],
      ['labelSelector=team+in+(x,y),!size', ['a', 'c', 'e']],
      ['labelSelector=size', ['b', 'd']],
      ['labelSelector=', ['a', 'b', 'c', 'd', 'e']],
      ['fieldSelector=metadata.name%3Dc', ['c']],
      ['fieldSelector=metadata.name%3D%3Dc', ['c']],
      ['fieldSelector=metadata.name!%3Dc', ['a', 'b', 'd', 'e']],
      ['fieldSelector=metadata.name!%3Dc,metadata.name!%3Da&labelSelector=team%3Dx', ['e']],
      ['fieldSelector=metadata.name%3Dnosuch', []],
    ]
    for (const [query, names] of rows) t.strictSame(namesIn(await call('GET', `${base}?${query}`)), names, query)
    const page = await call('GET', `${base}?labelSelector=team%3Dx&limit=2`)
    t.strictSame(namesIn(page), ['a', 'c'])
    t.notMatch(page.body['metadata'], { remainingItemCount: Number })
    const next = (page.body['metadata'] as { readonly continue: string }).continue
    t.strictSame(namesIn(await call('GET', `${base}?labelSelector=team%3Dx&limit=2&continue=${next}`)), ['e'])
  })

  t.test('leaves out what cannot be read, and says so', async (t) => {
    const { call, store } = startWithPools(t)
    store.view.putText(storedKey('b'), '{')
    const list = await call('GET', `${base}?limit=2`)
    t.strictSame(namesIn(list), ['a', 'c'])
    t.match(warningsOf(list), [/^299 - "ippools\.projectcalico\.org \\"b\\" cannot be read: /])
    t.match(await call('GET', `${base}/b`), { status: 500, body: { reason: 'InternalError' } })
  })

  t.test('is refused when it cannot be understood', async (t) => {
    const { call } = startWithPools(t)
    const queries = [
      'limit=-1',
      'limit=x',
      'continue=x',
      `continue=${Buffer.from(`99999999999999999999/0${storedKey('a')}`).toString('base64url')}`,
      `continue=${Buffer.from('1/0/calico/ipam/v2/handle/a').toString('base64url')}`,
      `continue=${Buffer.from('1/1').toString('base64url')}`,
      'labelSelector=%3D',
      'fieldSelector=spec.nosuch%3Dx',
      'fieldSelector=metadata.name',
      'resourceVersion=x',
      'resourceVersionMatch=Exact',
      'resourceVersionMatch=Exact&resourceVersion=0',
      'dry_run=All',
    ]
    for (const query of queries)
      t.match(await call('GET', `${base}?${query}`), { status: 400, body: { reason: 'BadRequest' } }, query)
    for (const query of ['watch=false', 'timeout=32s', 'resourceVersion=0', 'resourceVersion=', 'pretty=true']) {
      t.match(await call('GET', `${base}?${query}`), { status: 200 }, query)
    }
  })

  t.test('is of a revision that there is', async (t) => {
    const { call, store } = startWithPools(t)
    const { revision } = store.view
    t.match(await call('GET', `${base}?resourceVersion=${revision}`), { status: 200 })
    t.match(await call('GET', `${base}?resourceVersion=${revision}&resourceVersionMatch=Exact`), { status: 200 })
    const details = { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }] }
    for (const path of [base, `${base}/a`]) {
      const early = await call('GET', `${path}?resourceVersion=${revision + 1n}`)
      t.match(early, { status: 504, body: { reason: 'Timeout', details } }, 'informers look at the cause')
    }
    t.match(await call('GET', `${base}/a?resourceVersion=${revision}`), { status: 200 })
    const token = Buffer.from(`${revision}/0${storedKey('a')}`).toString('base64url')
    store.fault = new RevisionCompacted(new Error('compacted'))
    t.match(await call('GET', `${base}?continue=${token}`), { status: 410, body: { reason: 'Expired' } })
  })
  t.end()
})

t.test('the deletion of a node that stops half-way says so, and is gone on with', async (t) => {
  const { call, store } = startServer(t)
  const nodes = '/apis/projectcalico.org/v3/nodes'
  await call('POST', nodes, { metadata: { name: 'node-1' } })
  for (const pod of Array.from({ length: 30 }, (_, number) => `pod-${number}`)) {
    store.view.putText(keyOfEndpoint(pod), endpoint(pod, 'node-1', []))
  }
  const submit = store.submit.bind(store)
  let steps = 0
  store.submit = (plan, options) => {
    if (steps++ === 2) return Promise.reject(new DatastoreUnavailable('Timeout', 'etcd did not answer'))
    return submit(plan, options)
  }
  t.match(await call('DELETE', `${nodes}/node-1`), {
    status: 503,
    body: {
      message: /^nodes\.projectcalico\.org "node-1" is deleted in part/,
      details: { name: 'node-1', kind: 'nodes' },
    },
  })
  t.equal(store.view.keys(keyOfEndpoint('')).length, 6)
  t.match(await call('DELETE', `${nodes}/node-1`), { status: 200, body: { status: 'Success' } })
  t.strictSame(store.view.keys('/calico/resources/v3/projectcalico.org/workloadendpoints/'), [])
  t.equal((await call('GET', `${nodes}/node-1`)).status, 404)

  await call('POST', nodes, { metadata: { name: 'node-1' } })
  steps = 1
  t.match(await call('DELETE', `${nodes}/node-1`), { status: 504 }, 'nothing was done yet')
})
