import { execFile } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { runToEnd, startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

t.setTimeout(120_000)

const { endpoint } = await startEtcd(t)

async function ask(path: string, url = 'http://localhost/readyz'): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', [
    '-sS',
    '--unix-socket',
    path,
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    url,
  ])
  return stdout
}

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

t.test('a socket is served beside the port or alone, with its mode, until the server stops', async (t) => {
  const path = join(await temporaryFolder(t), 's')
  const env = { ETCD_ENDPOINTS: endpoint, IPPOOLD_SOCKET: path }
  const beside = await startServer(t, { env })
  t.equal(await ask(path), '200')
  t.equal(await ask(path, 'http://evil.example/readyz'), '421')
  t.equal((await fetch(`${beside.url}/readyz`)).status, 200)
  t.equal(await modeOf(path), 0o600)
  t.match(beside.output(), `the socket ${path}`)

  const second = await runToEnd({ env })
  t.equal(second.code, 1)
  t.match(second.output, `another program listens on ${path}`)
  t.match(second.output, 'IPPOOLD_SOCKET')
  t.equal(await ask(path), '200', 'the first is not disturbed')
  t.equal((await beside.stop()).code, 0)
  await t.rejects(stat(path), { code: 'ENOENT' })

  const alone = startServer(t, { env: { ...env, IPPOOLD_PORT: 'none', IPPOOLD_SOCKET_MODE: '0666' } })
  await until('it serves', () =>
    ask(path).then(
      (status) => status === '200' || undefined,
      () => undefined,
    ),
  )
  t.equal(await modeOf(path), 0o666)
  const { output, stop } = await alone
  t.match(output(), new RegExp(`^ippoold serves the socket ${path}, data in`, 'm'))
  t.equal((await stop()).code, 0)
})

t.test('the file that a killed server leaves is replaced; a file that is no socket is not', async (t) => {
  const folder = await temporaryFolder(t)
  const env = { ETCD_ENDPOINTS: endpoint, IPPOOLD_SOCKET: join(folder, 's') }
  await (await startServer(t, { env })).stop('SIGKILL')
  t.ok((await stat(env.IPPOOLD_SOCKET)).isSocket())
  await startServer(t, { env })
  t.equal(await ask(env.IPPOOLD_SOCKET), '200')

  const file = join(folder, 'file')
  await writeFile(file, 'precious')
  const { code, output } = await runToEnd({ env: { ...env, IPPOOLD_SOCKET: file } })
  t.equal(code, 1)
  t.match(output, `${file} is there, and is no socket`)
  t.equal(await readFile(file, 'utf8'), 'precious')
})
