import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Agent, request } from 'undici'
import { nodeKey } from '../../src/model/index.ts'
import { tokenOf } from '../support/access.ts'
import { Authority } from '../support/authority.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { readMetrics, type Samples, samplesIn } from '../support/metrics.ts'
import { until } from '../support/until.ts'

/** Metrics of callers, certificates and the audit log, and those of what a check finds, on real servers. */

t.setTimeout(120_000)

const day = 24 * 3_600

t.test('who was refused what, tokens, certificates and the audit log are told, and no user', async (t) => {
  const folder = await temporaryFolder(t)
  const authority = await Authority.create(t)
  const endsAt = new Date(Date.now() + 20 * day * 1_000)
  const { certificate, key } = await authority.sign({ name: 'ipam', hosts: ['IP:127.0.0.1'], endsAt })
  const users = join(folder, 'tokens.csv')
  await writeFile(users, `${tokenOf('root')},root,1,ippoold:admins\n${tokenOf('mallory')},mallory,2,nobody\n`)
  const { servers } = await startIppoold(t, {
    env: {
      IPPOOLD_TLS_CERT_FILE: certificate,
      IPPOOLD_TLS_KEY_FILE: key,
      IPPOOLD_CLIENT_CA_FILE: authority.file,
      IPPOOLD_TOKEN_FILE: users,
      IPPOOLD_AUDIT_LOG: join(folder, 'audit.log'),
      NODE_EXTRA_CA_CERTS: authority.file,
    },
  })
  const dispatcher = new Agent({ connect: { ca: authority.pem } })
  t.teardown(() => dispatcher.close())
  const call = async (token: string | undefined, path: string, body?: object, headers: Record<string, string> = {}) => {
    const answer = await request(`${servers[0]?.url}${path}`, {
      dispatcher,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...headers,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: answer.statusCode, text: await answer.body.text() }
  }
  const pools = '/apis/projectcalico.org/v3/ippools'
  const tokens = '/apis/ippoold.io/v1/accesstokens'
  const root = tokenOf('root')
  const soon = new Date(Date.now() + 3_000).toISOString()
  for (const [name, spec] of [
    ['lasting', {}],
    ['short', { expiresAt: soon }],
  ] as const) {
    const { status, text } = await call(root, tokens, { metadata: { name }, spec: { user: 'robot', ...spec } })
    t.equal(status, 201, text)
  }
  t.equal((await call(undefined, pools)).status, 401)
  t.equal((await call('guessed', pools)).status, 401)
  t.equal((await call('guessed', pools)).status, 401)
  t.equal((await call(tokenOf('mallory'), pools)).status, 403)
  t.equal((await call(tokenOf('mallory'), '/ipam/v1/assign', { ipv4: 1 })).status, 403)
  t.equal((await call(root, pools, undefined, { origin: 'https://evil.example' })).status, 403)
  t.equal((await call(tokenOf('mallory'), '/metrics')).status, 403, 'metrics are not for everybody')
  const samples: Samples = await until('the token to expire', async () => {
    const read = samplesIn((await call(root, '/metrics')).text)
    return read.get('ippoold_access_tokens{state="expired"}') === 1 ? read : undefined
  })
  const refusals = [...samples].filter(([name]) => name.startsWith('ippoold_access_refusals_total'))
  const name = (reason: string, verb: string, resource: string): string =>
    `ippoold_access_refusals_total{reason="${reason}",verb="${verb}",resource="${resource}"}`
  t.strictSame(Object.fromEntries(refusals), {
    [name('missing', '', '')]: 1,
    [name('wrong', '', '')]: 2,
    [name('right', 'list', 'ippools')]: 1,
    [name('right', 'assign', 'addresses')]: 1,
    [name('right', 'get', 'metrics')]: 1,
    [name('origin', '', '')]: 1,
  })
  t.equal(samples.get('ippoold_access_tokens{state="valid"}'), 1)
  const left = samples.get('ippoold_certificate_seconds_left{certificate="served"}') ?? 0
  t.ok(left > 19 * day && left <= 20 * day, `${left} s are left of 20 days`)
  const ofAuthority = samples.get('ippoold_certificate_seconds_left{certificate="client_ca"}') ?? 0
  t.ok(ofAuthority > 88 * day && ofAuthority <= 90 * day)
  const lines = (await readFile(join(folder, 'audit.log'), 'utf8')).split('\n').length - 1
  const written = samples.get('ippoold_audit_events_written_total') ?? 0
  t.ok(written >= 10 && written <= lines, `${written} of ${lines} events`)
  t.equal(samples.get('ippoold_audit_failing'), 0)
  t.ok((samples.get('ippoold_calls_in_flight_limit') ?? 0) > 0)
  t.notMatch(
    [...samples.keys()].join('\n'),
    /mallory|robot|lasting|evil/,
    'no label holds a user, a token or an origin',
  )
})

t.test('the server that leads tells what a check finds, and repairs are counted', async (t) => {
  const { servers, call, keys } = await startIppoold(t, {
    servers: 2,
    env: { IPPOOLD_CHECK_INTERVAL_SECONDS: '1', IPPOOLD_UPKEEP_INTERVAL_SECONDS: '1' },
  })
  await createPool(call, 'blue', { cidr: '10.1.0.0/24', blockSize: 26 })
  for (const node of ['n1', 'gone']) await call('POST', '/ipam/v1/assign', { node, ipv4: 3, handle: `h-${node}` })
  const calicos = { kind: 'Node', apiVersion: 'projectcalico.org/v3', metadata: { name: 'n1' }, spec: {} }
  await keys.put(nodeKey('n1').text, JSON.stringify(calicos))
  const readAll = (): Promise<readonly Samples[]> => Promise.all(servers.map(({ url }) => readMetrics(url)))
  const found = await until('a check', async () => {
    return (await readAll()).find((samples) => samples.get('ippoold_check_findings{code="NodeGone"}') === 1)
  })
  t.equal(found.get('ippoold_check_findings{code="BlocksOverlap"}'), 0)
  t.equal(found.get('ipam_allocations_gc_candidates{ippool="blue",node="gone"}'), 3)
  t.equal(found.get('ippoold_leader{task="upkeep"}'), 1)
  const checking = (await readAll()).filter((samples) => samples.has('ippoold_check_last_success_timestamp_seconds'))
  t.equal(checking.length, 1, 'one server checks')
  const repair = { codes: ['NodeGone'] }
  t.equal((await call('POST', '/ipam/v1/check/repair?dryRun=All', repair)).status, 200)
  const reclaimed = 'ipam_allocations_gc_reclamations{ippool="blue",node="gone"}'
  t.equal((await readMetrics(servers[0]?.url ?? '')).get(reclaimed), undefined, 'a dry run releases nothing')
  t.equal((await call('POST', '/ipam/v1/check/repair', repair)).status, 200)
  t.equal((await readMetrics(servers[0]?.url ?? '')).get(reclaimed), 3)
  await until('the next check', async () => {
    const now = (await readAll()).find((samples) => samples.get('ippoold_check_findings{code="NodeGone"}') === 0)
    return now !== undefined && ![...now.keys()].some((name) => name.startsWith('ipam_allocations_gc_candidates{'))
      ? true
      : undefined
  })
  // The leader stops, and another server checks.
  const leading = (await readAll()).findIndex((samples) => samples.get('ippoold_leader{task="upkeep"}') === 1)
  await servers[leading]?.stop()
  const other = servers[1 - leading]?.url ?? ''
  await until('the other server to check', async () => {
    return (await readMetrics(other)).get('ippoold_check_findings{code="NodeGone"}') === 0 || undefined
  })
})
