import { noop } from 'cockatiel'
import { Etcd3, Range } from 'etcd3'
import t, { type Test } from 'tap'
import { startEtcdCluster } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { runToEnd, startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

// Each etcd is started, spoiled and mended by its own test, and most of that is waiting.
t.jobs = 4
t.setTimeout(180_000)

const pools = '/apis/projectcalico.org/v3/ippools'

/** An etcd of one member, with a client of its root user once it has users. */
async function startSpoilableEtcd(t: Test, flags: readonly string[] = []) {
  const { endpoints } = await startEtcdCluster(t, 1, flags)
  const [endpoint = ''] = endpoints
  const open = (auth?: { username: string; password: string }): Etcd3 => {
    // A refused call must not keep the next one from being sent.
    const faultHandling = { global: noop, host: () => noop }
    const etcd = new Etcd3({ hosts: endpoint, faultHandling, ...(auth === undefined ? {} : { auth }) })
    t.teardown(() => etcd.close())
    return etcd
  }
  const etcd = open()
  const alarm = async (action: 'ACTIVATE' | 'DEACTIVATE', name: 'NOSPACE' | 'CORRUPT'): Promise<void> => {
    const { header } = await etcd.maintenance.status()
    const body = JSON.stringify({ action, memberID: header.member_id, alarm: name })
    await fetch(`${endpoint}/v3/maintenance/alarm`, { method: 'POST', body })
  }
  return { endpoint, etcd, open, alarm }
}

/** An etcd with users: `ippoold`, with a role of the same name that has the right `readwrite` to what `ranges` name. */
async function startEtcdWithUsers(t: Test) {
  const { endpoint, etcd, open } = await startSpoilableEtcd(t)
  const root = await etcd.user('root').create('secret')
  await root.addRole((await etcd.role('root').create()).name)
  await etcd.role('ippoold').create()
  await (await etcd.user('ippoold').create('password')).addRole('ippoold')
  await etcd.auth.authEnable()
  const role = open({ username: 'root', password: 'secret' }).role('ippoold')
  const permission = (permission: 'Read' | 'Readwrite', prefix: string) => ({ permission, range: Range.prefix(prefix) })
  return {
    env: { ETCD_ENDPOINTS: endpoint, ETCD_USER: 'ippoold', ETCD_PASSWORD: 'password' },
    grant: async (right: 'Read' | 'Readwrite', ...prefixes: string[]): Promise<void> => {
      for (const prefix of prefixes) await role.grant(permission(right, prefix))
    },
    revoke: async (prefix: string): Promise<void> => {
      await role.revoke(permission('Readwrite', prefix))
    },
  }
}

/** Starts a server on an etcd that refuses changes, and returns a client of it. */
async function startUnreadyServer(t: Test, env: Readonly<Record<string, string>>): Promise<HttpClient> {
  const server = await startServer(t, { env, isReadyAwaited: false })
  return new HttpClient(t, server.url)
}

/** Waits until the server says that changes cannot be made, although nobody asks it for one. Returns what it says. */
async function untilUnready(client: HttpClient): Promise<string> {
  return until('the server is not ready', async () => {
    const { status, body } = await client.call('GET', '/readyz')
    const message = String(body['message'])
    return status === 503 && message.includes('changes cannot be made') ? message : undefined
  })
}

let created = 0
const newPool = (): object => ({ metadata: { name: `pool-${++created}` }, spec: { cidr: `10.130.${created}.0/24` } })

/** Waits until the same server is ready, and makes a change. */
async function isMended(t: Test, client: HttpClient): Promise<void> {
  await until('the server is ready', async () => (await client.call('GET', '/readyz')).status === 200 || undefined)
  t.match(await client.call('POST', pools, newPool()), { status: 201 })
}

/** Reads work, and a change is refused with `message`. */
async function onlyReads(t: Test, client: HttpClient, message: RegExp): Promise<void> {
  t.match(await client.call('GET', pools), { status: 200 })
  const refused = await client.call('POST', pools, newPool())
  t.match(refused, { status: 503, body: { reason: 'ServiceUnavailable', message } })
}

t.test('etcd is full, at the start and later', async (t) => {
  const { endpoint, etcd, alarm } = await startSpoilableEtcd(t, [`--quota-backend-bytes=${8 * 1024 * 1024}`])
  const value = Buffer.alloc(500_000, 'x')
  await t.rejects(async () => {
    for (let n = 0; n < 100; n++) await etcd.put(`/filler/${n}`).value(value)
  }, /space/)
  const client = await startUnreadyServer(t, { ETCD_ENDPOINTS: endpoint })
  t.match(await untilUnready(client), /database of etcd is full.*etcdctl compact.*etcdctl defrag.*etcdctl alarm disarm/)
  await onlyReads(t, client, /database of etcd is full; nothing was changed.*alarm disarm/)

  await etcd.delete().prefix('/filler/')
  const { header } = await etcd.kv.range({ key: Buffer.from('a') })
  await etcd.kv.compact({ revision: header.revision, physical: true })
  await etcd.maintenance.defragment()
  await alarm('DEACTIVATE', 'NOSPACE')
  await isMended(t, client)

  await alarm('ACTIVATE', 'NOSPACE')
  t.match(await untilUnready(client), /database of etcd is full/)
  await alarm('DEACTIVATE', 'NOSPACE')
  await isMended(t, client)
})

t.test('etcd is read-only, at the start and later', async (t) => {
  const { endpoint, alarm } = await startSpoilableEtcd(t)
  await alarm('ACTIVATE', 'CORRUPT')
  const client = await startUnreadyServer(t, { ETCD_ENDPOINTS: endpoint })
  t.match(await untilUnready(client), /etcd is read-only.*alarm disarm/)
  await onlyReads(t, client, /etcd is read-only.*nothing was changed/)
  await alarm('DEACTIVATE', 'CORRUPT')
  await isMended(t, client)

  await alarm('ACTIVATE', 'CORRUPT')
  t.match(await untilUnready(client), /etcd is read-only/)
  await onlyReads(t, client, /etcd is read-only.*nothing was changed/)
  await alarm('DEACTIVATE', 'CORRUPT')
  await isMended(t, client)
})

t.test('the user may read what has the prefixes, and not the range that spans them', async (t) => {
  const { env, grant } = await startEtcdWithUsers(t)
  await grant('Readwrite', '/calico/', '/ippoold/v1/')
  const client = await startUnreadyServer(t, env)
  const message = await until('the server is not ready', async () => {
    const { status, body } = await client.call('GET', '/readyz')
    return status === 503 && String(body['message']).includes('may not read the whole range')
      ? body['message']
      : undefined
  })
  t.match(
    message,
    /watch is refused.*etcdctl role grant-permission ROLE read \/calico\/ipam\/v2\/assignment\/ \/ippoold\/v1\/slots0/,
  )
  t.match(await client.call('POST', pools, newPool()), { status: 201 }, 'changes are only slower')
  await grant('Read', '/')
  await isMended(t, client)
})

t.test('the user may only read, and later loses a right', async (t) => {
  const { env, grant, revoke } = await startEtcdWithUsers(t)
  await grant('Read', '/')
  const client = await startUnreadyServer(t, env)
  const missing = await untilUnready(client)
  t.match(missing, /lacks rights.*readwrite on \/calico\/ipam\/v2\/assignment\/.*readwrite on \/ippoold\/v1\/slots\//)
  t.match(missing, /etcdctl role grant-permission ROLE --prefix=true readwrite \//)
  t.notMatch(missing, 'clusterinformations', 'which is only read')
  await onlyReads(t, client, /lacks a right.*nothing was changed/)
  await grant('Readwrite', '/calico/ipam/', '/calico/resources/', '/ippoold/')
  await isMended(t, client)

  await revoke('/calico/resources/')
  const lost = await untilUnready(client)
  t.match(lost, 'readwrite on /calico/resources/v3/projectcalico.org/ippools/')
  t.notMatch(lost, /on \/ippoold|on \/calico\/ipam/)
  await onlyReads(t, client, /lacks a right.*nothing was changed/)
  await grant('Readwrite', '/calico/resources/')
  await isMended(t, client)
})

t.test('a server that may not even read ends, and names the rights that it needs', async (t) => {
  const { env, grant } = await startEtcdWithUsers(t)
  await grant('Readwrite', '/ippoold/', '/calico/resources/')
  const { code, output } = await runToEnd({ env })
  t.equal(code, 1)
  t.match(output, /cannot be used: etcd's user lacks rights.*readwrite on \/calico\/ipam\/v2\/assignment\//)
  t.notMatch(output, /on \/ippoold|on \/calico\/resources/)
})
