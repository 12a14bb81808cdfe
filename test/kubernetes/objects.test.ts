import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import {
  ApiClient,
  type ApiOutcome,
  discoverGroup,
  findConnection,
  InstalledSchema,
  ObjectClient,
  revisionOf,
} from '../../src/datastore/kubernetes/api/index.ts'
import { type CalicoGroup, formsIn, type ObjectForm } from '../../src/datastore/kubernetes/forms/index.ts'
import {
  affinities,
  affinityKey,
  annexes,
  annexKey,
  blockKey,
  blocks,
  handleKey,
  handles,
  ipamConfigKey,
  ipamConfigs,
  type JsonObject,
  poolKey,
  pools,
  reservationKey,
  reservations,
} from '../../src/model/index.ts'
import { mustParseCidr } from '../../src/net/index.ts'
import type { Family } from '../../src/plan/index.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { startApiServer, type TestApiServer } from '../support/kubernetes/api-server.ts'
import { installCalico } from '../support/kubernetes/calico-cluster.ts'
import { ApiFaultProxy, type SeenRequest } from '../support/kubernetes/fault-proxy.ts'
import { skipWithoutKubeApiserver } from './apiserver/binary.ts'

const skip = skipWithoutKubeApiserver()
const timeoutMs = 20_000
const namespace = 'default'
const cidr = mustParseCidr('10.0.0.8/29')

async function connect(t: Test, server: TestApiServer, url?: string): Promise<ApiClient> {
  const connection = await findConnection(await server.kubeconfig('admin', url), {})
  const client = new ApiClient(connection, 'ippoold-test')
  t.teardown(() => {
    client.close()
  })
  return client
}

function formOf(group: CalicoGroup, family: Family<unknown>): ObjectForm {
  const form = formsIn(group, namespace)(family)
  if (form === undefined) throw new Error(`${family.name} has no form`)
  return form
}

/** The object that holds a text. */
function objectFor(group: CalicoGroup, family: Family<unknown>, key: string, text: string): JsonObject {
  const object = formOf(group, family).write?.(key, text, undefined)
  if (object === undefined) throw new Error(`${family.name} is only read`)
  return object
}

function stored(outcome: ApiOutcome): JsonObject {
  if (outcome.kind === 'answered') return outcome.object
  throw new Error(outcome.kind === 'refused' ? outcome.refusal.message : outcome.error.message)
}

const blockText =
  '{"cidr":"10.0.0.8/29","affinity":"host:node-1","affinity_claim_time":"2026-11-29T12:47:26Z",' +
  '"allocations":[0,1,null,2,null,null,null,null],"unallocated":[4,5,7,2,6],"attributes":[' +
  '{"handle_id":"h","secondary":{"node":"node-1"},"alternateOwnerAttrs":{"node":"node-2"}},{},' +
  '{"releasedAt":"2026-11-29T12:47:29Z"}],"sequenceNumber":1795956446349439608,"sequenceNumberForAllocation":' +
  '{"0":1795956446349439605,"1":1795956446349439606,"3":1795956446349439607},"deleted":false}'

const values: readonly (readonly [Family<unknown>, string, string])[] = [
  [blocks, blockKey(cidr).text, blockText],
  [affinities, affinityKey({ type: 'host', name: 'node-1' }, cidr).text, '{"state":"confirmed","deleted":false}'],
  [handles, handleKey('h').text, '{"block":{"10.0.0.8/29":2},"deleted":false}'],
  [ipamConfigs, ipamConfigKey.text, '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":4}'],
  [annexes, annexKey('ippools', 'p').text, '{"uid":"u","generation":1,"spec":{},"metadata":{"a":"ü"}}'],
]

for (const group of ['v1', 'v3'] as const) {
  t.test(`objects of the ${group} group`, { skip }, async (t) => {
    const server = await startApiServer(t)
    await installCalico(server.client, group === 'v1' ? 'crd.projectcalico.org' : 'projectcalico.org')
    const client = await connect(t, server)

    await t.test('the group is discovered', async (t) => {
      t.equal(await discoverGroup(client, undefined, timeoutMs), group)
      const other = group === 'v1' ? 'projectcalico.org/v3' : 'crd.projectcalico.org/v1'
      await t.rejects(discoverGroup(client, other, timeoutMs), /are not installed/)
    })

    await t.test('every value comes back as it was stored, and nothing of it is pruned', async (t) => {
      for (const [family, key, text] of values) {
        const form = formOf(group, family)
        const objects = new ObjectClient(client, form.kind, timeoutMs)
        const created = stored(await objects.create(objectFor(group, family, key, text)))
        t.strictSame(form.read(created)?.key, key)
        const decoded = family.decode(key, form.read(created)?.text ?? '')
        t.ok(decoded.ok)
        const wanted = family.decode(key, text)
        t.strictSame(decoded.ok && family.encode(decoded.value), wanted.ok && family.encode(wanted.value))
        const changed = stored(await objects.replace(form.write?.(key, text, created) ?? created))
        t.equal(revisionOf(changed), revisionOf(created), 'the same value again is no change')
        t.match(await objects.create(objectFor(group, family, key, text)), {
          kind: 'refused',
          refusal: { status: 409, reason: 'AlreadyExists' },
        })
        t.strictSame((await objects.remove(created)).kind, 'answered')
      }
    })

    await t.test('pools and reservations are stored with the metadata that users give', async (t) => {
      const metadata = '"labels":{"team":"blue"},"annotations":{"note":"n1"}'
      const resources: readonly (readonly [Family<unknown>, string, string])[] = [
        [
          pools,
          poolKey('p').text,
          `{"kind":"IPPool","metadata":{"name":"p",${metadata}},"spec":{"cidr":"10.0.0.0/24","blockSize":29}}`,
        ],
        [
          reservations,
          reservationKey('r').text,
          `{"kind":"IPReservation","metadata":{"name":"r",${metadata}},"spec":{"reservedCIDRs":["10.0.0.0/30"]}}`,
        ],
      ]
      for (const [family, key, text] of resources) {
        const form = formOf(group, family)
        const objects = new ObjectClient(client, form.kind, timeoutMs)
        const created = stored(await objects.create(objectFor(group, family, key, text)))
        const entry = form.read(created)
        const shown: unknown = JSON.parse(entry?.text ?? '{}')
        t.match(shown, {
          apiVersion: 'projectcalico.org/v3',
          metadata: { uid: /^[0-9a-f-]{36}$/, labels: { team: 'blue' }, annotations: { note: 'n1' } },
        })
        t.ok(family.decode(key, entry?.text ?? '').ok)
        const again = stored(await objects.replace(form.write?.(key, entry?.text ?? '', created) ?? created))
        t.strictSame(form.read(again), entry)
      }
    })

    await t.test('a replace compares the version, a delete the version and the object', async (t) => {
      const objects = new ObjectClient(client, formOf(group, handles).kind, timeoutMs)
      const handleOf = (count: number): string => `{"block":{"10.0.0.8/29":${count}},"deleted":false}`
      const { text: key } = handleKey('cas')
      const form = formOf(group, handles)
      const first = stored(await objects.create(objectFor(group, handles, key, handleOf(1))))
      const second = stored(await objects.replace(form.write?.(key, handleOf(2), first) ?? first))
      const conflict = { kind: 'refused', refusal: { status: 409, reason: 'Conflict' } }
      t.match(await objects.replace(form.write?.(key, handleOf(3), first) ?? first), conflict)
      t.match(await objects.remove(first), conflict)
      t.equal((await objects.remove(second)).kind, 'answered')
      t.match(await objects.remove(second), { kind: 'refused', refusal: { status: 404 } })
      t.equal(await objects.get('cas'), undefined)
      stored(await objects.create(objectFor(group, handles, key, handleOf(1))))
      t.match(await objects.remove(second), conflict, 'another object of the name stays')
    })

    await t.test('a field that would be pruned is refused', async (t) => {
      const objects = new ObjectClient(client, formOf(group, handles).kind, timeoutMs)
      const text = '{"block":{},"deleted":false,"secret":1}'
      const outcome = await objects.create(objectFor(group, handles, handleKey('pruned').text, text))
      t.match(outcome, { kind: 'refused', refusal: { status: 400, message: /unknown field "spec.secret"/ } })
    })

    await t.test('the installed schema tells what it would prune', async (t) => {
      const document = stored(
        await client.send({
          method: 'GET',
          path: `/openapi/v3/apis/${formOf(group, blocks).kind.apiVersion}`,
          timeoutMs,
        }),
      )
      const schema = InstalledSchema.of(document, formOf(group, blocks).kind)
      const object = objectFor(group, blocks, blockKey(cidr).text, blockText)
      t.strictSame(schema?.prunedFields(object), [])
      const strange = objectFor(group, blocks, blockKey(cidr).text, blockText.replace(/\}$/, ',"strange":{"a":1}}'))
      t.strictSame(schema?.prunedFields(strange), ['spec.strange'])
    })

    await t.test('lists come in pages, watches tell what happens after them', async (t) => {
      const form = formOf(group, handles)
      const objects = new ObjectClient(client, form.kind, timeoutMs)
      const text = '{"block":{"10.0.0.8/29":1},"deleted":false}'
      for (const name of ['w1', 'w2', 'w3'])
        stored(await objects.create(objectFor(group, handles, handleKey(name).text, text)))
      const names: (string | undefined)[] = []
      let page = await objects.list({ limit: 2 })
      for (;;) {
        names.push(...page.objects.map((object) => form.read(object)?.key.slice(handles.prefix.length)))
        if (page.continue === undefined) break
        const { revision } = page
        page = await objects.list({ limit: 2, continue: page.continue })
        t.equal(page.revision, revision, 'all pages are of one version')
      }
      t.strictSame(names, ['cas', 'w1', 'w2', 'w3'])
      const [light] = (await objects.list({ limit: 1, isMetadataOnly: true })).objects
      t.ok(light !== undefined && revisionOf(light) > 0n && !('spec' in light))

      const ending = new AbortController()
      const watched = objects.watch(page.revision, ending.signal)
      const first = stored(await objects.create(objectFor(group, handles, handleKey('w4').text, text)))
      const more = text.replace(':1', ':9007199254740993')
      await objects.replace(form.write?.(handleKey('w4').text, more, first) ?? first)
      await objects.remove((await objects.get('w4')) ?? first)
      const seen: unknown[] = []
      for await (const { type, object } of watched) {
        if (type === 'BOOKMARK') continue
        seen.push([type, form.read(object)?.text])
        if (seen.length === 3) break
      }
      ending.abort()
      t.strictSame(seen, [
        ['ADDED', text],
        ['MODIFIED', more],
        ['DELETED', more],
      ])
    })
  })
}

t.test('the definitions of an older Calico lack fields', { skip }, async (t) => {
  const server = await startApiServer(t)
  await installCalico(server.client, 'crd.projectcalico.org', 'older')
  const client = await connect(t, server)
  const { kind } = formOf('v1', blocks)
  const document = stored(await client.send({ method: 'GET', path: `/openapi/v3/apis/${kind.apiVersion}`, timeoutMs }))
  const object = objectFor('v1', blocks, blockKey(cidr).text, blockText)
  t.strictSame([...(InstalledSchema.of(document, kind)?.prunedFields(object) ?? [])].sort(), [
    'spec.affinityClaimTime',
    'spec.attributes[].alternateOwnerAttrs',
    'spec.attributes[].releasedAt',
  ])
  t.equal(InstalledSchema.of(document, { ...kind, kind: 'Other' }), undefined)
})

t.test('requests under faults', { skip }, async (t) => {
  const server = await startApiServer(t, { users: ['other'] })
  await installCalico(server.client, 'crd.projectcalico.org')
  const proxy = await ApiFaultProxy.start(t, server.url, server.authority)
  const client = await connect(t, server, proxy.url)
  const form = formOf('v1', handles)
  const objects = new ObjectClient(client, form.kind, timeoutMs)
  const text = '{"block":{"10.0.0.8/29":1},"deleted":false}'
  const create = (name: string): Promise<ApiOutcome> =>
    objects.create(objectFor('v1', handles, handleKey(name).text, text))
  const isPost = ({ method }: SeenRequest): boolean => method === 'POST'
  t.afterEach(() => {
    proxy.heal()
  })

  await t.test('a lost answer is told as lost, whether the request arrived or not', async (t) => {
    proxy.when({ matches: isPost, fault: { kind: 'lose-answer' }, times: 1 })
    t.equal((await create('arrived')).kind, 'lost')
    t.ok(await objects.get('arrived'))
    proxy.when({ matches: isPost, fault: { kind: 'lose-request' }, times: 1 })
    t.equal((await create('not-arrived')).kind, 'lost')
    t.equal(await objects.get('not-arrived'), undefined)
    t.equal(proxy.requests.filter(isPost).length, 2, 'and is never sent again')
  })

  await t.test('a failure of the API server says nothing about the outcome', async (t) => {
    const body = { kind: 'Status', status: 'Failure', message: 'etcdserver: request timed out' }
    proxy.when({ matches: isPost, fault: { kind: 'answer', answer: { status: 500, body } }, times: 1 })
    t.match(await create('failed'), { kind: 'lost', error: { message: /answered 500.*request timed out/ } })
  })

  await t.test('a silent API server is given up at the deadline', async (t) => {
    const rule = proxy.when({ matches: isPost, fault: { kind: 'hold-request' }, times: 1 })
    const { kind } = form
    const hasty = new ObjectClient(client, kind, 300)
    t.match(await hasty.create(objectFor('v1', handles, handleKey('silent').text, text)), { kind: 'lost' })
    rule.end()
  })

  await t.test('a throttled request waits as long as the API server says', async (t) => {
    const body = { kind: 'Status', status: 'Failure', reason: 'TooManyRequests', message: 'slow down' }
    const answer = { status: 429, headers: { 'retry-after': '1' }, body }
    const rule = proxy.when({ matches: isPost, fault: { kind: 'answer', answer }, times: 1 })
    const startedMs = performance.now()
    t.equal((await create('throttled')).kind, 'answered')
    t.ok(performance.now() - startedMs >= 1_000)
    t.equal(rule.hits.length, 1)
    proxy.when({ matches: isPost, fault: { kind: 'answer', answer } })
    const hasty = new ObjectClient(client, form.kind, 500)
    const outcome = await hasty.create(objectFor('v1', handles, handleKey('late').text, text))
    t.match(outcome, { kind: 'unsent', error: { message: /too many requests/ } })
  })

  await t.test('a read is repeated when its connection breaks', async (t) => {
    const isGet = ({ method }: SeenRequest): boolean => method === 'GET'
    const rule = proxy.when({ matches: isGet, fault: { kind: 'lose-answer' }, times: 1 })
    t.ok(await objects.get('arrived'))
    t.equal(rule.hits.length, 1)
  })

  await t.test('a watch that breaks ends, and one that is too old says so', async (t) => {
    const { revision } = await objects.list({ limit: 1 })
    const follow = async (): Promise<void> => {
      for await (const _ of objects.watch(revision, new AbortController().signal)) continue
    }
    const cut = follow()
    await t.test('cut', async (t) => {
      while (proxy.countWatches() === 0) await objects.get('arrived')
      proxy.endWatches('cut')
      await t.rejects(cut)
    })
    const expired = follow()
    while (proxy.countWatches() === 0) await objects.get('arrived')
    proxy.expireWatches()
    await t.rejects(expired, /410 Expired/)
  })

  await t.test('without a server, nothing was sent', async (t) => {
    const file = await server.kubeconfig('admin', 'https://127.0.0.1:1')
    const nowhere = new ApiClient(await findConnection(file, {}), 'ippoold-test')
    t.match(await nowhere.send({ method: 'POST', path: '/api/v1/nodes', timeoutMs }), { kind: 'unsent' })
    const stranger = await findConnection(await server.kubeconfig('admin'), {})
    const doubting = new ApiClient(
      { ...stranger, readCredentials: async () => ({ ...(await stranger.readCredentials()), authorities: undefined }) },
      'ippoold-test',
    )
    t.match(await doubting.send({ method: 'POST', path: '/api/v1/nodes', timeoutMs }), { kind: 'unsent' })
  })
})

t.test('credentials', { skip }, async (t) => {
  const server = await startApiServer(t, { users: ['first'] })
  const folder = await temporaryFolder(t)
  const port = new URL(server.url).port
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text)
  await Promise.all([
    write('namespace', 'calico-system\n'),
    write('token', 'expired\n'),
    write('ca.crt', server.authority.pem),
  ])

  await t.test('of a ServiceAccount are read again as they are rotated', async (t) => {
    const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: port }
    const connection = await findConnection(undefined, environment, folder)
    t.equal(connection.namespace, 'calico-system')
    const client = new ApiClient(connection, 'ippoold-test')
    t.teardown(() => {
      client.close()
    })
    const request = { method: 'GET', path: '/api/v1/nodes', timeoutMs } as const
    t.match(await client.send(request), { kind: 'refused', refusal: { status: 401 } })
    await write('token', `${server.user('admin').token}\n`)
    t.equal((await client.send(request)).kind, 'answered', 'at once when the API server refuses the old one')
  })

  await t.test('of a kubeconfig may be a certificate, and have their own namespace', async (t) => {
    const files = await server.authority.sign({ name: 'somebody' })
    const text = await readFile(await server.kubeconfig('admin'), 'utf8')
    const config = JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u', namespace: 'mine' } }],
      clusters: [{ name: 'k', cluster: { server: server.url, 'certificate-authority': server.authority.file } }],
      users: [{ name: 'u', user: { 'client-certificate': files.certificate, 'client-key': files.key } }],
    })
    await write('config', config)
    const connection = await findConnection(undefined, { KUBECONFIG: `:${join(folder, 'config')}` })
    t.equal(connection.namespace, 'mine')
    const client = new ApiClient(connection, 'ippoold-test')
    t.teardown(() => {
      client.close()
    })
    const outcome = await client.send({ method: 'GET', path: '/api/v1/nodes', timeoutMs })
    t.match(outcome, { kind: 'refused', refusal: { status: 403, message: /User "somebody" cannot list/ } })
    t.ok(text.length > 0)
  })

  await t.test('that are missing are named', async (t) => {
    await t.rejects(findConnection(undefined, {}), /neither a kubeconfig nor KUBECONFIG/)
    await t.rejects(findConnection(join(folder, 'nothing'), {}), /nothing/)
    await write(
      'plugin',
      'users: [{name: u, user: {exec: {command: aws, apiVersion: v1}}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\nclusters: [{name: k, cluster: {server: "https://x"}}]\ncurrent-context: c',
    )
    await t.rejects(findConnection(join(folder, 'plugin'), {}), /credential plugin \(aws\)/)
    await write('broken', 'a: [')
    await t.rejects(findConnection(join(folder, 'broken'), {}), /neither YAML nor JSON/)
  })
})
