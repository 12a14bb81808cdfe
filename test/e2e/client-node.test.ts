import {
  ApiException,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  type KubernetesObject,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
} from '@kubernetes/client-node'
import t, { type Test } from 'tap'
import { freePorts } from '../../src/embedded-etcd/ports.ts'
import { HttpClient } from '../support/http-client.ts'
import { createPool, poolsPath, startIppoold } from '../support/ippoold.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** Kubernetes' own client library for JavaScript, as its users use it. */

interface Pool extends KubernetesObject {
  readonly spec: { readonly cidr: string; readonly [field: string]: unknown }
}

const apiVersion = 'projectcalico.org/v3'
const pools = { group: 'projectcalico.org', version: 'v3', plural: 'ippools' } as const
const { call, callOther, etcd, keys, servers } = await startIppoold(t, { servers: 2 })
const config = configFor(servers[0]?.url ?? '')

function configFor(server: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromClusterAndUser({ name: 'ippoold', server, skipTLSVerify: true }, { name: 'nobody' })
  return config
}

/** A pool as a caller describes it. */
function pool(name: string, cidr: string, labels: Readonly<Record<string, string>> = {}) {
  return { apiVersion, kind: 'IPPool', metadata: { name, labels: { ...labels } }, spec: { cidr } }
}

/** The status code and the `Status` of a call that is refused. */
async function refusalOf(calling: Promise<unknown>): Promise<{ readonly code: number; readonly status: unknown }> {
  try {
    await calling
  } catch (fault) {
    if (!(fault instanceof ApiException)) throw fault
    const body: unknown = fault.body
    return { code: fault.code, status: typeof body === 'string' ? JSON.parse(body) : body }
  }
  throw new Error('The call was not refused.')
}

t.test('CustomObjectsApi', async (t) => {
  const api = config.makeApiClient(CustomObjectsApi)
  const one = { ...pools, name: 'one' }
  const read = async (): Promise<Pool> => (await api.getClusterCustomObject(one)) as Pool

  t.match(await api.createClusterCustomObject({ ...pools, body: pool('one', '10.1.0.0/24') }), {
    kind: 'IPPool',
    metadata: { name: 'one', generation: 1 },
    spec: { cidr: '10.1.0.0/24', blockSize: 26 },
  })
  t.match(await refusalOf(api.createClusterCustomObject({ ...pools, body: pool('one', '10.9.0.0/24') })), {
    code: 409,
    status: { kind: 'Status', reason: 'AlreadyExists', details: { name: 'one', kind: 'ippools' } },
  })
  t.match(await refusalOf(api.createClusterCustomObject({ ...pools, body: pool('bad', '10.9.0.0/99') })), {
    code: 422,
    status: { reason: 'Invalid', details: { causes: [{ field: 'spec.cidr' }] } },
  })
  await api.createClusterCustomObject({ ...pools, body: pool('dry', '10.9.0.0/24'), dryRun: 'All' })
  t.match(await refusalOf(api.getClusterCustomObject({ ...pools, name: 'dry' })), {
    code: 404,
    status: { reason: 'NotFound' },
  })

  const operations = [{ op: 'add', path: '/spec/natOutgoing', value: true }]
  t.match(await api.patchClusterCustomObject({ ...one, body: operations }), { spec: { natOutgoing: true } })
  t.match(
    await api.patchClusterCustomObject(
      { ...one, body: { metadata: { labels: { zone: 'a' } } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    ),
    { metadata: { labels: { zone: 'a' } }, spec: { natOutgoing: true } },
  )
  const apply = (fieldManager: string, spec: object, force = false): Promise<unknown> =>
    api.patchClusterCustomObject(
      { ...one, body: { apiVersion, kind: 'IPPool', metadata: { name: 'one' }, spec }, fieldManager, force },
      setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
    )
  t.match(await apply('first', { nodeSelector: 'zone == "a"' }, true), { spec: { nodeSelector: 'zone == "a"' } })
  t.match(await refusalOf(apply('second', { nodeSelector: 'all()' })), {
    code: 409,
    status: { reason: 'Conflict', details: { causes: [{ reason: 'FieldManagerConflict' }] } },
  })

  const before = await read()
  const change = (spec: object): Pool => ({ ...before, spec: { ...before.spec, ...spec } })
  t.match(await api.replaceClusterCustomObject({ ...one, body: change({ natOutgoing: false }) }), {
    metadata: { generation: 4 },
    spec: { natOutgoing: false },
  })
  t.match(await refusalOf(api.replaceClusterCustomObject({ ...one, body: change({ disabled: true }) })), {
    code: 409,
    status: { reason: 'Conflict' },
  })
  t.strictSame((await read()).spec, { ...before.spec, natOutgoing: false })

  t.match(await api.deleteClusterCustomObject(one), { kind: 'Status', status: 'Success', details: { name: 'one' } })
  t.match(await refusalOf(api.deleteClusterCustomObject(one)), { code: 404, status: { reason: 'NotFound' } })
})

t.test('CustomObjectsApi: lists in pages of one moment, selected, and deleted together', async (t) => {
  const api = config.makeApiClient(CustomObjectsApi)
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const [index, name] of names.entries())
    await createPool(call, name, { cidr: `10.2.${String(index)}.0/24` }).then(() =>
      call(
        'PATCH',
        `${poolsPath}/${name}`,
        { metadata: { labels: { vowel: String('ae'.includes(name)) } } },
        PatchStrategy.MergePatch,
      ),
    )
  const found: string[] = []
  const revisions = new Set<string | undefined>()
  let next: string | undefined
  do {
    const page = (await api.listClusterCustomObject({ ...pools, limit: 2, ...(next && { _continue: next }) })) as List
    found.push(...page.items.map(({ metadata }) => metadata?.name ?? ''))
    revisions.add(page.metadata.resourceVersion)
    next = page.metadata.continue
    // A pool that is created and deleted meanwhile is not seen.
    await createPool(call, `a${String(found.length)}`, { cidr: `10.3.${String(found.length)}.0/24` })
    await call('DELETE', `${poolsPath}/a${String(found.length)}`)
  } while (next !== undefined)
  t.strictSame(found, names)
  t.equal(revisions.size, 1, 'all pages are of one revision')
  const selected = (await api.listClusterCustomObject({ ...pools, labelSelector: 'vowel=true' })) as List
  t.strictSame(
    selected.items.map(({ metadata }) => metadata?.name),
    ['a', 'e'],
  )
  await api.deleteCollectionClusterCustomObject(pools)
  t.match(await api.listClusterCustomObject(pools), { kind: 'IPPoolList', items: [] })
})

interface List {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string }
  readonly items: readonly Pool[]
}

t.test('KubernetesObjectApi, which finds the way by discovery', async (t) => {
  const api = KubernetesObjectApi.makeApiClient(config)
  const header = { apiVersion, kind: 'IPPool', metadata: { name: 'found' } }
  const patched = { ...header, spec: { natOutgoing: true } }
  t.match(await api.create(pool('found', '10.4.0.0/24')), { metadata: { name: 'found' }, spec: { blockSize: 26 } })
  const before = await api.read<Pool>(header)
  t.match(before.spec, { cidr: '10.4.0.0/24' })
  t.ok(before.metadata?.creationTimestamp instanceof Date)
  t.match(await api.list(apiVersion, 'IPPool'), { items: [{ metadata: { name: 'found' } }] })

  t.match(await refusalOf(api.patch(patched)), { code: 415, status: { reason: 'UnsupportedMediaType' } })
  t.match(await api.patch(patched, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch), {
    spec: { natOutgoing: true },
  })
  t.match(
    await api.patch(
      { ...header, spec: { natOutgoing: false } },
      undefined,
      undefined,
      'applier',
      true,
      PatchStrategy.ServerSideApply,
    ),
    { spec: { natOutgoing: false }, metadata: { managedFields: [{}, {}] } },
  )
  t.match(await refusalOf(api.replace({ ...before, spec: { ...before.spec, disabled: true } })), { code: 409 })
  const newest = await api.read<Pool>(header)
  t.match(await api.replace({ ...newest, spec: { ...newest.spec, disabled: true } }), { spec: { disabled: true } })
  t.match(await api.delete(header), { status: 'Success' })
  t.match(await refusalOf(api.read(header)), { code: 404, status: { reason: 'NotFound' } })
  await t.rejects(api.read({ ...header, kind: 'Unknown' }), /Unrecognized API version and kind/)
})

/** The events of an informer, and the objects that it holds. */
interface Informed {
  /** How often the informer has listed. */
  lists(): number
  /** `verb name step` of everything that it has told of. */
  readonly told: readonly string[]
  /** `name step` of everything that it holds. */
  held(): readonly string[]
}

function stepOf({ metadata }: KubernetesObject): string {
  return `${metadata?.name ?? ''} ${metadata?.labels?.['step'] ?? ''}`
}

/** An informer as in the library's documentation: its user starts it again after an error. */
async function inform(t: Test, url: string): Promise<Informed> {
  const config = configFor(url)
  const api = config.makeApiClient(CustomObjectsApi)
  let lists = 0
  const informer = makeInformer<Pool>(config, poolsPath, async () => {
    lists++
    return (await api.listClusterCustomObject(pools)) as { readonly items: Pool[] }
  })
  const told: string[] = []
  for (const verb of ['add', 'update', 'delete'] as const) {
    informer.on(verb, (object) => told.push(`${verb} ${stepOf(object)}`))
  }
  let timer: NodeJS.Timeout | undefined
  informer.on('error', () => {
    timer = setTimeout(() => void informer.start(), 100)
  })
  t.teardown(async () => {
    clearTimeout(timer)
    await informer.stop()
  })
  await informer.start()
  return { lists: () => lists, told, held: () => informer.list().map(stepOf).sort() }
}

/** Changes pools through the other server, each of them created, changed twice, and deleted, and notes what there is to be told. */
class Changes {
  readonly expected: string[] = []

  async make(count: number): Promise<void> {
    for (let made = 0; made < count; made++) await this.#makeOne(this.expected.length)
  }

  async #makeOne(step: number): Promise<void> {
    const number = step % 7
    const name = `pool-${String(number)}`
    const path = `${poolsPath}/${name}`
    const labels = { step: String(step) }
    const phase = Math.floor(step / 7) % 4
    const { status } =
      phase === 0
        ? await callOther('POST', poolsPath, pool(name, `10.5.${String(number)}.0/24`, labels))
        : await (phase === 3
            ? callOther('DELETE', path)
            : callOther('PATCH', path, { metadata: { labels } }, PatchStrategy.MergePatch))
    if (status >= 300) throw new Error(`change ${String(step)} was refused with ${String(status)}`)
    const verb = phase === 0 ? 'add' : phase === 3 ? 'delete' : 'update'
    // A deleted object is reported in its last state.
    this.expected.push(`${verb} ${name} ${String(phase === 3 ? step - 7 : step)}`)
  }
}

/** A server that is always at the same port. */
async function startAtPort(t: Test, port: number): ReturnType<typeof startServer> {
  return startServer(t, { env: { ETCD_ENDPOINTS: etcd.endpoint, IPPOOLD_PORT: String(port) } })
}

t.test('an informer misses nothing when its server ends, is killed, and is started again', async (t) => {
  const [port = 0] = await freePorts(1)
  let server = await startAtPort(t, port)
  const informed = await inform(t, server.url)
  const changes = new Changes()
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await changes.make(20)
    await until('the first of the changes', () => informed.told.length >= changes.expected.length - 10 || undefined)
    const [ending] = await Promise.all([server.stop(signal), changes.make(20)])
    t.strictSame(ending, signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal })
    await changes.make(20)
    server = await startAtPort(t, port)
    await changes.make(20)
  }
  await until('all changes', () => informed.told.length >= changes.expected.length || undefined)
  t.strictSame(informed.told, changes.expected, 'every change, once and in order')
  t.equal(informed.lists(), 1, 'the watch goes on where it was')
  for (const object of informed.held()) await callOther('DELETE', `${poolsPath}/${object.replace(/ .*/, '')}`)
  await until('the end', () => informed.held().length === 0 || undefined)
})

t.test('an informer whose history was compacted away lists again, and is right again', async (t) => {
  const [port = 0] = await freePorts(1)
  const server = await startAtPort(t, port)
  const informed = await inform(t, server.url)
  await createPool(call, 'stays', { cidr: '10.6.0.0/24' })
  await createPool(call, 'goes', { cidr: '10.6.1.0/24' })
  await until('both pools', () => informed.told.length >= 2 || undefined)
  await server.stop()
  await call('PATCH', `${poolsPath}/stays`, { metadata: { labels: { step: '1' } } }, PatchStrategy.MergePatch)
  await call('DELETE', `${poolsPath}/goes`)
  await createPool(call, 'comes', { cidr: '10.6.2.0/24' })
  await call('PATCH', `${poolsPath}/stays`, { metadata: { labels: { step: '2' } } }, PatchStrategy.MergePatch)
  await keys.compact()
  const next = await startAtPort(t, port)
  await until('the pools of the new list', () => informed.told.length >= 5 || undefined)
  t.strictSame(informed.told, ['add stays ', 'add goes ', 'delete goes ', 'add comes ', 'update stays 2'])
  t.equal(informed.lists(), 2)
  await new HttpClient(t, next.url).call('DELETE', `${poolsPath}/comes`)
  await until('what comes after the list', () => informed.told.length >= 6 || undefined)
  t.strictSame(informed.held(), ['stays 2'])
})
