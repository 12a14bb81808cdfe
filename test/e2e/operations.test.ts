import { mkdir, readFile, rm } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findEtcd } from '../../src/embedded-etcd/index.ts'
import { launchEtcd } from '../../src/embedded-etcd/launch.ts'
import { freePorts } from '../../src/embedded-etcd/ports.ts'
import { endProcess } from '../../src/embedded-etcd/processes.ts'
import { AcknowledgedTraffic, readHolders } from '../support/acknowledged-traffic.ts'
import { EtcdKeys } from '../support/etcd-keys.ts'
import { startEtcdCluster, type TestMember, whereEtcdIs } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { createPool } from '../support/ippoold.ts'
import { skipWithout } from '../support/prometheus.ts'
import { commandsOf, findEtcdctl, type Names, prepareRehearsal, type Units } from '../support/rehearsal.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { sectionOf } from '../support/shell-blocks.ts'
import { until } from '../support/until.ts'

/** Carries out the commands of docs/operations.md about etcd, in real disasters. The rest of the page is in test/deploy. */

t.setTimeout(280_000)

const page = 'docs/operations.md'
const canCurl = spawnSync('curl', ['--version']).error === undefined
const skip = canCurl ? skipWithout(await findEtcdctl()) : 'curl is not installed'

/** The blocks of a section, without those of sections below it. */
function blocksOf(title: string): readonly string[] {
  return commandsOf(sectionOf(page, title).split(/^### /m)[0] ?? '')
}

const [restoreEmbedded = '', restoreMember = '', lookAfter = ''] = blocksOf('Restore')

function clientOf(t: Test, server: Pick<TestServer, 'url'>): HttpClient['call'] {
  const client = new HttpClient(t, server.url)
  return (...request) => client.call(...request)
}

async function waitUntilReady(call: HttpClient['call']): Promise<void> {
  await until('the server', async () => (await call('GET', '/readyz')).status === 200 || undefined, 60_000)
}

/** Expects that everything which was acknowledged is there, and nothing is wrong. */
async function expectNothingLost(t: Test, call: HttpClient['call'], traffic: AcknowledgedTraffic): Promise<void> {
  const holders = await readHolders(call)
  const { held, released } = traffic.certain()
  t.ok(Object.keys(held).length > 0)
  t.strictSame(holders, held, 'every address has the holder that it was given to')
  t.strictSame(
    released.filter((handle) => Object.values(holders).includes(handle)),
    [],
  )
  t.match((await call('GET', '/ipam/v1/check')).body, { findings: [], isComplete: true })
}

async function someTraffic(call: HttpClient['call'], name: string): Promise<AcknowledgedTraffic> {
  const traffic = new AcknowledgedTraffic(call, name)
  await until('some traffic', () => traffic.acknowledged > 100 || undefined)
  await traffic.stop()
  return traffic
}

t.test('the embedded etcd is backed up, restored, and a restore rehearsed', { skip }, async (t) => {
  const { folder, carryOut } = await prepareRehearsal(t, {})
  const [port = 0, rehearsalPort = 0] = await freePorts(2)
  const dataDir = join(folder, 'ippoold')
  const env = { IPPOOLD_DATA_DIR: dataDir, IPPOOLD_PORT: String(port) }
  let server = await startServer(t, { env })
  const call = clientOf(t, server)
  await createPool(call, 'blue', { cidr: '10.0.0.0/20' })
  const traffic = await someTraffic(call, 'early')
  const names: Names = {
    'ippool backup': `IPPOOLD_DATA_DIR=${dataDir} ippool backup`,
    'ippool check': `ippool --server ${server.url} check`,
    'ippool pools': `ippool --server ${server.url} pools`,
    '/var/lib/ippoold': dataDir,
    '18080': String(rehearsalPort),
  }
  const units: Units = {
    'stop ippoold': () => server.stop(),
    'start ippoold': async () => {
      server = await startServer(t, { env })
    },
  }
  await carryOut(t, blocksOf('Back up and restore'), names)
  await call('POST', '/ipam/v1/assign', { handle: 'after the backup' })
  await carryOut(t, [restoreEmbedded, lookAfter], names, units)
  await expectNothingLost(t, call, traffic)
  await carryOut(t, blocksOf('Rehearse it'), names)
})

/** The names of the page for the members of a cluster. */
function namesOf(members: readonly TestMember[]): Names {
  const pairs = members.flatMap((member, index): readonly (readonly [string, string])[] => [
    [`https://etcd-${index + 1}:2380`, member.peerUrl],
    [`http://etcd-${index + 1}:2379`, member.endpoint],
  ])
  const shortNames = members.map((member, index) => [`etcd-${index + 1}=`, `${member.name}=`] as const)
  return Object.fromEntries([...pairs, ...shortNames])
}

/** Restores a backup on every member, as the page says for the first. */
async function restoreAll(
  t: Test,
  carryOut: Awaited<ReturnType<typeof prepareRehearsal>>['carryOut'],
  members: readonly TestMember[],
  file: string,
): Promise<void> {
  for (const member of members) {
    const own = restoreMember
      .replace('--name etcd-1 ', `--name ${member.name} `)
      .replace('urls https://etcd-1:2380', `urls ${member.peerUrl}`)
    const names = { ...namesOf(members), '/var/lib/etcd': member.dataDir, 'ipam.db': file }
    await carryOut(t, [own], names, { 'stop etcd': () => member.kill(), 'start etcd': () => member.start() })
  }
}

t.test('two of three members are lost for good: a new cluster is made of the third', { skip }, async (t) => {
  const { endpoints, members } = await startEtcdCluster(t, 3)
  const { carryOut } = await prepareRehearsal(t, {})
  const server = await startServer(t, { env: { ETCD_ENDPOINTS: endpoints.join() } })
  const call = clientOf(t, server)
  await createPool(call, 'blue', { cidr: '10.0.0.0/20' })
  const traffic = await someTraffic(call, 'early')
  const survivor = members[2]
  if (survivor === undefined) throw new Error('There are three members.')
  const revision = await new EtcdKeys(t, endpoints[0] ?? '').revision()
  const left = new EtcdKeys(t, survivor.endpoint)
  await until('the third to have everything', async () => (await left.revision()) >= revision || undefined)
  for (const member of members.slice(0, 2)) {
    await member.kill()
    await rm(member.dataDir, { recursive: true })
    // The new machine.
    await mkdir(member.dataDir)
  }
  const failed = await until('the loss to be noticed', async () => {
    const { status, body } = await call('GET', '/readyz')
    return status === 503 && String(body['message']).includes('etcd does not answer') ? body : undefined
  })
  t.match(failed, { reason: 'ServiceUnavailable' })
  t.match(await call('POST', '/ipam/v1/assign', { handle: 'x' }), { status: /50[034]/ }, 'nothing is changed')

  await carryOut(t, blocksOf('Most members of etcd are lost'), namesOf(members))
  await restoreAll(t, carryOut, members, 'left.db')
  await waitUntilReady(call)
  const late = await someTraffic(call, 'late')
  t.strictSame(late.failures, [])
  const { held } = traffic.certain()
  const holders = await readHolders(call)
  t.strictSame(Object.fromEntries(Object.keys(held).map((address) => [address, holders[address]])), held)
  t.match((await call('GET', '/ipam/v1/check')).body, { findings: [], isComplete: true })
  const own = { IPPOOL_SERVER: server.url }
  const { carryOut: look } = await prepareRehearsal(t, own)
  await look(t, [lookAfter])
})

t.test('a full database is emptied, and the server is ready again by itself', { skip }, async (t) => {
  const [member] = (await startEtcdCluster(t, 1, ['--quota-backend-bytes=16777216'])).members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  const server = await startServer(t, { env: { ETCD_ENDPOINTS: member.endpoint } })
  const call = clientOf(t, server)
  await createPool(call, 'blue', { cidr: '10.0.0.0/20' })
  const traffic = await someTraffic(call, 'early')
  const keys = new EtcdKeys(t, member.endpoint)
  await t.rejects(async () => {
    for (;;) await keys.put('/filler', 'x'.repeat(1_000_000))
  }, /database space exceeded/)
  await until('the alarm to be noticed', async () => {
    const { body } = await call('GET', '/readyz')
    return String(body['message']).includes('cannot be made: The database of etcd is full') || undefined
  })
  t.match(await call('POST', '/ipam/v1/assign', { handle: 'x' }), { status: 503 })
  const { carryOut } = await prepareRehearsal(t, { ETCDCTL_ENDPOINTS: member.endpoint })
  await carryOut(t, blocksOf('The database or the disk is full'))
  await waitUntilReady(call)
  await expectNothingLost(t, call, traffic)
})

t.test('a corrupted value is put back, from the history and from a backup', { skip }, async (t) => {
  const [member] = (await startEtcdCluster(t, 1)).members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  const server = await startServer(t, { env: { ETCD_ENDPOINTS: member.endpoint } })
  const call = clientOf(t, server)
  await createPool(call, 'blue', { cidr: '10.1.0.0/26' })
  await call('POST', '/ipam/v1/assign', { handle: 'vm-42', ipv4: 7 })
  const env = { ETCDCTL_ENDPOINTS: member.endpoint, ETCD_ENDPOINTS: member.endpoint, IPPOOL_SERVER: server.url }
  const { carryOut } = await prepareRehearsal(t, env)
  await carryOut(t, blocksOf('Back up and restore'))
  const key = '/calico/ipam/v2/assignment/ipv4/block/10.1.0.0-26'
  const keys = new EtcdKeys(t, member.endpoint)
  const right = await keys.get(key)
  t.ok(right)
  const [look = '', fromHistory = '', fromBackup = ''] = blocksOf('A value is corrupted')
  const [clientPort = 0, peerPort = 0] = await freePorts(2)
  // With findings, the check ends with 1.
  const names = {
    'ippool check\n# => Unreadable': 'ippool check || [ $? = 1 ]\n# => Unreadable',
    '12379': String(clientPort),
    '12380': String(peerPort),
  }
  for (const remedy of [fromHistory, fromBackup]) {
    await keys.put(key, '{"cidr":"10.1.0.0/2')
    if (remedy === fromBackup) await keys.compact()
    await until('it to be noticed', async () => {
      const { body } = await call('GET', '/ipam/v1/check')
      return JSON.stringify(body).includes('Unreadable') || undefined
    })
    await carryOut(t, [look, remedy], names)
    t.equal((await keys.get(key))?.text, right?.text)
    t.match((await call('GET', '/ipam/v1/check')).body, { findings: [], isComplete: true })
  }
})

t.test('etcd moves to another machine, member by member, under load', { skip }, async (t) => {
  const { endpoints, members } = await startEtcdCluster(t, 3)
  const [first, ...others] = members
  if (first === undefined) throw new Error('There are three members.')
  const [clientPort = 0, peerPort = 0] = await freePorts(2)
  const endpoint = `http://127.0.0.1:${clientPort}`
  const { folder, carryOut } = await prepareRehearsal(t, { ETCDCTL_ENDPOINTS: endpoints.join() })
  const call = clientOf(t, await startServer(t, { env: { ETCD_ENDPOINTS: endpoints.join() } }))
  await createPool(call, 'blue', { cidr: '10.0.0.0/20' })
  const traffic = new AcknowledgedTraffic(call, 'early')
  const names = {
    'http://etcd-4:2380': `http://127.0.0.1:${peerPort}`,
    'http://etcd-4:2379': endpoint,
    // A cluster must have been healthy for 5 s before it takes a member, and that one needs a moment to start.
    'etcdctl member add': 'until etcdctl member add',
    '> etcd-4.env': '> etcd-4.env; do sleep 1; done',
    [`ETCDCTL_ENDPOINTS=${endpoint} etcdctl endpoint health`]: `until ETCDCTL_ENDPOINTS=${endpoint} etcdctl endpoint health 2>&1; do sleep 1; done`,
    ', etcd-1,': `, ${first.name},`,
  }
  const startFourth = async (): Promise<void> => {
    const settings = await readFile(join(folder, 'etcd-4.env'), 'utf8')
    const environment = Object.fromEntries(
      [...settings.matchAll(/^(ETCD_\w+)="(.*)"$/gm)].map(([, name = '', value = '']) => [name, value]),
    )
    const flags = ['NAME', 'INITIAL_CLUSTER', 'INITIAL_CLUSTER_STATE'].map((name) => {
      return `--${name.toLowerCase().replaceAll('_', '-')}=${environment[`ETCD_${name}`] ?? ''}`
    })
    const peer = `http://127.0.0.1:${peerPort}`
    const urls = [
      `--listen-client-urls=${endpoint}`,
      `--advertise-client-urls=${endpoint}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
    ]
    const launched = await launchEtcd({
      binary: await findEtcd(whereEtcdIs()),
      args: [...flags, ...urls, `--data-dir=${join(folder, 'fourth')}`, '--logger=zap', '--log-outputs=stderr'],
      cwd: folder,
      logFile: join(folder, 'etcd-4.log'),
      environment: process.env,
    })
    t.teardown(() => endProcess(launched, 0))
  }
  await carryOut(t, blocksOf('Member by member'), names, { 'start etcd': startFourth })
  await first.kill()
  const moved = [...others.map((member) => member.endpoint), endpoint].join()
  const next = clientOf(t, await startServer(t, { env: { ETCD_ENDPOINTS: moved } }))
  await until('traffic at the old server', () => traffic.acknowledged > 500 || undefined)
  await traffic.stop()
  const uncertain = traffic.failures.filter(({ status }) => status !== 503 && status !== 504)
  t.strictSame(uncertain, [], 'at most, calls were refused while etcd elected a leader')
  const { held } = traffic.certain()
  const holders = await readHolders(next)
  t.strictSame(Object.fromEntries(Object.keys(held).map((address) => [address, holders[address]])), held)
  t.match((await next('GET', '/ipam/v1/check')).body, { findings: [], isComplete: true })
})

/** The tests that carry out the commands of the sections of the page. */
const rehearsedIn: Readonly<Record<string, string>> = {
  'As a service': 'test/deploy/package.test.ts',
  'On Kubernetes with Helm': 'test/deploy/chart.test.ts',
  'Change the version': 'test/e2e/rolling-upgrade.test.ts',
  'Back up and restore': 'test/e2e/operations.test.ts',
  Restore: 'test/e2e/operations.test.ts',
  'Rehearse it': 'test/e2e/operations.test.ts',
  'Member by member': 'test/e2e/operations.test.ts',
  'Most members of etcd are lost': 'test/e2e/operations.test.ts',
  'The database or the disk is full': 'test/e2e/operations.test.ts',
  'A value is corrupted': 'test/e2e/operations.test.ts',
  'When /readyz fails': 'test/e2e/operations.test.ts',
}
/** They need the files of a release, a registry for images, and a Kubernetes cluster. */
const notRehearsed = ['Before you install', 'As a container', 'On Kubernetes with kustomize']

t.test('the commands of every section are carried out by a test', async (t) => {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8')
  const sections = text.split(/^###? /m).slice(1)
  const withCommands = sections.filter((section) => commandsOf(section).length > 0)
  for (const path of new Set(Object.values(rehearsedIn))) {
    t.match(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), page, `${path} reads the page`)
  }
  const titles = withCommands.map((section) => section.split('\n', 1)[0] ?? '')
  t.strictSame(titles.toSorted(), [...Object.keys(rehearsedIn), ...notRehearsed].toSorted())
})

t.test('a server whose etcd is gone says so', { skip }, async (t) => {
  const [member] = (await startEtcdCluster(t, 1)).members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  const server = await startServer(t, { env: { ETCD_ENDPOINTS: member.endpoint } })
  await member.kill()
  const call = clientOf(t, server)
  await until('it to be noticed', async () => (await call('GET', '/readyz')).status === 503 || undefined)
  const { carryOut } = await prepareRehearsal(t, { IPPOOLD: server.url })
  await carryOut(t, blocksOf('When /readyz fails'))
})

t.test('the page names every reason for which a server is not ready', async (t) => {
  const read = (path: string): string => readFileSync(new URL(`../../src/datastore/${path}`, import.meta.url), 'utf8')
  const table = sectionOf(page, 'When /readyz fails')
  const named = (pattern: RegExp, path: string): readonly string[] =>
    [...read(path).matchAll(pattern)].flatMap(([, text = '']) => text)
  const store = read('etcd/store.ts')
  const health = /health\(\): Health \{.*?\n {2}\}/s.exec(store)?.[0] ?? ''
  const checks = [...health.matchAll(/name: '(\w+)'/g)].map(([, name = '']) => name)
  t.strictSame(checks, ['etcd', 'watch', 'changes', 'stopping'])
  for (const check of [...checks, 'datastore']) t.ok(table.includes(`| \`${check}\` |`), check)
  const watchProblem = /get problem\(\).*?\n {2}\}/s.exec(read('etcd/watch/watch.ts'))?.[0] ?? ''
  const texts = [
    ...named(/problem: '((?:[^'\\]|\\.)*)',\n {6}remedy/g, 'etcd/faults.ts'),
    ...named(/problem: "([^"]*)",\n {6}remedy/g, 'etcd/faults.ts'),
    ...[...watchProblem.matchAll(/'(is [^']*)'/g)].map(([, text = '']) => text),
    ...named(/`(is refused: etcd's user may not read the whole range from) /g, 'etcd/watch/watch.ts'),
    ...named(/'((?:refuses to|does not) answer)'/g, 'etcd/store.ts'),
    ...[...health.matchAll(/'(the server is stopping)'/g)].map(([, text = '']) => text),
    ...named(/`(cannot be made:) /g, 'etcd/change-check.ts'),
    ...named(/`(etcd's user lacks rights to the keys with these prefixes):/g, 'etcd/change-check.ts'),
    ...named(/`(etcd refuses them):/g, 'etcd/change-check.ts'),
    ...named(/'(etcd does not carry them out in time)\./g, 'etcd/change-check.ts'),
    ...named(/message: '(is not open yet)'/g, 'upcoming-store.ts'),
  ]
  t.equal(texts.length, 11 + 3 + 1 + 2 + 1 + 4 + 1, 'no text of the code was overlooked', { texts })
  t.strictSame(
    texts.filter((text) => !table.includes(text)),
    [],
  )
})
