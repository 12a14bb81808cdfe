import t from 'tap'
import type { Test } from 'tap'
import { storedAnswerKey, storedAnswers } from '../../src/model/index.ts'
import { EtcdKeys } from '../support/etcd-keys.ts'
import { startEtcd } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { startProxy } from '../support/proxy.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { until } from '../support/until.ts'

const { etcd, keys, servers, call } = await startIppoold(t, { servers: 2 })
await createPool(call, 'repeat-4', { cidr: '10.120.0.0/20', blockSize: 28 })
await createPool(call, 'repeat-6', { cidr: 'fd00:120::/112' })

/** An answer with its body as it came. */
interface Reply {
  readonly status: number
  readonly text: string
}

/** Sends a call that takes effect once. */
async function send(server: TestServer, path: string, body: object, key: string): Promise<Reply> {
  const response = await fetch(`${server.url}/ipam/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

/** Sees to it that a handle holds something. */
async function ensure(server: TestServer, handle: string, body: object): Promise<Reply> {
  const response = await fetch(`${server.url}/ipam/v1/handles/${handle}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

/** Does something `times` times at once, on one server after the other. */
function atOnce<Outcome>(times: number, action: (server: TestServer, turn: number) => Promise<Outcome>) {
  return Promise.all(
    Array.from({ length: times }, (_, turn) => {
      const server = servers[turn % servers.length]
      if (server === undefined) throw new Error('there is no server')
      return action(server, turn)
    }),
  )
}

/** The answers that differ, each once. */
function different(replies: readonly Reply[]): readonly string[] {
  return [...new Set(replies.map(({ status, text }) => `${status} ${text}`))]
}

function addressesIn({ text }: Reply): readonly string[] {
  const { addresses = [] } = JSON.parse(text) as { readonly addresses?: readonly { readonly address: string }[] }
  return addresses.map(({ address }) => address)
}

/** The addresses of a handle in etcd. Also checks that the stored data agrees. */
async function heldInEtcd(t: Test, endpoint: string, handle: string): Promise<readonly string[]> {
  const state = await readStoredState(endpoint)
  t.strictSame(disagreements(state), [], 'blocks, handles and affinities agree')
  return [...state.holders].filter(([, holder]) => holder === handle).map(([address]) => address)
}

t.test('an assignment repeated at once on two servers has one effect and one answer', async (t) => {
  const wish = { handle: 'once', node: 'n1', ipv4: 2, ipv6: 1, attributes: { tenant: '<é>' } }
  const replies = await atOnce(32, (server) => send(server, 'assign', wish, 'assign-1'))
  t.equal(different(replies).length, 1, 'byte for byte')
  const [first] = replies
  if (first === undefined) throw new Error('there is no answer')
  t.equal(first.status, 201)
  t.strictSame([...(await heldInEtcd(t, etcd.endpoint, 'once'))].sort(), [...addressesIn(first)].sort())
  t.equal(addressesIn(first).length, 3)

  const revision = await keys.revision()
  const later = await atOnce(4, (server) => send(server, 'assign', wish, 'assign-1'))
  t.strictSame(different([...later, first]).length, 1, 'later as well')
  t.equal(await keys.revision(), revision, 'and nothing is written')
})

t.test('an assignment without a handle, repeated at once, makes up one', async (t) => {
  const replies = await atOnce(32, (server) => send(server, 'assign', {}, 'assign-2'))
  t.equal(different(replies).length, 1)
  const { handle } = JSON.parse(replies[0]?.text ?? '') as { readonly handle: string }
  t.equal((await heldInEtcd(t, etcd.endpoint, handle)).length, 1)
})

t.test('different calls that claim the same key at once: one is carried out, the others are refused', async (t) => {
  const replies = await atOnce(16, (server, turn) => send(server, 'assign', { handle: `claim-${turn}` }, 'claimed'))
  t.strictSame(replies.map(({ status }) => status).sort(), [201, ...Array.from({ length: 15 }, () => 422)])
  const { holders } = await readStoredState(etcd.endpoint)
  t.equal([...holders.values()].filter((handle) => handle.startsWith('claim-')).length, 1)
})

t.test('a release in several parts, repeated at once, has one effect and one answer', async (t) => {
  const wish = { handle: 'many', ipv4: 200 }
  const held = addressesIn(await send(servers[0] as TestServer, 'assign', wish, 'many-assign'))
  t.equal(held.length, 200)
  const replies = await atOnce(16, (server) => send(server, 'release', { addresses: held }, 'many-release'))
  t.equal(different(replies).length, 1)
  t.equal(replies[0]?.status, 200)
  const { released } = JSON.parse(replies[0]?.text ?? '') as { readonly released: readonly string[] }
  t.strictSame([...released].sort(), [...held].sort())
  t.strictSame(await heldInEtcd(t, etcd.endpoint, 'many'), [])

  // Held again by the time of the last repetition, they are not taken back once more.
  t.equal((await call('POST', '/ipam/v1/assign', { handle: 'many', addresses: held })).status, 201)
  t.equal(
    different([
      ...(await atOnce(2, (server) => send(server, 'release', { addresses: held }, 'many-release'))),
      ...replies,
    ]).length,
    1,
  )
  t.equal((await heldInEtcd(t, etcd.endpoint, 'many')).length, 200)
})

t.test('a handle ensured at once from two servers holds exactly what was asked for', async (t) => {
  const wish = { node: 'n2', ipv4: 3, ipv6: 1 }
  const replies = await atOnce(32, (server) => ensure(server, 'ensured', wish))
  t.strictSame(replies.map(({ status }) => status).sort(), [...Array.from({ length: 31 }, () => 200), 201])
  const held = [...(await heldInEtcd(t, etcd.endpoint, 'ensured'))].sort()
  t.equal(held.length, 4)
  for (const reply of replies) t.strictSame([...addressesIn(reply)].sort(), held)
})

t.test('addresses ensured by name at once from two servers are held once', async (t) => {
  const addresses = ['10.120.15.200', '10.120.15.7', 'fd00:120::ff00']
  const replies = await atOnce(16, (server) => ensure(server, 'by-name', { addresses }))
  t.strictSame(replies.map(({ status }) => status).sort(), [...Array.from({ length: 15 }, () => 200), 201])
  t.strictSame([...(await heldInEtcd(t, etcd.endpoint, 'by-name'))].sort(), [...addresses].sort())
})

t.test('owners ensured by many callers at once, each wanting more, hold as much as the most', async (t) => {
  await atOnce(24, (server, turn) => ensure(server, `growing-${turn % 2}`, { ipv4: 1 + Math.floor(turn / 2) }))
  for (const handle of ['growing-0', 'growing-1']) t.equal((await heldInEtcd(t, etcd.endpoint, handle)).length, 12)
})

interface Interrupted {
  readonly path: string
  readonly body: object
  readonly key: string
  /** A key that is written when the call has been carried out. */
  readonly written: string
}

/**
 * Sends a call to a server whose etcd applies it, and whose answers from etcd are lost; kills the server before it learns of it.
 * Gives the server that is started afterwards.
 */
async function killBeforeAnswer(t: Test, endpoint: string, { path, body, key, written }: Interrupted) {
  const proxy = await startProxy(t, endpoint)
  const first = await startServer(t, { env: { ETCD_ENDPOINTS: proxy.endpoint } })
  const etcdKeys = new EtcdKeys(t, endpoint)
  // All that the call reads is in memory by then, so that the answer that is lost is the one to its commit.
  t.equal((await send(first, 'assign', { handle: `warm-${key}` }, `warm-${key}`)).status, 201)
  t.ok((await send(first, `${path}?dryRun=All`, body, key)).status < 300)
  proxy.hold('answers')
  const unanswered = t.rejects(send(first, path, body, key), 'the call is not answered')
  await until('etcd to have carried out the call', async () => (await etcdKeys.get(written)) !== undefined || undefined)
  await first.stop('SIGKILL')
  await unanswered
  return startServer(t, { env: { ETCD_ENDPOINTS: endpoint } })
}

t.test('a call repeated after kill -9 between commit and answer has one effect', async (t) => {
  const { endpoint } = await startEtcd(t)
  const setUp = await startServer(t, { env: { ETCD_ENDPOINTS: endpoint } })
  const client = new HttpClient(t, setUp.url)
  await createPool((...request) => client.call(...request), 'crash', { cidr: '10.121.0.0/24', blockSize: 28 })
  await client.call('POST', '/ipam/v1/assign', { handle: 'leaving', addresses: ['10.121.0.77'] })

  const wish = { handle: 'crashed', node: 'n1', ipv4: 3 }
  const assign = { path: 'assign', body: wish, key: 'crash-1', written: storedAnswerKey('crash-1', 0).text }
  const second = await killBeforeAnswer(t, endpoint, assign)
  const before = [...(await heldInEtcd(t, endpoint, 'crashed'))].sort()
  t.equal(before.length, 3, 'it was carried out')
  const repeated = await send(second, 'assign', wish, 'crash-1')
  t.equal(repeated.status, 201)
  t.strictSame([...addressesIn(repeated)].sort(), before, 'the same addresses')
  t.strictSame([...(await heldInEtcd(t, endpoint, 'crashed'))].sort(), before, 'held once')
  t.strictSame(await send(setUp, 'assign', wish, 'crash-1'), repeated, 'from any server')

  const body = { addresses: ['10.121.0.77'] }
  const release = { path: 'release', body, key: 'crash-2', written: storedAnswerKey('crash-2', 0).text }
  const third = await killBeforeAnswer(t, endpoint, release)
  await client.call('POST', '/ipam/v1/assign', { handle: 'next', addresses: ['10.121.0.77'] })
  const { status, text } = await send(third, 'release', body, 'crash-2')
  t.equal(status, 200)
  t.strictSame(JSON.parse(text), { released: ['10.121.0.77'], unallocated: [], failed: [], isComplete: true })
  t.strictSame(await heldInEtcd(t, endpoint, 'next'), ['10.121.0.77'], 'it is not taken from its next owner')
})

t.test('an answer is forgotten after its time, and the key may be used again', async (t) => {
  const env = { IPPOOLD_ANSWER_RETENTION_SECONDS: '1', ETCD_ENDPOINTS: etcd.endpoint }
  const server = await startServer(t, { env })
  const wish = { handle: 'expiring' }
  const first = await send(server, 'assign', wish, 'expiring')
  t.strictSame(await send(server, 'assign', wish, 'expiring'), first)
  const { text: stored } = storedAnswerKey('expiring', 0)
  await until('the answer to be forgotten', async () => (await keys.get(stored)) === undefined || undefined)
  t.strictSame(await heldInEtcd(t, etcd.endpoint, 'expiring'), addressesIn(first), 'what was assigned stays')

  const again = await send(server, 'assign', wish, 'expiring')
  t.equal(again.status, 201)
  t.not(again.text, first.text, 'it is another call by then')
  t.equal((await heldInEtcd(t, etcd.endpoint, 'expiring')).length, 2)
  await until('that answer to be forgotten', async () => (await keys.get(stored)) === undefined || undefined)
  t.ok(
    Object.keys(await keys.dump(storedAnswers.prefix)).length > 0,
    'others are kept for as long as their servers say',
  )
})
