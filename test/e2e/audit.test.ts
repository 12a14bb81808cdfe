import { execFileSync } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../support/etcd.ts'
import { createPool, poolOf, poolsPath, startIppoold, type TestIppoold } from '../support/ippoold.ts'
import { runToEnd, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** One event, as far as it is looked at here. */
interface Event {
  readonly auditID: string
  readonly stage: string
  readonly requestURI: string
  readonly verb: string
  readonly responseStatus?: { readonly code?: number; readonly reason?: string; readonly message?: string }
  readonly annotations: Readonly<Record<string, string>>
}

interface AuditedIppoold extends TestIppoold {
  readonly folder: string
  readonly server: TestServer
  /** The whole lines of all files of the log. */
  lines(): Promise<readonly string[]>
  /** Waits until there are events that `select` selects. */
  events(count: number, select?: (event: Event) => boolean): Promise<readonly Event[]>
}

async function startAudited(
  t: Test,
  env: Readonly<Record<string, string>> = {},
  policy?: string,
): Promise<AuditedIppoold> {
  const folder = await temporaryFolder(t)
  const policyFile = join(folder, 'policy.yaml')
  if (policy !== undefined) await writeFile(policyFile, policy)
  const ippoold = await startIppoold(t, {
    env: {
      IPPOOLD_AUDIT_LOG: join(folder, 'audit.log'),
      ...(policy !== undefined && { IPPOOLD_AUDIT_POLICY_FILE: policyFile }),
      ...env,
    },
  })
  const [server] = ippoold.servers
  if (server === undefined) throw new Error('There is a server.')
  const lines = async (): Promise<readonly string[]> => {
    const names = (await readdir(folder)).filter((name) => name.startsWith('audit')).toSorted()
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
    return texts.flatMap((text) => text.split('\n').slice(0, -1))
  }
  const events: AuditedIppoold['events'] = (count, select = () => true) =>
    until(`${count} events`, async () => {
      const found = (await lines()).map((line) => JSON.parse(line) as Event).filter(select)
      return found.length >= count ? found : undefined
    })
  return { ...ippoold, folder, server, lines, events }
}

t.test('each call has an event that says who did what to what, and what came of it', async (t) => {
  const { call, server, events, lines } = await startAudited(t)
  await createPool(call, 'p', { cidr: '10.1.0.0/24' })
  const { body } = await call('POST', '/ipam/v1/assign', { handle: 'a', node: 'n', ipv4: 2 })
  const addresses = (body['addresses'] as { address: string }[]).map(({ address }) => address)
  await call('POST', '/ipam/v1/assign?dryRun=All', { handle: 'b' })
  await call('POST', '/ipam/v1/assign', { handle: 'b', addresses: [addresses[0]] })
  await call('POST', '/ipam/v1/assign', '{"handle":')
  await call('DELETE', '/ipam/v1/handles/a')
  await call('GET', '/%zz')
  await call('GET', '/nothing')
  await call('GET', `${poolsPath}/p`)
  const headers = { 'x-request-id': 'mine', authorization: 'Bearer my.secret.token', 'sec-fetch-site': 'cross-site' }
  await fetch(`${server.url}/ipam/v1/handles/a?token=hidden`, { method: 'DELETE', headers })
  const common = { level: 'Metadata', stage: 'ResponseComplete', sourceIPs: ['127.0.0.1'] }
  const user = { username: 'system:anonymous', groups: ['system:unauthenticated', 'ippoold:admins'] }
  const own = (resource: string) => ({ resource, apiVersion: 'v1' })
  const pools = { resource: 'ippools', apiGroup: 'projectcalico.org', apiVersion: 'v3', name: 'p' }
  t.match(await events(10), [
    { ...common, user, verb: 'create', objectRef: pools, requestURI: poolsPath, responseStatus: { code: 201 } },
    {
      ...common,
      user,
      verb: 'assign',
      objectRef: own('addresses'),
      responseStatus: { code: 201 },
      annotations: {
        'authorization.k8s.io/decision': 'allow',
        'ippoold.io/operation': 'assignAddresses',
        'ippoold.io/handle': 'a',
        'ippoold.io/node': 'n',
        'ippoold.io/addresses': addresses.join(','),
      },
    },
    { verb: 'assign', responseStatus: { code: 201 }, annotations: { 'ippoold.io/dry-run': 'true' } },
    { verb: 'assign', responseStatus: { code: 409, reason: 'AddressInUse', message: /10\.1\.0/ } },
    { verb: 'assign', responseStatus: { code: 400, reason: 'BadRequest' } },
    {
      verb: 'release',
      responseStatus: { code: 200 },
      annotations: { 'ippoold.io/handle': 'a', 'ippoold.io/addresses': addresses.join(',') },
    },
    { verb: 'get', user: {}, requestURI: '/%zz', responseStatus: { code: 400 } },
    { verb: 'get', user: {}, requestURI: '/nothing', responseStatus: { code: 404, reason: 'NotFound' } },
    { verb: 'get', objectRef: pools, responseStatus: { code: 200 } },
    { auditID: 'mine', verb: 'release', user: {}, responseStatus: { code: 403, reason: 'Forbidden' } },
  ])
  const text = (await lines()).join('\n')
  t.notMatch(text, 'my.secret.token')
  t.notMatch(text, 'hidden')
})

t.test('a watch has an event at its beginning and one at its end', async (t) => {
  const { server, events } = await startAudited(t)
  const response = await fetch(`${server.url}${poolsPath}?watch=true&timeoutSeconds=1`)
  t.match(await events(1), [{ stage: 'ResponseStarted', verb: 'watch', responseStatus: { code: 200 } }])
  await response.text()
  const [started, complete, ...others] = await events(2)
  t.match(complete, { stage: 'ResponseComplete', verb: 'watch', auditID: started?.auditID })
  t.strictSame(others, [])
})

const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted]
omitManagedFields: true
rules:
- level: None
  verbs: [get]
- level: RequestResponse
  resources: [{ group: projectcalico.org, resources: [ippools] }]
- level: Request
  verbs: [assign]
  omitStages: [RequestReceived]
- level: Metadata
  omitStages: [RequestReceived]
`

t.test('a policy decides which calls have events, and what of their bodies is in them', async (t) => {
  const { call, events, lines } = await startAudited(t, {}, policy)
  await call('POST', poolsPath, poolOf('p', { cidr: '10.1.0.0/24' }))
  await call('GET', `${poolsPath}/p`)
  await call('POST', '/ipam/v1/assign', { handle: 'a', attributes: { password: 'hidden', tenant: 'blue' } })
  await call('DELETE', '/ipam/v1/handles/a')
  const found = await events(4)
  t.match(found, [
    { level: 'RequestResponse', stage: 'RequestReceived', verb: 'create', responseStatus: undefined },
    {
      level: 'RequestResponse',
      stage: 'ResponseComplete',
      requestObject: { kind: 'IPPool', spec: { cidr: '10.1.0.0/24' } },
      responseObject: { kind: 'IPPool', metadata: { managedFields: undefined }, spec: { blockSize: 26 } },
    },
    { level: 'Request', requestObject: { handle: 'a', attributes: { password: '[redacted]', tenant: 'blue' } } },
    { level: 'Metadata', verb: 'release', requestObject: undefined },
  ])
  t.equal(found.length, 4)
  t.notMatch((await lines()).join(), 'hidden')
})

t.test('under load, across rotations and after a kill, every answered call has its event', async (t) => {
  // Large events, so that few calls fill a file.
  const { call, server, lines, folder } = await startAudited(t, { IPPOOLD_AUDIT_LOG_MAX_SIZE: '1' }, policy)
  await createPool(call, 'p', { cidr: '10.0.0.0/8' })
  const [a, b, c] = ['x', 'y', 'z'].map((letter) => letter.repeat(1_000))
  const attributes = { a, b, c }
  const answered: string[] = []
  let isOver = false
  const caller = async (number: number): Promise<void> => {
    for (let count = 0; !isOver; count++) {
      const handle = `h-${number}-${count}`
      const { status } = await call('POST', '/ipam/v1/assign', { handle, attributes })
      if (status === 201) answered.push(handle)
    }
  }
  const callers = Promise.allSettled(Array.from({ length: 64 }, (_, number) => caller(number)))
  const files = async (): Promise<number> => (await readdir(folder)).filter((name) => name.startsWith('audit')).length
  await until('several files', async () => ((await files()) >= 4 ? true : undefined), 120_000)
  await server.stop('SIGKILL')
  isOver = true
  await callers
  const events = (await lines()).map((line) => JSON.parse(line) as Event).filter(({ verb }) => verb === 'assign')
  const written = events.map(({ annotations }) => annotations['ippoold.io/handle'])
  t.ok(answered.length > 400, `${answered.length} calls`)
  t.strictSame(
    answered.filter((handle) => !written.includes(handle)),
    [],
    'none is missing',
  )
  t.equal(new Set(written).size, written.length, 'none is there twice')
})

t.test('block: while the log cannot be written, nothing is done', async (t) => {
  const { call, server, events } = await startAudited(t)
  await createPool(call, 'p', { cidr: '10.0.0.0/8' })
  limitFiles(server, 4_096)
  // One call finds the disk full after it was carried out: its answer waits.
  const filling = fill(call)
  const refused = await until('a refusal', async () => {
    const answer = await call('POST', '/ipam/v1/assign', { handle: 'a' })
    return answer.status === 503 ? answer : undefined
  })
  t.match(refused, { body: { message: /audit log.*cannot be written/ } })
  t.match(await call('GET', '/ipam/v1/handles/a'), { status: 503, headers: { 'retry-after': '1' } })
  t.equal((await fetch(`${server.url}/livez`)).status, 200, 'what has no events goes on')
  limitFiles(server, undefined)
  await until('an answer', async () => ((await call('GET', '/ipam/v1/handles/a')).status < 300 ? true : undefined))
  await filling
  const [missed] = await events(1, ({ annotations }) => 'ippoold.io/calls-refused-without-log' in annotations)
  t.ok(Number(missed?.annotations['ippoold.io/calls-refused-without-log']) >= 2)
})

t.test('block: a change whose event cannot be written in time is not acknowledged', async (t) => {
  const { call, server, events } = await startAudited(t, { IPPOOLD_REQUEST_TIMEOUT_MS: '1000' })
  await createPool(call, 'p', { cidr: '10.0.0.0/8' })
  limitFiles(server, 4_096)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => call('POST', '/ipam/v1/assign', { handle: `h${n}` })),
  )
  const unknown = answers.filter(({ status }) => status === 500)
  t.ok(unknown.length > 0)
  t.match(unknown[0], { body: { reason: 'OutcomeUnknown', message: /its audit event could not be written/ } })
  limitFiles(server, undefined)
  const done = await events(20, ({ responseStatus }) => responseStatus?.code === 201)
  t.ok(done.length >= 20, 'they are told later')
})

t.test('drop: calls go on without their events', async (t) => {
  const { call, server, lines } = await startAudited(t, { IPPOOLD_AUDIT_WHEN_FULL: 'drop' })
  await createPool(call, 'p', { cidr: '10.0.0.0/8' })
  limitFiles(server, 4_096)
  await fill(call)
  for (let n = 0; n < 10; n++) t.equal((await call('POST', '/ipam/v1/assign', {})).status, 201)
  t.match(server.output(), /the audit log cannot be written; events will be dropped/)
  limitFiles(server, undefined)
  await until('what waited', async () => ((await lines()).length >= 30 ? true : undefined))
})

t.test('standard output has the events, and nothing else', async (t) => {
  const { call, server } = await startAudited(t, { IPPOOLD_AUDIT_LOG: '-' })
  await call('GET', '/ipam/v1/handles/a')
  const line = await until('the event', () =>
    server
      .output()
      .split('\n')
      .find((one) => one.includes('"kind":"Event"')),
  )
  t.match(JSON.parse(line), { verb: 'get', responseStatus: { code: 404 } })
})

t.test('a log or a policy that cannot be used stops the start', async (t) => {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'policy.yaml')
  await writeFile(file, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: None, namespace: x }]\n')
  const log = join(folder, 'audit.log')
  t.match(await runToEnd({ env: { IPPOOLD_AUDIT_LOG: log, IPPOOLD_AUDIT_POLICY_FILE: file } }), {
    code: 2,
    output: /IPPOOLD_AUDIT_POLICY_FILE: .*rules\[0\]\.namespace: unknown field/,
  })
  t.match(await runToEnd({ env: { IPPOOLD_AUDIT_LOG: join(log, 'x') } }), {
    code: 2,
    output: /IPPOOLD_AUDIT_LOG: .*cannot be written \(ENOENT/,
  })
})

/** Sets how large files of the server may get, for all the world as if the disk were full. */
function limitFiles(server: TestServer, bytes: number | undefined): void {
  execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes ?? 'unlimited'}:unlimited`])
}

/** Calls until the log must be full. */
async function fill(call: TestIppoold['call']): Promise<undefined> {
  for (let n = 0; n < 20; n++) await call('POST', '/ipam/v1/assign', {})
  return undefined
}
