import t from 'tap'
import { startEtcdCluster } from '../support/etcd.ts'
import { EtcdKeys } from '../support/etcd-keys.ts'
import { HttpClient } from '../support/http-client.ts'
import { createPool, poolsPath, refusalIn, startIppoold } from '../support/ippoold.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { watch } from '../support/watcher.ts'

/** Watches, from the request to the last byte, of what this server, another one and Calico do. */

const mergePatch = 'application/merge-patch+json'
const nodesPath = '/apis/projectcalico.org/v3/nodes'
const poolKey = (name: string) => `/calico/resources/v3/projectcalico.org/ippools/${name}`

const { call, callOther, keys, servers } = await startIppoold(t, { servers: 2 })
const url = servers[0]?.url ?? ''

async function revisionOf(path: string): Promise<string> {
  const { body } = await call('GET', path)
  return (body['metadata'] as { readonly resourceVersion: string }).resourceVersion
}

t.test('every change is told, whoever makes it, in order, with what lies beside the stored value', async (t) => {
  const start = await revisionOf(poolsPath)
  const early = await watch(t, url, `${poolsPath}?watch=true&resourceVersion=${start}`)
  t.equal(early.status, 200)
  t.match(early.headers['content-type'], /^application\/json/)
  await createPool(call, 'one', { cidr: '10.1.0.0/24' })
  await callOther('PATCH', `${poolsPath}/one?fieldManager=me`, { spec: { natOutgoing: true } }, mergePatch)
  const stored = await keys.get(poolKey('one'))
  await keys.put(poolKey('one'), (stored?.text ?? '').replace('"natOutgoing":true,', ''))
  await call('PATCH', `${poolsPath}/one`, { metadata: { labels: { a: 'b' } } }, mergePatch)
  await callOther('DELETE', `${poolsPath}/one`)
  await early.has(5)
  t.strictSame(early.summary(), ['ADDED one', 'MODIFIED one', 'MODIFIED one', 'MODIFIED one', 'DELETED one'])
  t.strictSame(
    early.events.map(({ object }) => object.metadata.generation),
    [1, 2, 3, 3, 3],
    'the change that Calico made is counted',
  )
  t.match(JSON.stringify(early.events[1]?.object), /"manager":"me","operation":"Update"/)
  const revisions = early.events.map(({ object }) => BigInt(object.metadata.resourceVersion))
  t.ok(revisions.every((revision, index) => index === 0 || revision > (revisions[index - 1] ?? 0n)))
  t.match(early.events[4]?.object, { spec: { cidr: '10.1.0.0/24' }, metadata: { labels: { a: 'b' } } })

  const late = await watch(t, url, `${poolsPath}?watch=1&resourceVersion=${start}&timeoutSeconds=1`)
  t.ok(await late.ended, 'ends in good order when its time is over')
  t.strictSame(late.events, early.events, 'who comes late is told the same')
})

t.test('who names no revision is told what there is, and then what changes', async (t) => {
  await createPool(call, 'there', { cidr: '10.2.0.0/24' })
  const watchers = [
    await watch(t, url, `${poolsPath}?watch=true`),
    await watch(t, url, `${poolsPath}?watch=true&timeoutSeconds=0`),
    await watch(t, url, `${poolsPath}?watch=true&resourceVersion=00`),
    await watch(t, url, `${poolsPath}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dthere`),
  ]
  for (const watcher of watchers)
    t.match(await watcher.has(1), { type: 'ADDED', object: { metadata: { name: 'there' } } })
  await call('DELETE', `${poolsPath}/there`)
  for (const watcher of watchers) t.match(await watcher.has(2), { type: 'DELETED' })
})

t.test('the present state ends with a bookmark for those who ask', async (t) => {
  await createPool(call, 'listed', { cidr: '10.3.0.0/24' })
  const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
  const watcher = await watch(t, url, `${poolsPath}?${query}`)
  const bookmark = await watcher.has(2)
  t.match(bookmark, {
    type: 'BOOKMARK',
    object: { kind: 'IPPool', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
  })
  await call('DELETE', `${poolsPath}/listed`)
  t.match(await watcher.has(3), { type: 'DELETED' })
  const resumed = await watch(
    t,
    url,
    `${poolsPath}?watch=true&resourceVersion=${bookmark.object.metadata.resourceVersion}`,
  )
  t.match(await resumed.has(1), { type: 'DELETED' }, 'the bookmark stands for what came before it, and nothing after')
  for (const query of [
    'sendInitialEvents=true',
    'resourceVersionMatch=NotOlderThan',
    'sendInitialEvents=true&resourceVersionMatch=Exact',
  ]) {
    t.match(refusalIn(await call('GET', `${poolsPath}?watch=true&${query}`)), { status: 422, reason: 'Invalid' }, query)
  }
})

t.test(
  'of changes that many make at once, each has a revision of its own, after which a watch can go on',
  async (t) => {
    const watcher = await watch(t, url, `${nodesPath}?watch=true&resourceVersion=${await revisionOf(nodesPath)}`)
    const names = Array.from({ length: 40 }, (_, number) => `at-once-${String(number)}`)
    await Promise.all(names.map((name) => call('POST', nodesPath, { metadata: { name } })))
    await watcher.has(names.length)
    t.equal(new Set(watcher.events.map(({ object }) => object.metadata.resourceVersion)).size, names.length)
    await Promise.all(names.map((name) => call('DELETE', `${nodesPath}/${name}`)))
  },
)

t.test('with a selector, what begins to match is added and what ceases is deleted', async (t) => {
  const watcher = await watch(t, url, `${nodesPath}?watch=true&labelSelector=zone%3Da`)
  const label = (zone: string | null) =>
    call('PATCH', `${nodesPath}/n1`, { metadata: { labels: { zone } } }, mergePatch)
  await call('POST', nodesPath, { metadata: { name: 'n1' } })
  await label('a')
  await call('PATCH', `${nodesPath}/n1`, { metadata: { annotations: { x: 'y' } } }, mergePatch)
  await label('b')
  await label('a')
  await call('DELETE', `${nodesPath}/n1`)
  await watcher.has(5)
  t.strictSame(watcher.summary(), ['ADDED n1', 'MODIFIED n1', 'DELETED n1', 'ADDED n1', 'DELETED n1'])
})

t.test('a quiet watch is told by bookmarks how far it has come', async (t) => {
  const before = await revisionOf(poolsPath)
  for (let count = 0; count < 3; count++)
    await call('POST', nodesPath, { metadata: { name: `other-${String(count)}` } })
  const watcher = await watch(
    t,
    url,
    `${poolsPath}?watch=true&resourceVersion=${before}&allowWatchBookmarks=true&timeoutSeconds=1`,
  )
  t.ok(await watcher.ended)
  const [bookmark] = watcher.events
  t.match(bookmark, { type: 'BOOKMARK', object: { kind: 'IPPool' } })
  t.ok(
    BigInt(bookmark?.object.metadata.resourceVersion ?? 0) >= BigInt(before) + 3n,
    'changes of others are counted in',
  )
  const silent = await watch(t, url, `${poolsPath}?watch=true&resourceVersion=${before}&timeoutSeconds=1`)
  t.ok(await silent.ended)
  t.strictSame(silent.events, [], 'who does not ask gets none')
})

t.test('tables and metadata are watched as they are listed', async (t) => {
  const start = await revisionOf(poolsPath)
  const as = (form: string) => `application/json;as=${form};v=v1;g=meta.k8s.io,application/json`
  const path = `${poolsPath}?watch=true&resourceVersion=${start}`
  const table = await watch(t, url, path, as('Table'))
  const partial = await watch(t, url, path, as('PartialObjectMetadata'))
  await createPool(call, 'shown', { cidr: '10.4.0.0/24' })
  await call('DELETE', `${poolsPath}/shown`)
  await table.has(2)
  t.match(table.events[0]?.object, { kind: 'Table', rows: [{ cells: ['shown'] }] })
  t.ok((table.events[0]?.object['columnDefinitions'] as unknown[]).length > 2)
  t.strictSame(table.events[1]?.object['columnDefinitions'], [], 'columns are told once')
  t.match((await partial.has(1)).object, { kind: 'PartialObjectMetadata', metadata: { name: 'shown' } })
})

t.test('the configuration and the claims of nodes, which are stored otherwise, are watched too', async (t) => {
  const base = '/apis/projectcalico.org/v3'
  const configuration = await watch(t, url, `${base}/ipamconfigurations?watch=true&labelSelector=a%3Db`)
  const claims = await watch(t, url, `${base}/blockaffinities?watch=true`)
  await call('POST', `${base}/ipamconfigurations`, { metadata: { name: 'default', labels: { a: 'b' } } })
  await callOther('PATCH', `${base}/ipamconfigurations/default`, { spec: { ipCooldownSeconds: 1 } }, mergePatch)
  await call('PATCH', `${base}/ipamconfigurations/default`, { metadata: { labels: { a: null } } }, mergePatch)
  await call('DELETE', `${base}/ipamconfigurations/default`)
  await configuration.has(3)
  t.strictSame(configuration.summary(), ['ADDED default', 'MODIFIED default', 'DELETED default'])
  t.match(configuration.events[1]?.object, {
    metadata: { labels: { a: 'b' }, generation: 2 },
    spec: { ipCooldownSeconds: 1 },
  })
  await createPool(call, 'claimed', { cidr: '10.5.0.0/26' })
  await call('POST', '/ipam/v1/assign', { node: 'n9', handle: 'h' })
  t.match(await claims.has(1), { type: 'ADDED', object: { kind: 'BlockAffinity', spec: { node: 'n9' } } })
  await call('DELETE', '/ipam/v1/handles/h')
  await call('DELETE', `${poolsPath}/claimed`)
  t.match((await claims.has(2)).type, 'DELETED')
})

t.test('what is not known any more, or not yet, is refused', async (t) => {
  const start = await revisionOf(poolsPath)
  await createPool(call, 'compacted', { cidr: '10.6.0.0/24' })
  await call('DELETE', `${poolsPath}/compacted`)
  await keys.compact()
  const expired = await watch(t, servers[1]?.url ?? '', `${poolsPath}?watch=true&resourceVersion=${start}`)
  t.match(await expired.has(1), { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
  t.ok(await expired.ended)
  // After etcd was restored from a backup, clients come with such revisions: 410 makes every informer list again.
  const future = await call('GET', `${poolsPath}?watch=true&resourceVersion=${String(10n ** 15n)}`)
  t.match(refusalIn(future), { status: 410, reason: 'Expired' })
  const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
  const futureList = await call('GET', `${poolsPath}?watch=true&${initial}&resourceVersion=${String(10n ** 15n)}`)
  t.match(refusalIn(futureList), { status: 410, reason: 'Expired' })
  const exact = await call('GET', `${poolsPath}?resourceVersion=${String(10n ** 15n)}&resourceVersionMatch=Exact`)
  t.match(refusalIn(exact), { status: 504, reason: 'Timeout' })
  const token = Buffer.from(`${String(10n ** 15n)}/0${poolKey('a')}`).toString('base64url')
  const continued = await call('GET', `${poolsPath}?limit=1&continue=${token}`)
  t.match(refusalIn(continued), { status: 410, reason: 'Expired' }, 'a page from before etcd was put back')
  t.match(refusalIn(await call('GET', `${poolsPath}?watch=true&resourceVersion=x`)), { status: 400 })
  t.match(refusalIn(await call('GET', `${poolsPath}?watch=true&labelSelector=%3D`)), { status: 400 })
})

t.test('a watch outlives its etcd, and its server ends it properly', async (t) => {
  const { members } = await startEtcdCluster(t, 1)
  const [member] = members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  const env = { ETCD_ENDPOINTS: member.endpoint }
  const server = await startServer(t, { env })
  const client = new HttpClient(t, server.url)
  const call: HttpClient['call'] = (...request) => client.call(...request)
  const watcher = await watch(t, server.url, `${poolsPath}?watch=true`)
  await createPool(call, 'before', { cidr: '10.1.0.0/24' })
  await watcher.has(1)
  await member.kill()
  await member.start()
  await until(
    'etcd to be back',
    async () => {
      const created = await call('POST', poolsPath, { metadata: { name: 'after' }, spec: { cidr: '10.2.0.0/24' } })
      // 409: it was created by a call whose outcome could not be told.
      return created.status === 201 || created.status === 409 || undefined
    },
    60_000,
  )
  t.match(await watcher.has(2), { type: 'ADDED', object: { metadata: { name: 'after' } } })
  const { resourceVersion } = watcher.events[0]?.object.metadata ?? {}

  const stopped = server.stop()
  t.ok(await watcher.ended, 'ended properly')
  t.match(await stopped, { code: 0 })
  await new EtcdKeys(t, member.endpoint).delete(poolKey('before'))
  const next = await startServer(t, { env })
  const resumed = await watch(t, next.url, `${poolsPath}?watch=true&resourceVersion=${String(resourceVersion)}`)
  await resumed.has(2)
  t.strictSame(resumed.summary(), ['ADDED after', 'DELETED before'], 'the next server goes on where the last one ended')
})
