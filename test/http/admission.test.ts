import { connect } from 'node:net'
import t from 'tap'
import { RawConnection, rawRequest } from '../support/raw-http.ts'
import { until } from '../support/until.ts'
import { startServer } from './server-in-memory.ts'

const refused = {
  status: 503,
  headers: { 'retry-after': '1' },
  body: { reason: 'ServiceUnavailable', message: /^3 calls are under way.*nothing was changed/ },
}

t.test('beyond the limit a call is turned away by its head alone, and the server still says how it is', async (t) => {
  const { app, call, store } = startServer(t, { callsMax: 3 })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const head = rawRequest('POST', '/ipam/v1/assign', '{"handle":"a"}').slice(0, -14)
  const held = await Promise.all([1, 2, 3].map(() => RawConnection.open(url)))
  for (const connection of held) await connection.write(head)
  await until('all to be under way', async () => (await call('GET', '/ipam/v1/handles/a')).status === 503 || undefined)
  const [first] = held
  if (first === undefined) throw new Error('There are three.')

  const late = await RawConnection.open(url)
  t.teardown(() => late.cut())
  await late.write(head)
  await until('an answer', () => late.answers().length > 0 || undefined)
  t.match(late.answers(), [{ status: 503, head: /retry-after: 1/i, body: /nothing was changed/ }])
  t.equal(store.view.text('/calico/ipam/v2/handle/a'), undefined, 'nothing was begun')
  // The rest of a call that was turned away is thrown away, and the connection goes on.
  await late.write(`{"handle":"a"}${rawRequest('GET', '/livez')}`)
  await until('the next answer', () => late.answers().length > 1 || undefined)
  t.match(late.answers()[1], { status: 200 })
  t.match(await call('GET', '/apis/projectcalico.org/v3/ippools'), refused)
  for (const path of ['/livez', '/readyz', '/version']) t.match(await call('GET', path), { status: 200 }, path)

  await first.write('{"handle":"a"}')
  await until('it to be answered', () => first.answers().length > 0 || undefined)
  t.match(first.answers(), [{ status: 201 }], 'what is under way is carried out')
  t.match(await call('GET', '/ipam/v1/handles/a'), { status: 200 }, 'there is room again')
  for (const connection of held) connection.cut()
})

t.test('a caller that hangs up makes room; what it had begun does not until it is over', async (t) => {
  const { app, call, store } = startServer(t, { callsMax: 3 })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const head = rawRequest('POST', '/ipam/v1/assign', '{}').slice(0, -2)
  const sockets = [1, 2, 3].map(() => connect(Number(port), '127.0.0.1'))
  for (const socket of sockets) socket.write(head)
  await until('all to be under way', async () => (await call('GET', '/ipam/v1/handles/a')).status === 503 || undefined)
  for (const socket of sockets) socket.destroy()
  await until('room again', async () => (await call('GET', '/ipam/v1/handles/a')).status === 404 || undefined)
  store.pending = 3
  t.match(await call('GET', '/ipam/v1/handles/a'), refused)
  store.pending = 2
  t.match(await call('GET', '/ipam/v1/handles/a'), { status: 404 })
})
