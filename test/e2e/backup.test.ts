import { copyFile, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KubeConfig, KubernetesObjectApi, makeInformer } from '@kubernetes/client-node'
import t, { type Test } from 'tap'
import { AcknowledgedTraffic, readHolders } from '../support/acknowledged-traffic.ts'
import { EtcdKeys } from '../support/etcd-keys.ts'
import { startEtcdCluster, type TestMember, whereEtcdIs } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { createPool, poolsPath, refusalIn } from '../support/ippoold.ts'
import { type IppoolShell, ippoolShell } from '../support/ippool.ts'
import { findProgram, skipWithout } from '../support/prometheus.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { watch } from '../support/watcher.ts'

/** Rehearses backup and restore: under load, on the embedded etcd and on an external one. */

t.setTimeout(200_000)

const skip = skipWithout(await findProgram('etcdctl', 'etcd-client', ['version']))

/** Where the command line finds what the tests have fetched. */
const tools = { IPPOOLD_CACHE_DIR: whereEtcdIs().cacheDir }

/** Runs a command line that must succeed, and gives what it answers in JSON. */
async function done(shell: IppoolShell, command: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await shell.run(`${command} -o json`, tools)
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}: ${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>
}

async function startOne(t: Test): Promise<TestMember> {
  const [member] = (await startEtcdCluster(t, 1)).members
  if (member === undefined) throw new Error('A cluster of one has a member.')
  return member
}

/** Puts a restored data directory in the place of a member's, and starts it again. */
async function replaceData(member: TestMember, restored: string): Promise<void> {
  await member.kill()
  await rename(member.dataDir, `${member.dataDir}-lost`)
  await rename(restored, member.dataDir)
  await member.start()
}

t.test('a backup under load has all that was acknowledged before, and servers go on with it', { skip }, async (t) => {
  const member = await startOne(t)
  const env = { ETCD_ENDPOINTS: member.endpoint }
  const server = await startServer(t, { env })
  const client = new HttpClient(t, server.url)
  await createPool((...request) => client.call(...request), 'blue', { cidr: '10.0.0.0/16' })
  const shell = await ippoolShell(t, server.url)

  const traffic = new AcknowledgedTraffic((...request) => client.call(...request), 'early')
  await until('some traffic', () => traffic.acknowledged > 1_500 || undefined)
  const begunAt = performance.now()
  const manifest = await done(shell, `ippool backup ipam.db --etcd-endpoints ${member.endpoint}`)
  const endedAt = performance.now()
  const acknowledged = traffic.acknowledged
  await until('more traffic', () => traffic.acknowledged > acknowledged + 500 || undefined)
  await traffic.stop()
  t.strictSame(traffic.failures, [])
  const revision = BigInt(String(manifest['revision']))
  const keys = new EtcdKeys(t, member.endpoint)
  const then = await keys.stateAt(revision)
  t.equal(Object.keys(then).length, manifest['keys'])
  t.ok(revision < (await keys.revision()), 'there were changes after it')

  const open = await watch(t, server.url, `${poolsPath}?watch=true&resourceVersion=${await keys.revision()}`)
  await createPool((...request) => client.call(...request), 'after', { cidr: '10.1.0.0/24' })
  await open.has(1)
  const newest = await keys.revision()
  const informed = await startInformer(t, server.url)
  await until('the informer', () => informed.pools().length === 2 || undefined)

  await done(shell, `ippool restore ipam.db --etcd-data-dir restored --bump-revision 0`)
  t.equal((await stat(join(shell.home, 'restored'))).mode & 0o077, 0, 'nobody else can read it')
  await replaceData(member, join(shell.home, 'restored'))
  await until('the server', async () => (await client.call('GET', '/readyz')).status === 200 || undefined, 60_000)
  t.strictSame(await new EtcdKeys(t, member.endpoint).stateAt(revision), then, 'every key, with its revisions')

  t.match(await open.has(2), { type: 'ERROR', object: { code: 410, reason: 'Expired' } }, 'an open watch is told')
  const from = `${poolsPath}?watch=true&resourceVersion=${newest}`
  t.match(refusalIn(await client.call('GET', from)), { status: 410, reason: 'Expired' }, 'and one that comes later')
  await until('the informer to list again', () => informed.pools().join() === 'blue' || undefined)

  const another = new HttpClient(t, (await startServer(t, { env })).url)
  for (const { call } of [client, another].map((one) => ({ call: one.call.bind(one) }))) {
    const holders = await readHolders(call)
    const { held, released } = traffic.certain(begunAt, endedAt)
    t.ok(Object.keys(held).length > 100 && released.length > 100, 'there is something to compare')
    t.strictSame(Object.fromEntries(Object.keys(held).map((address) => [address, holders[address]])), held)
    const handles = new Set(Object.values(holders))
    t.strictSame(
      released.filter((handle) => handles.has(handle)),
      [],
    )
    t.match((await call('GET', '/ipam/v1/check')).body, { findings: [], isComplete: true })
  }
  const late = new AcknowledgedTraffic((...request) => another.call(...request), 'late')
  await until('work to go on', () => late.acknowledged > 200 || undefined)
  await late.stop()
  t.strictSame(late.failures, [])
  const holders = await readHolders((...request) => another.call(...request))
  const { held } = late.certain()
  t.strictSame(Object.fromEntries(Object.keys(held).map((address) => [address, holders[address]])), held)
  t.match((await another.call('GET', '/ipam/v1/check')).body, { findings: [], isComplete: true })
})

/** An informer of Kubernetes' JavaScript client, which starts again after an error as its documentation advises. */
async function startInformer(t: Test, server: string): Promise<{ pools(): readonly string[] }> {
  const config = new KubeConfig()
  config.loadFromClusterAndUser({ name: 'ippoold', server, skipTLSVerify: true }, { name: 'nobody' })
  const api = config.makeApiClient(KubernetesObjectApi)
  const informer = makeInformer(config, poolsPath, () => api.list('projectcalico.org/v3', 'IPPool'))
  let isStopped = false
  informer.on('error', () => {
    setTimeout(() => {
      if (!isStopped) void informer.start().catch(() => undefined)
    }, 100)
  })
  await informer.start()
  t.teardown(async () => {
    isStopped = true
    await informer.stop()
  })
  return { pools: () => informer.list().map(({ metadata }) => metadata?.name ?? '') }
}

t.test('the embedded etcd is backed up and restored by one command each', { skip }, async (t) => {
  const server = await startServer(t)
  const shell = await ippoolShell(t, server.url)
  const { code } = await shell.run('ippool pool create blue 10.8.0.0/16 && ippool assign vm-1 -n 3')
  t.equal(code, 0)
  const backup = await shell.run(`ippool backup ipam.db --data-dir ${server.dataDir}`)
  t.match(backup, { code: 0, stdout: /^backup ipam\.db written: \S+ MB, revision \d+, \d+ keys\n$/ })
  t.equal((await stat(join(shell.home, 'ipam.db'))).mode & 0o777, 0o600)
  t.equal((await stat(join(shell.home, 'ipam.db.json'))).mode & 0o777, 0o600)
  await shell.run('ippool assign vm-2')
  await server.stop()

  const restored = await shell.run('ippool restore ipam.db --data-dir new', tools)
  t.match(restored, { code: 0, stderr: /Start it: ippoold --data-dir \S+new\n/ })
  const next = await startServer(t, { env: { IPPOOLD_DATA_DIR: join(shell.home, 'new') } })
  const { stdout } = await shell.run(`ippool --server ${next.url} addresses -o csv | cut -d , -f 2 | sort | uniq -c`)
  t.match(stdout, /3 vm-1/)
  t.notMatch(stdout, /vm-2/)
  t.equal((await shell.run(`ippool --server ${next.url} check`)).code, 0)

  const streamed = await shell.run(
    `ippool backup - --data-dir new > streamed.db && ippool restore streamed.db --dry-run`,
  )
  t.match(streamed, { code: 0, stdout: /is whole: .*dry run/, stderr: /There is no streamed\.db\.json/ })
})

t.test('what cannot be done is refused, and leaves nothing behind', { skip }, async (t) => {
  const server = await startServer(t)
  const shell = await ippoolShell(t, server.url)
  const embedded = `--data-dir ${server.dataDir}`
  await done(shell, `ippool backup ipam.db ${embedded}`)
  const at = (name: string): string => join(shell.home, name)
  const bytes = await readFile(at('ipam.db'))
  const damaged = Buffer.from(bytes)
  damaged[9_000] = 255 - (damaged[9_000] ?? 0)
  await writeFile(at('damaged.db'), damaged)
  await writeFile(at('cut.db'), bytes.subarray(0, 12_288))
  await writeFile(at('other.db'), bytes)
  await writeFile(
    at('other.db.json'),
    (await readFile(at('ipam.db.json'), 'utf8')).replace(/"sha256": "./, (text) =>
      text.endsWith('0') ? '"sha256": "1' : '"sha256": "0',
    ),
  )
  await copyFile(at('ipam.db'), at('strange.db'))
  await writeFile(at('strange.db.json'), '{}')
  const listed = await shell.run('ls -A')
  const cases: readonly (readonly [command: string, code: number, told: RegExp])[] = [
    [`ippool backup ipam.db ${embedded}`, 4, /ipam\.db exists already, and a backup never replaces another/],
    [`ippool backup nowhere/ipam.db ${embedded}`, 10, /cannot be written: ENOENT/],
    ['ippool backup new.db --data-dir nowhere', 2, /no embedded etcd in nowhere; give .* --etcd-endpoints/],
    ['ippool backup new.db --etcd-endpoints etcd-1', 2, /"etcd-1" is not valid; give URLs such as/],
    ['ippool backup new.db --etcd-endpoints http://127.0.0.1:1', 8, /gives no snapshot: .*ECONNREFUSED/],
    [
      'ippool backup new.db --etcd-endpoints http://127.0.0.1:1 --etcd-cert-file no.pem',
      2,
      /--etcd-cert-file: no\.pem cannot be read/,
    ],
    ['ippool restore nothing.db', 7, /nothing\.db cannot be read: ENOENT/],
    ['ippool restore damaged.db --data-dir new', 7, /does not match the checksum at its end/],
    ['ippool restore cut.db --data-dir new', 7, /does not end with a checksum of etcd/],
    ['ippool restore other.db --data-dir new', 7, /other\.db is not the backup that other\.db\.json describes/],
    ['ippool restore strange.db --data-dir new', 7, /strange\.db\.json is no manifest of a backup/],
    [
      `ippool restore ipam.db ${embedded}`,
      4,
      /is not empty \(.*etcd.*\), and a restore never writes into existing data/,
    ],
    [`ippool restore ipam.db --etcd-data-dir ${server.dataDir}/etcd`, 4, /is not empty \(member\)/],
    ['ippool restore ipam.db --data-dir new --etcdutl /bin/true', 2, /--etcdutl: \/bin\/true is no etcdutl or etcdctl/],
    ['ippool restore ipam.db --etcd-data-dir new --initial-cluster x=http://127.0.0.1:1', 10, /could not restore it: /],
  ]
  for (const [command, code, told] of cases) t.match(await shell.run(command, tools), { code, stderr: told }, command)
  t.equal((await shell.run('rmdir new')).code, 0, 'no data was left in the new directory')
  t.strictSame(await shell.run('ls -A'), listed)
})
