import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { askHealth } from '../../src/embedded-etcd/launch.ts'
import { startEtcdCluster } from '../support/etcd.ts'

async function call(endpoint: string | undefined, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${endpoint ?? ''}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) })
  return response.json()
}

t.test('the members of a test cluster hold the same, and go on when one of them is killed', async (t) => {
  const { endpoints, members } = await startEtcdCluster(t, 3)
  const pair = { key: btoa('a'), value: btoa('b') }
  await call(endpoints[0], 'put', pair)
  t.match(await call(endpoints[1], 'range', { key: pair.key }), { kvs: [pair] })

  const [victim] = members
  if (victim === undefined) throw new Error('There are no members.')
  await victim.kill()
  const next = { key: btoa('c'), value: btoa('d') }
  const deadline = Date.now() + 20_000
  while (!(await askHealth(endpoints[1] ?? '')).isHealthy && Date.now() < deadline) await pause(20)
  await call(endpoints[1], 'put', next)
  await victim.start()
  while (!(await askHealth(victim.endpoint)).isHealthy && Date.now() < deadline) await pause(20)
  t.match(await call(victim.endpoint, 'range', { key: next.key }), { kvs: [next] })
})
