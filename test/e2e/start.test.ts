import { connect, createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { freePorts } from '../../src/embedded-etcd/ports.ts'
import { settings } from '../../src/settings.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { startProxy } from '../support/proxy.ts'
import { poolsPath } from '../support/ippoold.ts'
import { etcdOf, runToEnd, startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

// Every test starts processes, some of them several.
t.setTimeout(280_000)

/** One key through etcd's JSON gateway, which is there whatever client the server uses. */
async function putKey(endpoint: string, key: string, value: string): Promise<void> {
  await callEtcd(endpoint, 'put', { key: btoa(key), value: btoa(value) })
}

async function getKey(endpoint: string, key: string): Promise<string | undefined> {
  const answer = await callEtcd(endpoint, 'range', { key: btoa(key) })
  const { kvs } = answer as { kvs?: { value: string }[] }
  return kvs?.[0] && atob(kvs[0].value)
}

async function callEtcd(endpoint: string, call: 'put' | 'range', body: object): Promise<unknown> {
  const response = await fetch(`${endpoint}/v3/kv/${call}`, { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`etcd answers ${response.status}`)
  return response.json()
}

async function endpointIn(dataDir: string): Promise<string> {
  const { clientPort } = JSON.parse(await readFile(join(dataDir, 'etcd.json'), 'utf8')) as { clientPort: number }
  return `http://127.0.0.1:${clientPort}`
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`the server serves, and ${signal} ends it and its etcd with exit code 0`, async (t) => {
    const server = await startServer(t)
    t.equal((await fetch(`${server.url}/livez`)).status, 200)
    t.match(server.output(), `data in ${server.dataDir}`, 'it says where the data are')
    t.match(server.output(), `${server.url}/docs`, 'it says where the documentation is')
    t.not(await etcdOf(server.dataDir), undefined, 'etcd runs')
    t.strictSame(await server.stop(signal), { code: 0, signal: null })
    t.equal(await etcdOf(server.dataDir), undefined, 'etcd has ended')
  })
}

t.test('the same signal twice at once, as npm passes Ctrl-C on, is one wish to stop', async (t) => {
  const server = await startServer(t)
  process.kill(server.pid, 'SIGINT')
  process.kill(server.pid, 'SIGTERM')
  t.strictSame(await server.stop('SIGINT'), { code: 0, signal: null })
})

/** A request with half of its body sent. Collects the response until the connection ends. */
async function halfRequest(url: string): Promise<{ finish: () => Promise<string> }> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString()))
  const ended = once(socket, 'close')
  await once(socket, 'connect')
  const head = 'POST /ipam/v1/assign HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n'
  socket.write(`${head}content-length: 10\r\n\r\n{"a":`)
  // The server has begun with it once it has answered a request that was sent later.
  await fetch(`${url}/livez`)
  const finish = async (): Promise<string> => {
    socket.write('true}')
    await ended
    return answer
  }
  return { finish }
}

async function stopsListening(url: string): Promise<void> {
  const isListening = async (): Promise<boolean> => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const outcome = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    return outcome
  }
  const deadline = Date.now() + 10_000
  while ((await isListening()) && Date.now() < deadline) await pause(20)
}

t.test('a request in flight is answered before the server stops', async (t) => {
  const server = await startServer(t)
  const { finish } = await halfRequest(server.url)
  const stopped = server.stop()
  await stopsListening(server.url)
  t.match(await finish(), /^HTTP\/1\.1 4\d\d /, 'the body was looked at, and refused for what it says')
  t.equal((await stopped).code, 0)
})

t.test('a second signal does not wait for a client that never finishes, and still ends etcd', async (t) => {
  const server = await startServer(t)
  const { finish } = await halfRequest(server.url)
  const stopped = server.stop()
  await pause(1_500)
  t.not(await etcdOf(server.dataDir), undefined, 'the server is waiting')
  process.kill(server.pid, 'SIGTERM')
  t.equal((await stopped).code, 1)
  await finish().catch(() => undefined)
  const deadline = Date.now() + 5_000
  while ((await etcdOf(server.dataDir)) !== undefined && Date.now() < deadline) await pause(20)
  t.equal(await etcdOf(server.dataDir), undefined)
})

t.test('a restart finds the data again', async (t) => {
  const dataDir = await temporaryFolder(t)
  const env = { IPPOOLD_DATA_DIR: dataDir }
  const first = await startServer(t, { env })
  await putKey(await endpointIn(dataDir), 'kept', 'by etcd')
  await first.stop()
  await startServer(t, { env })
  t.equal(await getKey(await endpointIn(dataDir), 'kept'), 'by etcd')
})

t.test('a restart after kill -9 takes over the etcd that was left, and its data', async (t) => {
  const dataDir = await temporaryFolder(t)
  const env = { IPPOOLD_DATA_DIR: dataDir }
  const killed = await startServer(t, { env })
  await putKey(await endpointIn(dataDir), 'kept', 'by etcd')
  const orphan = await etcdOf(dataDir)
  t.strictSame(await killed.stop('SIGKILL'), { code: null, signal: 'SIGKILL' })
  t.strictSame(await etcdOf(dataDir), orphan, 'etcd outlives the server')

  const next = await startServer(t, { env })
  t.strictSame(await etcdOf(dataDir), orphan, 'it is the same etcd')
  t.equal(await getKey(await endpointIn(dataDir), 'kept'), 'by etcd')
  t.equal((await next.stop()).code, 0)
  t.equal(await etcdOf(dataDir), undefined, 'and it ends with its new server')
})

t.test('an etcd that dies is started again, and the server becomes ready again', async (t) => {
  const server = await startServer(t)
  const before = await etcdOf(server.dataDir)
  if (before === undefined) throw new Error('There is no etcd.')
  process.kill(before.pid, 'SIGKILL')
  const deadline = Date.now() + 20_000
  let isBack = false
  while (!isBack && Date.now() < deadline) {
    const after = await etcdOf(server.dataDir)
    const answer = await fetch(`${server.url}/readyz`)
    await pause(50)
    isBack = after !== undefined && after.pid !== before.pid && answer.ok
  }
  t.ok(isBack)
})

t.test('two servers run side by side on data directories of their own', async (t) => {
  const [one, other] = await Promise.all([startServer(t), startServer(t)])
  t.not(one.url, other.url)
  t.equal((await fetch(`${one.url}/livez`)).status, 200)
  t.equal((await fetch(`${other.url}/livez`)).status, 200)
})

t.test('two servers share one etcd by its endpoint', async (t) => {
  const owner = await startServer(t)
  const guest = await startServer(t, { env: { ETCD_ENDPOINTS: await endpointIn(owner.dataDir) } })
  t.equal((await fetch(`${guest.url}/readyz`)).status, 200)
  t.equal((await guest.stop()).code, 0)
  t.not(await etcdOf(owner.dataDir), undefined, 'the etcd belongs to the other one, and goes on')
})

t.test('a second server on the same data directory does not start, and disturbs nothing', async (t) => {
  const first = await startServer(t)
  const env = { IPPOOLD_DATA_DIR: first.dataDir }
  const { code, output } = await runToEnd({ env })
  t.equal(code, 1)
  t.match(output, `process ${first.pid}`)
  t.match(output, 'IPPOOLD_DATA_DIR')
  t.match(output, `ETCD_ENDPOINTS=${await endpointIn(first.dataDir)}`)
  t.equal((await fetch(`${first.url}/readyz`)).status, 200)
})

t.test('a port that is taken stops the start before etcd is started or asked', async (t) => {
  const dataDir = await temporaryFolder(t)
  const holder = createServer().listen(0, '127.0.0.1')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  const { code, output } = await runToEnd({ args: [`--port=${port}`], env: { IPPOOLD_DATA_DIR: dataDir } })
  t.equal(code, 1)
  t.match(output, `Port ${port} of 127.0.0.1 is taken`)
  t.strictSame(await readdir(dataDir), [], 'no etcd was started')

  const elsewhere = await runToEnd({ args: [`--port=${port}`], env: { ETCD_ENDPOINTS: 'http://127.0.0.1:1' } })
  t.equal(elsewhere.code, 1)
  t.match(elsewhere.output, `Port ${port} of 127.0.0.1 is taken`)
})

t.test('a server that is still starting is alive, not ready, and refuses everything else for now', async (t) => {
  const etcd = await startEtcd(t)
  const proxy = await startProxy(t, etcd.endpoint)
  proxy.newcomers = 'mute'
  const [port = 0] = await freePorts(1)
  const starting = startServer(t, { env: { ETCD_ENDPOINTS: proxy.endpoint, IPPOOLD_PORT: String(port) } })
  const client = new HttpClient(t, `http://127.0.0.1:${port}`)
  await until('it listens', () => client.call('GET', '/livez').catch(() => undefined))
  t.equal((await client.call('GET', '/livez')).status, 200)
  t.match(await client.call('GET', '/readyz'), {
    status: 503,
    headers: { 'retry-after': '1' },
    body: { reason: 'ServiceUnavailable', message: 'not ready: datastore is not open yet' },
  })
  const changes = [
    ['POST', '/ipam/v1/assign'],
    ['GET', '/ipam/v1/handles/a'],
    ['GET', '/ipam/v1/check'],
    ['GET', poolsPath],
  ] as const
  for (const [method, path] of changes) {
    const answer = await client.call(method, path, method === 'POST' ? {} : undefined)
    t.match(
      answer,
      {
        status: 503,
        headers: { 'retry-after': '1' },
        body: { kind: 'Status', reason: 'ServiceUnavailable', message: /starting; nothing was changed/ },
      },
      path,
    )
  }
  proxy.newcomers = 'pass'
  proxy.release()
  await starting
  t.equal((await client.call('GET', '/ipam/v1/check')).status, 200)
})

t.test('bad settings stop the start with exit code 2, all of them named', async (t) => {
  const args = ['--queue-limit=many', '--no-such-flag']
  const { code, output } = await runToEnd({ args, env: { IPPOOLD_PORT: '80800', IPPOOLD_HOST: '0.0.0.0' } })
  t.equal(code, 2)
  for (const name of ['--queue-limit', '--no-such-flag', 'IPPOOLD_PORT', 'IPPOOLD_HOST']) t.match(output, `${name}:`)
})

t.test('a file of a setting that cannot be read stops the start with exit code 2', async (t) => {
  const env = {
    ETCD_ENDPOINTS: 'https://127.0.0.1:1',
    ETCD_CA_CERT_FILE: 'no/such/file.pem',
    ETCD_PASSWORD: 'secret',
    ETCD_USERNAME: 'root',
  }
  const { code, output } = await runToEnd({ env })
  t.equal(code, 2)
  t.match(output, 'ETCD_CA_CERT_FILE: no/such/file.pem')
  t.notMatch(output, 'secret')
})

t.test('an etcd binary that is none stops the start, naming the setting', async (t) => {
  const dataDir = await temporaryFolder(t)
  const { code, output } = await runToEnd({ env: { IPPOOLD_DATA_DIR: dataDir, IPPOOLD_ETCD_BINARY: process.execPath } })
  t.equal(code, 1)
  t.match(output, 'IPPOOLD_ETCD_BINARY')
})

t.test('a data directory that cannot be one stops the start, naming it and the setting', async (t) => {
  const file = join(await temporaryFolder(t), 'file')
  await writeFile(file, '')
  const { code, output } = await runToEnd({ env: { IPPOOLD_DATA_DIR: file } })
  t.equal(code, 1)
  t.match(output, `${file} cannot be used (ENOTDIR`)
  t.match(output, 'IPPOOLD_DATA_DIR')
  t.notMatch(output, /^ +at /m, 'it is no bug, and has no stack')
})

t.test('a proxy that the environment names is not between the server and its own etcd', async (t) => {
  const proxy = 'http://127.0.0.1:1'
  const env = { http_proxy: proxy, https_proxy: proxy, grpc_proxy: proxy, no_proxy: '', no_grpc_proxy: '' }
  const server = await startServer(t, { env })
  t.equal((await fetch(`${server.url}/readyz`)).status, 200)
})

t.test('an etcd that is not there stops the start, naming it', async (t) => {
  const { code, output } = await runToEnd({ env: { ETCD_ENDPOINTS: 'http://127.0.0.1:1' } })
  t.equal(code, 1)
  t.match(output, 'http://127.0.0.1:1')
})

t.test('--help lists every setting', async (t) => {
  const { code, output } = await runToEnd({ args: ['--help'] })
  t.equal(code, 0)
  const variables = Object.values(settings).map(({ variable }) => variable)
  t.ok(variables.length > 15)
  for (const variable of variables) t.match(output, ` ${variable}\n`)
})

t.test('--version prints the version of the package', async (t) => {
  const { code, output } = await runToEnd({ args: ['--version'] })
  t.equal(code, 0)
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  t.equal(output, `ippoold ${version}\n`)
})
