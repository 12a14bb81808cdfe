import t from 'tap'
import { skipWithoutKubeApiserver } from './apiserver/binary.ts'
import { ApiClient, type ApiObject } from '../support/kubernetes/api-client.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { createNode } from '../support/kubernetes/calico-cluster.ts'
import { ApiFaultProxy, gatewayTimeout, type SeenRequest, tooManyRequests } from '../support/kubernetes/fault-proxy.ts'
import { until } from '../support/until.ts'

const skip = skipWithoutKubeApiserver()
const nodes = '/api/v1/nodes'
const path = `${nodes}/node-1`
const isPut = ({ method }: SeenRequest): boolean => method === 'PUT'

t.test('a proxy with faults', { skip }, async (t) => {
  const server = await startApiServer(t)
  const direct = server.client
  const proxy = await ApiFaultProxy.start(t, server.url, server.authority)
  const { token } = server.user('admin')
  const client = new ApiClient(t, { url: proxy.url, ca: server.authority.pem, token })
  await createNode(client, 'node-1')

  /** Replaces the node through the proxy, with a label. */
  const label = async (value: string): Promise<ApiObject> => {
    const node = await direct.get(path)
    return client.replace(path, { ...node, metadata: { ...node.metadata, labels: { value } } })
  }
  const labelOf = async (): Promise<string | undefined> => (await direct.get(path)).metadata.labels?.['value']

  await t.test('passes what no rule is for', async (t) => {
    await label('passed')
    t.equal(await labelOf(), 'passed')
    t.match(proxy.requests.at(-1), { method: 'PUT', path, isWrite: true, status: 200 })
  })

  await t.test('loses a request', async (t) => {
    const rule = proxy.when({ matches: isPut, fault: { kind: 'lose-request' }, times: 1 })
    await t.rejects(label('lost'))
    t.equal(await labelOf(), 'passed')
    t.equal(rule.hits.length, 1)
    await label('after')
    t.equal(await labelOf(), 'after', 'once')
  })

  await t.test('loses an answer', async (t) => {
    proxy.when({ matches: isPut, fault: { kind: 'lose-answer' }, times: 1 })
    await t.rejects(label('done'))
    t.equal(await labelOf(), 'done')
    t.equal(proxy.requests.at(-1)?.status, undefined)
  })

  await t.test('holds a request, and delivers it after its caller has gone', async (t) => {
    const rule = proxy.when({ matches: isPut, fault: { kind: 'hold-request' }, times: 1 })
    const lost = label('late').catch((error: unknown) => error)
    await rule.hit()
    proxy.cut()
    t.type(await lost, Error)
    t.equal(await labelOf(), 'done', 'held')
    rule.release()
    await until('it arrives', async () => (await labelOf()) === 'late' || undefined)
  })

  await t.test('holds an answer', async (t) => {
    const rule = proxy.when({ matches: isPut, fault: { kind: 'hold-answer' }, times: 1 })
    let isAnswered = false
    const answer = label('unheard').then(() => {
      isAnswered = true
    })
    await rule.hit()
    await until('it is carried out', async () => (await labelOf()) === 'unheard' || undefined)
    t.notOk(isAnswered)
    rule.release()
    await answer
  })

  await t.test('delays a request', async (t) => {
    proxy.when({ matches: isPut, fault: { kind: 'delay', ms: 300 }, times: 1 })
    const start = performance.now()
    await label('delayed')
    t.ok(performance.now() - start >= 300)
  })

  await t.test('answers in place of the API server', async (t) => {
    proxy.when({ matches: isPut, fault: { kind: 'answer', answer: tooManyRequests(2) }, times: 1 })
    proxy.when({ matches: isPut, fault: { kind: 'answer', answer: gatewayTimeout() }, times: 1 })
    const { body, headers, status } = await client.request('PUT', path, await direct.get(path))
    t.match(
      { body, headers, status },
      { status: 429, headers: { 'retry-after': '2' }, body: { reason: 'TooManyRequests' } },
    )
    t.match(await problemOf(label('never')), { status: 504, reason: 'Timeout' })
    t.equal(await labelOf(), 'delayed')
  })

  await t.test('lets others write in between, so that conflicts are real', async (t) => {
    const run = async (): Promise<void> => {
      await direct.merge(path, { metadata: { labels: { other: String(performance.now()) } } })
    }
    const storm = proxy.when({ matches: isPut, fault: { kind: 'meanwhile', run }, times: 2 })
    for (const attempt of [1, 2]) {
      t.match(await problemOf(label(`attempt ${attempt}`)), { status: 409, reason: 'Conflict' })
    }
    await label('calm')
    t.equal(storm.hits.length, 2)
  })

  await t.test('holds, expires, ends and cuts watches', async (t) => {
    const start = async () => {
      const { metadata } = await client.get(nodes)
      const watch = client.watch(nodes, metadata.resourceVersion)
      const next = watch.next()
      await until('the watch is open', () => proxy.countWatches(nodes) === 1 || undefined)
      return { next, rest: watch }
    }
    const none = () => until('no watch is open', () => proxy.countWatches() === 0 || undefined)

    const held = await start()
    proxy.holdWatches(nodes)
    let isSeen = false
    void held.next.then(() => {
      isSeen = true
    })
    const { metadata } = await direct.get(nodes)
    const past = direct.watch(nodes, metadata.resourceVersion)
    await createNode(direct, 'held')
    t.match(await past.next(), { value: { object: { metadata: { name: 'held' } } } }, 'past the proxy, it is seen')
    await client.get(nodes)
    t.notOk(isSeen)
    proxy.releaseWatches()
    t.match(await held.next, { value: { type: 'ADDED', object: { metadata: { name: 'held' } } } })
    proxy.endWatches('end')
    t.match(await held.rest.next(), { done: true })
    await none()

    const expired = await start()
    proxy.expireWatches()
    t.match(await expired.next, { value: { type: 'ERROR', object: { code: 410 } } })
    t.match(await expired.rest.next(), { done: true })
    await none()

    const broken = await start()
    broken.next.catch(() => undefined)
    proxy.endWatches('cut', 'nodes')
    await t.rejects(broken.next)
    await none()
  })

  await t.test('is down', async (t) => {
    proxy.isDown = true
    await t.rejects(client.get(path))
    proxy.heal()
    t.ok(await client.get(path))
  })
})

/** The reason for which a request failed; undefined if it did not. */
function problemOf(answer: Promise<unknown>): Promise<unknown> {
  return answer.then(
    () => undefined,
    (problem: unknown) => problem,
  )
}
