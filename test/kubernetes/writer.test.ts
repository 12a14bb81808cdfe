import { randomUUID } from 'node:crypto'
import t from 'tap'
import { ApiClient, findConnection, ObjectClient, revisionOf } from '../../src/datastore/kubernetes/api/index.ts'
import { formsIn, type ObjectForm } from '../../src/datastore/kubernetes/forms/index.ts'
import {
  Informer,
  type InformerListener,
  ObjectWriter,
  type Patience,
  type Written,
} from '../../src/datastore/kubernetes/objects/index.ts'
import { handleKey, handles, type JsonObject } from '../../src/model/index.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { installCalico } from '../support/kubernetes/calico-cluster.ts'
import { ApiFaultProxy, type RequestFault, type Rule, type SeenRequest } from '../support/kubernetes/fault-proxy.ts'
import { until } from '../support/until.ts'
import { skipWithoutKubeApiserver } from './apiserver/binary.ts'

const skip = skipWithoutKubeApiserver()
const timeoutMs = 20_000
const deaf: InformerListener = { listed: () => undefined, changed: () => undefined, reached: () => undefined }

function handleForm(): ObjectForm {
  const form = formsIn('v1', 'default')(handles)
  if (form === undefined) throw new Error('handles have a form')
  return form
}

/** How long a write may take: until a deadline, and then to settle. */
function patienceOf(deadlineMs: number, settlingMs: number): Patience {
  return { deadline: performance.now() + deadlineMs, settlingMs }
}

const form = handleForm()

/** The object of a handle with this count, in place of `stored`. */
function handleOf(name: string, count: number, stored?: JsonObject): JsonObject {
  const object = form.write?.(handleKey(name).text, `{"block":{"10.0.0.8/29":${count}},"deleted":false}`, stored)
  if (object === undefined) throw new Error('handles are written')
  return object
}

/** The count in the object. */
function countIn(object: JsonObject | undefined): string | undefined {
  return object === undefined ? undefined : /"10.0.0.8\/29":(\d+)/.exec(form.read(object)?.text ?? '')?.[1]
}

function applied(written: Written): JsonObject {
  if (written.kind === 'applied' && written.object !== undefined) return written.object
  throw new Error(`the write was not applied: ${written.kind}`)
}

t.test('one object is written once at the most', { skip }, async (t) => {
  const server = await startApiServer(t)
  await installCalico(server.client, 'crd.projectcalico.org')
  const proxy = await ApiFaultProxy.start(t, server.url, server.authority)
  const clientFor = async (url: string): Promise<ApiClient> => {
    const client = new ApiClient(await findConnection(await server.kubeconfig('admin', url), {}), 'ippoold-test')
    t.teardown(() => {
      client.close()
    })
    return client
  }
  const objects = new ObjectClient(await clientFor(proxy.url), form.kind, timeoutMs)
  /** What others do, without faults. */
  const others = new ObjectClient(await clientFor(server.url), form.kind, timeoutMs)
  const broken: string[] = []
  const informer = new Informer({
    objects: others,
    listener: deaf,
    broke: ({ message }) => broken.push(message),
  })
  await informer.start()
  t.teardown(() => informer.close())
  const writer = new ObjectWriter({ objects, versions: informer, newStamp: randomUUID })
  const fault = (method: string, fault: RequestFault, times = 1): Rule =>
    proxy.when({ matches: (request: SeenRequest) => request.method === method, fault, times })
  t.afterEach(() => {
    proxy.heal()
  })

  await t.test('a conflict brings the present object', async (t) => {
    const first = applied(await writer.create(handleOf('plain', 1), patienceOf(10_000, 0)))
    const second = applied(await writer.replace(handleOf('plain', 2, first), patienceOf(10_000, 0)))
    t.equal(countIn(second), '2')
    const late = await writer.replace(handleOf('plain', 3, first), patienceOf(10_000, 0))
    t.match(late, { kind: 'conflict', present: { object: { metadata: { name: 'plain' } } } })
    t.match(await writer.create(handleOf('plain', 4), patienceOf(10_000, 0)), { kind: 'conflict' })
    t.match(await writer.remove(first, patienceOf(10_000, 0)), { kind: 'conflict' })
    t.strictSame(await writer.remove(second, patienceOf(10_000, 0)), { kind: 'applied', object: undefined })
    const tooLate = await writer.replace(handleOf('plain', 3, second), patienceOf(10_000, 0))
    t.match(tooLate, { kind: 'conflict', present: { object: undefined } })
  })

  for (const kind of ['lose-answer', 'lose-request'] as const) {
    await t.test(`after ${kind}, a copy settles it`, async (t) => {
      const name = `h-${kind}`
      fault('POST', { kind })
      const created = applied(await writer.create(handleOf(name, 1), patienceOf(10_000, 5_000)))
      fault('PUT', { kind })
      const replaced = applied(await writer.replace(handleOf(name, 2, created), patienceOf(10_000, 5_000)))
      t.equal(countIn(await others.get(name)), '2')
      t.equal(revisionOf(replaced), revisionOf((await others.get(name)) ?? replaced))
      fault('DELETE', { kind })
      t.match(await writer.remove(replaced, patienceOf(10_000, 5_000)), { kind: 'applied' })
      t.equal(await others.get(name), undefined)
    })
  }

  await t.test('a write that another one has overwritten since was applied', async (t) => {
    const first = applied(await writer.create(handleOf('overwritten', 1), patienceOf(10_000, 0)))
    fault('PUT', { kind: 'lose-answer' })
    fault('PUT', {
      kind: 'meanwhile',
      run: async () => {
        const present = await others.get('overwritten')
        // As Calico does: without the metadata of others.
        const { name, resourceVersion } = metadataOf(present)
        await others.replace({ ...handleOf('overwritten', 9), metadata: { name, resourceVersion } })
      },
    })
    const written = await writer.replace(handleOf('overwritten', 2, first), patienceOf(10_000, 10_000))
    t.equal(countIn(applied(written)), '2', 'by the version that the watch has told')
    t.equal(countIn(await others.get('overwritten')), '9')
  })

  await t.test('a write that lost its race after a lost request was not applied', async (t) => {
    const first = applied(await writer.create(handleOf('raced', 1), patienceOf(10_000, 0)))
    fault('PUT', { kind: 'lose-request' })
    fault('PUT', {
      kind: 'meanwhile',
      // The very same content: only the stamp tells them apart.
      run: async () => {
        await others.replace(handleOf('raced', 2, first))
      },
    })
    const written = await writer.replace(handleOf('raced', 2, first), patienceOf(10_000, 10_000))
    t.match(written, { kind: 'conflict', present: { object: { metadata: { name: 'raced' } } } })
  })

  await t.test('a create that was applied and deleted since was applied', async (t) => {
    fault('POST', { kind: 'lose-answer' })
    fault('POST', {
      kind: 'meanwhile',
      run: async () => {
        const present = await others.get('gone')
        if (present !== undefined) await others.remove(present)
        await others.create(handleOf('gone', 9))
      },
    })
    t.equal(countIn(applied(await writer.create(handleOf('gone', 1), patienceOf(10_000, 10_000)))), '1')
    t.equal(countIn(await others.get('gone')), '9')
  })

  await t.test('a removal whose answer is lost is done when the object is another one', async (t) => {
    const recreate = async (): Promise<void> => {
      await others.create(handleOf('again', 2))
    }
    const first = applied(await writer.create(handleOf('again', 1), patienceOf(10_000, 0)))
    fault('DELETE', { kind: 'lose-answer' })
    fault('DELETE', { kind: 'meanwhile', run: recreate })
    t.match(await writer.remove(first, patienceOf(10_000, 0)), { kind: 'applied' })
    const second = await others.get('again')
    t.equal(countIn(second), '2', 'and the other one stays')
    fault('DELETE', { kind: 'lose-answer' })
    fault('DELETE', { kind: 'meanwhile', run: recreate })
    fault('GET', { kind: 'lose-answer' }, Infinity)
    t.match(await writer.remove(second ?? first, patienceOf(500, 500)), { kind: 'unknown' })
  })

  await t.test('without an answer in time, the outcome is unknown', async (t) => {
    const first = applied(await writer.create(handleOf('silent', 1), patienceOf(10_000, 0)))
    fault('PUT', { kind: 'lose-answer' }, Infinity)
    t.match(await writer.replace(handleOf('silent', 2, first), patienceOf(100, 200)), { kind: 'unknown' })
    proxy.heal()
    const nowhere = new ObjectClient(await clientFor('https://127.0.0.1:1'), form.kind, timeoutMs)
    const cutOff = new ObjectWriter({ objects: nowhere, versions: informer, newStamp: randomUUID })
    t.match(await cutOff.create(handleOf('x', 1), patienceOf(200, 10_000)), { kind: 'unsent' })
  })

  await t.test('what the API server refuses is told at once', async (t) => {
    const wrong = { ...handleOf('wrong', 1), spec: { handleID: 'wrong', block: {}, deleted: false, strange: 1 } }
    t.match(await writer.create(wrong, patienceOf(10_000, 0)), { kind: 'refused', refusal: { status: 400 } })
  })
  t.strictSame(broken, [])
})

function metadataOf(object: JsonObject | undefined): { readonly name: string; readonly resourceVersion: string } {
  const { name, resourceVersion } = JSON.parse(JSON.stringify(object?.['metadata'] ?? {})) as Record<string, unknown>
  return { name: String(name), resourceVersion: String(resourceVersion) }
}

t.test('an informer follows all objects', { skip }, async (t) => {
  const server = await startApiServer(t)
  await installCalico(server.client, 'crd.projectcalico.org')
  const proxy = await ApiFaultProxy.start(t, server.url, server.authority)
  const client = new ApiClient(await findConnection(await server.kubeconfig('admin', proxy.url), {}), 'ippoold-test')
  const objects = new ObjectClient(client, form.kind, timeoutMs)
  /** What the informer has told: the count of each handle. */
  const known = new Map<string, string | undefined>()
  let lists = 0
  const nameOf = (object: JsonObject): string => form.read(object)?.key.slice(handles.prefix.length) ?? ''
  const broken: string[] = []
  const informer = new Informer({
    objects,
    silenceMaxMs: 3_000,
    broke: ({ message }) => broken.push(message),
    listener: {
      listed(found) {
        lists++
        known.clear()
        for (const object of found) known.set(nameOf(object), countIn(object))
      },
      changed(type, object) {
        if (type === 'DELETED') known.delete(nameOf(object))
        else known.set(nameOf(object), countIn(object))
      },
      reached: () => undefined,
    },
  })
  t.teardown(async () => {
    await informer.close()
    client.close()
  })
  const create = (name: string): Promise<unknown> => objects.create(handleOf(name, 1))
  const hears = (name: string): Promise<unknown> => until(`to hear of ${name}`, () => known.has(name) || undefined)
  await create('before')
  t.equal(informer.problem, 'has not begun')
  await informer.start()
  t.strictSame([...known], [['before', '1']])

  await t.test('a change', async (t) => {
    await create('later')
    await hears('later')
    const present = await objects.get('before')
    await objects.remove(present ?? {})
    await until('the deletion', () => !known.has('before') || undefined)
    t.equal(informer.problem, undefined)
    t.equal(lists, 1)
  })

  await t.test('what happens while the watch is broken', async (t) => {
    proxy.endWatches('cut')
    await create('while-cut')
    await hears('while-cut')
    proxy.endWatches('end')
    await create('while-ended')
    await hears('while-ended')
    t.equal(lists, 1, 'it goes on where it was')
    t.ok(broken.length > 0)
  })

  await t.test('everything again when its version is too old', async (t) => {
    const expectation = informer.expect('stamp')
    proxy.expireWatches()
    await until('a second list', () => lists === 2 || undefined)
    await create('after-expiry')
    await hears('after-expiry')
    t.strictSame(await expectation.lookUpTo(informer.revision, 0), { kind: 'gap' }, 'versions may have been missed')
    expectation.end()
    t.strictSame([...known.keys()].sort(), ['after-expiry', 'later', 'while-cut', 'while-ended'])
  })

  await t.test('a watch that has fallen silent', async (t) => {
    await until('a watch', () => proxy.countWatches() === 1 || undefined)
    proxy.holdWatches()
    await create('while-silent')
    await hears('while-silent')
    t.equal(lists, 2)
  })

  await t.test('an API server that was killed and started again', async (t) => {
    await server.kill()
    await until('it to notice', () => informer.problem)
    await server.start()
    await create('after-restart')
    await hears('after-restart')
    t.strictSame([...known.keys()].sort(), [
      'after-expiry',
      'after-restart',
      'later',
      'while-cut',
      'while-ended',
      'while-silent',
    ])
  })
})
