import { once } from 'node:events'
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { findEtcd, startEmbeddedEtcd, type EmbeddedEtcd } from '../../src/embedded-etcd/index.ts'
import { askHealth, launchEtcd, waitUntilHealthy } from '../../src/embedded-etcd/launch.ts'
import { boundLog, logTail, sizeOf } from '../../src/embedded-etcd/log-file.ts'
import {
  endpointOf,
  etcdArguments,
  type EtcdMember,
  newMemberName,
  recallMember,
  rememberMember,
} from '../../src/embedded-etcd/member.ts'
import { freePorts, isFree } from '../../src/embedded-etcd/ports.ts'
import { endProcess, isRunning } from '../../src/embedded-etcd/processes.ts'
import { temporaryFolder, whereEtcdIs } from '../support/etcd.ts'

async function start(t: Test, dataDir: string): Promise<EmbeddedEtcd> {
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const etcd = await startEmbeddedEtcd({ dataDir, ...whereEtcdIs(), logger: silent })
  t.teardown(() => etcd.stop())
  return etcd
}

async function call(endpoint: string, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${endpoint}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) })
  return response.json()
}

const kept = { key: btoa('a'), value: btoa('b') }

t.test('an embedded etcd keeps its data and its ports from one run to the next', async (t) => {
  const dataDir = await temporaryFolder(t)
  const first = await start(t, dataDir)
  await call(first.endpoint, 'kv/put', kept)
  await first.stop()
  t.notOk((await askHealth(first.endpoint)).isHealthy)
  const second = await start(t, dataDir)
  t.equal(second.endpoint, first.endpoint)
  t.match(await call(second.endpoint, 'kv/range', { key: kept.key }), { kvs: [kept] })
})

t.test('it serves on loopback alone', async (t) => {
  const { endpoint } = await start(t, await temporaryFolder(t))
  t.match(endpoint, /^http:\/\/127\.0\.0\.1:\d+$/)
  const { members } = (await call(endpoint, 'cluster/member/list', {})) as { members: object[] }
  t.equal(members.length, 1)
  t.match(members, [{ clientURLs: [endpoint], peerURLs: [/^http:\/\/127\.0\.0\.1:\d+$/] }])
})

t.test('it moves when somebody else has its port', async (t) => {
  const dataDir = await temporaryFolder(t)
  const first = await start(t, dataDir)
  await call(first.endpoint, 'kv/put', kept)
  await first.stop()
  const intruder = createServer().listen(Number(new URL(first.endpoint).port), '127.0.0.1')
  t.teardown(() => intruder.close())
  await once(intruder, 'listening')
  const second = await start(t, dataDir)
  t.not(second.endpoint, first.endpoint)
  t.match(await call(second.endpoint, 'kv/range', { key: kept.key }), { kvs: [kept] })
})

t.test('it is started again at the same place when it dies', async (t) => {
  const etcd = await start(t, await temporaryFolder(t))
  await call(etcd.endpoint, 'kv/put', kept)
  const before = etcd.pid()
  process.kill(before, 'SIGKILL')
  const deadline = Date.now() + 20_000
  while ((etcd.pid() === before || !(await askHealth(etcd.endpoint)).isHealthy) && Date.now() < deadline)
    await pause(20)
  t.not(etcd.pid(), before)
  t.match(await call(etcd.endpoint, 'kv/range', { key: kept.key }), { kvs: [kept] })
})

t.test('a data directory has one etcd at a time', async (t) => {
  const dataDir = await temporaryFolder(t)
  const first = await start(t, dataDir)
  await t.rejects(start(t, dataDir), {
    name: 'EtcdStartFailure',
    message: new RegExp(`process ${process.pid}\\.\\n.*IPPOOLD_DATA_DIR.*ETCD_ENDPOINTS=${first.endpoint}`),
  })
  t.ok((await askHealth(first.endpoint)).isHealthy)
})

/** What a server leaves behind when it is killed: an etcd that runs, and what the data directory remembers of it. */
async function orphan(t: Test, dataDir: string, ...unexpected: string[]) {
  const binary = await findEtcd(whereEtcdIs())
  const [clientPort = 0, peerPort = 0] = await freePorts(2)
  const member: EtcdMember = { name: newMemberName(), dataDir: join(dataDir, 'etcd'), clientPort, peerPort }
  await rememberMember(dataDir, member)
  const args = [...etcdArguments(member, binary.version), ...unexpected]
  const logFile = join(dataDir, 'etcd.log')
  const process = await launchEtcd({ binary, args, cwd: dataDir, logFile, environment: {} })
  t.teardown(() => endProcess(process, 0))
  t.equal(await waitUntilHealthy(endpointOf(member), process, 20_000), undefined)
  await call(endpointOf(member), 'kv/put', kept)
  return process
}

t.test('an etcd that was left behind is taken over when it is as it should be', async (t) => {
  const dataDir = await temporaryFolder(t)
  const left = await orphan(t, dataDir)
  const etcd = await start(t, dataDir)
  t.equal(etcd.pid(), left.pid)
  t.match(await call(etcd.endpoint, 'kv/range', { key: kept.key }), { kvs: [kept] })
  await etcd.stop()
  t.notOk(isRunning(left))
})

t.test('an etcd that was left behind and is not as it should be is replaced, and its data are kept', async (t) => {
  const dataDir = await temporaryFolder(t)
  const left = await orphan(t, dataDir, '--quota-backend-bytes=1000000000')
  const etcd = await start(t, dataDir)
  t.not(etcd.pid(), left.pid)
  t.notOk(isRunning(left))
  t.match(await call(etcd.endpoint, 'kv/range', { key: kept.key }), { kvs: [kept] })
})

t.test('an etcd that does not start is explained by its own log, and the directory is given back', async (t) => {
  const dataDir = await temporaryFolder(t)
  await mkdir(join(dataDir, 'etcd'), { mode: 0o700 })
  await writeFile(join(dataDir, 'etcd', 'member'), 'in the way')
  const failing = start(t, dataDir)
  await t.rejects(failing, {
    name: 'EtcdStartFailure',
    message: /did not start: it ended at once\.\nThe last lines of .*etcd\.log:\n .*not a directory/s,
  })
  await t.rejects(start(t, dataDir), { message: /did not start/ }, 'and not: in use')
})

t.test('what a data directory remembers may be missing or damaged', async (t) => {
  const dataDir = await temporaryFolder(t)
  const member = { name: 'ippoold-1', dataDir: join(dataDir, 'etcd'), clientPort: 1, peerPort: 2 }
  t.equal(await recallMember(dataDir), undefined)
  await rememberMember(dataDir, member)
  t.strictSame(await recallMember(dataDir), member)
  for (const damaged of [
    '',
    'null',
    '{}',
    '{"name":1,"clientPort":1,"peerPort":2}',
    '{"name":"a","clientPort":"1","peerPort":2}',
  ]) {
    await writeFile(join(dataDir, 'etcd.json'), damaged)
    t.equal(await recallMember(dataDir), undefined, damaged)
  }
})

t.test('the flag for progress notifications is that of the version', async (t) => {
  const member = { name: 'a', dataDir: 'd', clientPort: 1, peerPort: 2 }
  const flagOf = (minor: number) =>
    etcdArguments(member, { major: 3, minor, patch: 0 }).find((flag) => flag.includes('progress'))
  t.equal(flagOf(5), '--experimental-watch-progress-notify-interval=5s')
  t.equal(flagOf(6), '--watch-progress-notify-interval=5s')
})

t.test('free ports are free, different, and not where outgoing connections get theirs', async (t) => {
  const ports = await freePorts(20)
  t.equal(new Set(ports).size, 20)
  t.ok(ports.every((port) => port >= 20_000 && port < 32_000))
  const [port = 0] = ports
  const holder = createServer().listen(port, '127.0.0.1')
  await once(holder, 'listening')
  t.notOk(await isFree(port))
  holder.close()
  await once(holder, 'close')
  t.ok(await isFree(port))
})

t.test('a log that has grown large starts over, and what it held is kept once', async (t) => {
  const file = join(await temporaryFolder(t), 'etcd.log')
  await boundLog(file)
  t.equal(await sizeOf(file), 0, 'there need not be a log')
  await writeFile(file, 'the beginning\n')
  await boundLog(file)
  t.equal(await sizeOf(`${file}.1`), 0, 'a small one stays')
  await truncate(file, 9 * 1024 * 1024)
  await boundLog(file)
  t.equal(await sizeOf(file), 0)
  t.match((await readFile(`${file}.1`)).subarray(0, 13).toString(), 'the beginning')
})

t.test('the end of the log is shown for people', async (t) => {
  const file = join(await temporaryFolder(t), 'etcd.log')
  t.strictSame(await logTail(file, 0), [])
  const before = 'of another run\n'
  const json = '{"level":"fatal","ts":"now","msg":"discovery failed","error":"no disk"}\n{"level":"info","msg":"bye"}\n'
  await writeFile(file, `${before}${json}panic: {oh\nnull\n`)
  t.strictSame(await logTail(file, before.length), [
    'fatal: discovery failed: no disk',
    'info: bye',
    'panic: {oh',
    'null',
  ])
  t.strictSame(await logTail(file, before.length, 2), ['panic: {oh', 'null'])
})
