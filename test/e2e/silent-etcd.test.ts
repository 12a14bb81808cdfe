import t from 'tap'
import type { Test } from 'tap'
import { settlingPatienceMs, stoppingPatienceMs } from '../../src/datastore/planning/index.ts'
import { startEtcdCluster } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { addressesIn, createPool, refusalIn } from '../support/ippoold.ts'
import { startServer } from '../support/server.ts'
import { readStoredState } from '../support/stored.ts'
import { until } from '../support/until.ts'

const requestTimeoutMs = 1_000

async function start(t: Test, timeoutMs: number) {
  const { members } = await startEtcdCluster(t, 1)
  const [member] = members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  const env = { ETCD_ENDPOINTS: member.endpoint, IPPOOLD_REQUEST_TIMEOUT_MS: String(timeoutMs) }
  const server = await startServer(t, { env })
  const client = new HttpClient(t, server.url)
  await createPool((...request) => client.call(...request), 'silent', { cidr: '10.120.0.0/24' })
  // From here on there is a receipt, so that the commit itself is what is sent next.
  await client.call('PUT', '/ipam/v1/handles/first', {})
  return { member, server, client }
}

t.test('a commit is sent and etcd falls silent: callers hear so in time, and learn the rest by asking', async (t) => {
  const { member, client } = await start(t, requestTimeoutMs)
  const silence = async (method: 'PUT' | 'POST', path: string) => {
    await member.freeze()
    const askedAt = Date.now()
    const answer = await client.call(method, path, {})
    const waitedMs = Date.now() - askedAt
    t.ok(waitedMs < requestTimeoutMs + settlingPatienceMs + 2_000, `answered after ${String(waitedMs)} ms`)
    t.match(refusalIn(answer), { status: 500, reason: 'OutcomeUnknown' })
    t.notOk(answer.headers['retry-after'])
    t.match(refusalIn(await client.call(method, path, {})), { status: 504 }, 'what would need to know is not begun')
    member.thaw()
    await until('the server is ready', async () => (await client.call('GET', '/readyz')).status === 200 || undefined)
    return answer
  }
  await silence('PUT', '/ipam/v1/handles/ensured')
  const again = await client.call('PUT', '/ipam/v1/handles/ensured', {})
  t.match(String(again.status), /^20[01]$/)
  const { body } = await silence('POST', '/ipam/v1/assign')
  const { name } = body['details'] as { readonly name: string }
  const asked = await client.call('GET', `/ipam/v1/handles/${name}`)
  t.match(String(asked.status), /^(200|404)$/)
  const { holders } = await readStoredState(member.endpoint)
  const held = [...holders].filter(([, handle]) => handle !== 'first').map(([address]) => address)
  t.strictSame(held.sort(), [...addressesIn(again), ...addressesIn(asked)].sort(), 'nothing else is held')
})

t.test('SIGTERM while etcd is silent ends the server within seconds, whatever the timeout of a request', async (t) => {
  const { member, server, client } = await start(t, 60_000)
  await member.freeze()
  const sent = client.call('POST', '/ipam/v1/assign', { handle: 'sent' })
  await until('the answer to be missed', () => server.output().includes('answers to commits were lost') || undefined)
  const listed = client.call('GET', '/apis/projectcalico.org/v3/ippools').catch(() => 'cut')
  const stoppedAt = Date.now()
  const ending = await server.stop('SIGTERM')
  const tookMs = Date.now() - stoppedAt
  t.strictSame(ending, { code: 0, signal: null })
  t.ok(tookMs < stoppingPatienceMs + 5_000, `it took ${String(tookMs)} ms`)
  t.match(refusalIn(await sent), { status: 500, reason: 'OutcomeUnknown' })
  await listed
  member.thaw()
})
