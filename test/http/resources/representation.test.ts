import t from 'tap'
import { startServer } from '../server-in-memory.ts'

const base = '/apis/projectcalico.org/v3/ippools'
const as = (form: string, version = 'v1', group = 'meta.k8s.io'): string =>
  `application/json;as=${form};v=${version};g=${group}`
/** What kubectl sends. */
const table = `${as('Table')},${as('Table', 'v1beta1')},application/json`
const pool = { metadata: { name: 'red' }, spec: { cidr: '10.2.0.0/24' } }

t.test('the Accept header decides in which form objects are answered', async (t) => {
  const { call } = startServer(t)
  const cases = [
    [undefined, 'IPPoolList', 'IPPool'],
    ['*/*', 'IPPoolList', 'IPPool'],
    ['application/json', 'IPPoolList', 'IPPool'],
    ['application/json, */*;q=0.8', 'IPPoolList', 'IPPool'],
    [table, 'Table', 'Table'],
    [`application/json,${table}`, 'IPPoolList', 'IPPool'],
    [`application/json;q=0.5,${as('Table')}`, 'Table', 'Table'],
    [`${as('Table', 'v2')},application/json`, 'IPPoolList', 'IPPool'],
    [`${as('Table', 'v1', 'example.org')},application/json`, 'IPPoolList', 'IPPool'],
    [`${as('Chart')},${as('Table')}`, 'Table', 'Table'],
    [`application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,${as('Table')}`, 'Table', 'Table'],
    [as('PartialObjectMetadataList'), 'PartialObjectMetadataList', 'PartialObjectMetadata'],
    [as('PartialObjectMetadata'), 'PartialObjectMetadataList', 'PartialObjectMetadata'],
  ] as const
  for (const [accept, list, one] of cases) {
    const headers = accept === undefined ? {} : { accept }
    t.match(await call('GET', base, undefined, headers), { status: 200, body: { kind: list } }, accept ?? 'absent')
    t.match(await call('GET', `${base}/blue`, undefined, headers), { status: 200, body: { kind: one } })
  }
})

t.test('the version of a table is the one that is asked for', async (t) => {
  const { call } = startServer(t)
  const headers = { accept: `${as('Table', 'v1beta1')},${as('Table')}` }
  t.match(await call('GET', base, undefined, headers), { body: { kind: 'Table', apiVersion: 'meta.k8s.io/v1beta1' } })
})

t.test('a header that leaves no choice is refused before anything is done', async (t) => {
  const { call, store } = startServer(t)
  const before = store.view.revision
  for (const accept of [as('Table', 'v2'), as('Chart'), 'text/html', 'application/vnd.kubernetes.protobuf']) {
    t.match(await call('POST', base, pool, { accept }), { status: 406, body: { reason: 'NotAcceptable' } }, accept)
  }
  t.equal(store.view.revision, before)
})

t.test('a list as a table is paged as a list is', async (t) => {
  const { call } = startServer(t)
  const first = await call('GET', `${base}?limit=1`, undefined, { accept: table })
  t.match(first.body, { metadata: { continue: String, remainingItemCount: 1 }, rows: [{ cells: ['blue'] }] })
  const { continue: token } = first.body['metadata'] as { readonly continue: string }
  const second = await call('GET', `${base}?limit=1&continue=${token}`, undefined, { accept: table })
  t.match(second.body, { rows: [{ cells: ['green', 'fd00::/120'] }] })
})

t.test('the rows of a table carry what includeObject says', async (t) => {
  const { call } = startServer(t)
  const row = async (query: string): Promise<object | undefined> => {
    const { body } = await call('GET', `${base}/blue${query}`, undefined, { accept: table })
    return (body['rows'] as readonly object[])[0]
  }
  t.match(await row(''), { object: { kind: 'PartialObjectMetadata', metadata: { name: 'blue' } } })
  t.match(await row('?includeObject=Metadata'), { object: { kind: 'PartialObjectMetadata' } })
  t.match(await row('?includeObject=Object'), { object: { kind: 'IPPool', spec: { cidr: '10.1.0.0/24' } } })
  t.strictSame(Object.keys((await row('?includeObject=None')) ?? {}), ['cells'])
  t.match(await call('GET', `${base}?includeObject=All`), { status: 400, body: { reason: 'BadRequest' } })
})

t.test('what is written is answered in the form that is wanted, and a refusal as a Status', async (t) => {
  const { call } = startServer(t)
  const headers = { accept: table }
  const row = { body: { kind: 'Table', rows: [{ cells: ['red', '10.2.0.0/24'] }] } }
  t.match(await call('POST', base, pool, headers), { status: 201, ...row })
  t.match(await call('PUT', `${base}/red`, pool, headers), { status: 200, ...row })
  const patch = { ...headers, 'content-type': 'application/merge-patch+json' }
  t.match(await call('PATCH', `${base}/red`, '{"spec":{"disabled":true}}', patch), { status: 200, ...row })
  t.match(await call('POST', base, pool, headers), { status: 409, body: { kind: 'Status' } })
  t.match(await call('DELETE', `${base}/red`, undefined, headers), { body: { kind: 'Status', status: 'Success' } })
})

t.test('in a watch, only the first event tells the columns', async (t) => {
  const { app } = startServer(t)
  let events: readonly object[] = []
  app.addHook('preHandler', (request, _reply, done) => {
    const object = { kind: 'IPPool', metadata: { name: 'a' } }
    events = [true, false].map((isFirst) => request.representation.event(object, isFirst))
    done()
  })
  await app.inject({ url: base, headers: { accept: table } })
  t.match(events, [
    { kind: 'Table', columnDefinitions: [{ name: 'Name' }], rows: [{ cells: ['a'] }] },
    { kind: 'Table', columnDefinitions: [], rows: [{ cells: ['a'] }] },
  ])
  await app.inject({ url: base })
  t.match(events, [{ kind: 'IPPool' }, { kind: 'IPPool' }])
})
