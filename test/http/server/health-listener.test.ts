import { spawnSync } from 'node:child_process'
import t from 'tap'
import { HealthListener } from '../../../src/http/index.ts'
import { until } from '../../support/until.ts'
import { FakeStore } from '../fake-store.ts'
import { startServer } from '../server-in-memory.ts'

t.test('health is answered while the event loop of the server stands still', async (t) => {
  const listener = await HealthListener.open('127.0.0.1', 0, new FakeStore())
  t.teardown(() => listener.close())
  const program = `fetch('http://127.0.0.1:${listener.port}/livez').then(async (answer) => console.log(await answer.text()))`
  // Nothing else runs here until the child has ended.
  const { stdout } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 20_000, env: {} })
  t.strictSame(JSON.parse(stdout), { status: 'ok', checks: [] })
})

t.test('the port for health answers as the server does, and has nothing else', async (t) => {
  const { call, store } = startServer(t)
  const listener = await HealthListener.open('127.0.0.1', 0, store)
  t.teardown(() => listener.close())
  const url = `http://127.0.0.1:${listener.port}`
  for (const path of ['/livez', '/readyz', '/readyz?verbose']) {
    const answer = await fetch(`${url}${path}`)
    t.match(await call('GET', path), { status: answer.status, body: await answer.json() }, path)
    t.equal(answer.status, 200)
  }
  const other = await fetch(`${url}/version`)
  t.equal(other.status, 404)
  t.match(await other.json(), { kind: 'Status', reason: 'NotFound', code: 404 })

  store.health = () => ({ ready: false, checks: [{ name: 'etcd', ok: false, message: 'does not answer' }] })
  const answer = await until('it is not ready', async () => {
    const answer = await fetch(`${url}/readyz`)
    return answer.status === 503 ? answer : undefined
  })
  t.equal(answer.headers.get('retry-after'), '1')
  t.strictSame(await answer.json(), (await call('GET', '/readyz')).body)
  t.equal((await fetch(`${url}/livez`)).status, 200)
  await t.rejects(HealthListener.open('127.0.0.1', listener.port, store), { code: 'EADDRINUSE' })
})
