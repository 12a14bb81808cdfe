import { lookup } from 'node:dns/promises'
import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Listeners } from '../../../src/http/index.ts'
import { rawRequest } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { startServer } from '../server-in-memory.ts'

const backlog = 4_096

async function listen(t: Test, host = '127.0.0.1') {
  const listeners = new Listeners()
  const { app } = startServer(t, { listeners })
  const url = new URL(await listeners.open(app, { host, port: 0, backlog }))
  return { app, listeners, port: Number(url.port) }
}

/** Sends a request over a connection of its own. The system connects before the server accepts. */
function ask(port: number, host: string, path: string): { readonly socket: Socket; received: string } {
  const socket = connect(port, host)
  const asked = { socket, received: '' }
  socket.on('error', (error) => {
    asked.received += error.message
  })
  socket.on('data', (chunk: Buffer) => {
    asked.received += chunk.toString()
  })
  socket.write(rawRequest('GET', path, undefined, ['connection: close']))
  return asked
}

const connections = 100

t.test('a turn of the event loop accepts many connections', { skip: process.platform !== 'linux' }, async (t) => {
  const { app, port } = await listen(t)
  let accepted = 0
  app.server.on('connection', () => accepted++)
  const asked = Array.from({ length: connections }, () => ask(port, '127.0.0.1', '/livez'))
  let turns = 0
  for (; accepted < connections; turns++) await nextTurn()
  t.ok(turns < connections / 2, `${turns} turns`)
  for (const { socket } of asked) socket.destroy()
})

t.test('a stop answers connections that were still to be accepted', async (t) => {
  const { app, port } = await listen(t)
  const refusedWhileListening: boolean[] = []
  app.server.prependListener('request', (_request, response) => {
    response.once('finish', () => {
      if (response.statusCode === 503) refusedWhileListening.push(app.server.listening)
    })
  })
  const asked = Array.from({ length: connections }, () => ask(port, '127.0.0.1', '/ipam/v1/handles/a'))
  // Until the system has connected them; the server has accepted few.
  await nextTurn()
  await app.close()
  await until('all are closed', () => asked.every(({ socket }) => socket.destroyed) || undefined)
  const answers = new Set(asked.map(({ received }) => received.split('\r\n')[0]))
  t.strictSame(
    [...answers].filter((answer) => !/^HTTP\/1.1 (404|503) /.test(answer ?? '')),
    [],
  )
  t.ok(refusedWhileListening.length > 0, 'some came too late')
  t.notOk(refusedWhileListening.includes(true), 'and cannot connect again: the stop would never be done with accepting')
})

t.test('a port that another server shares among its sockets is taken', async (t) => {
  const { port } = await listen(t)
  const listeners = new Listeners()
  const { app } = startServer(t, { listeners })
  await t.rejects(listeners.open(app, { host: '127.0.0.1', port, backlog }), { code: 'EADDRINUSE' })
})

t.test('localhost is every address that it has, and all are stopped', async (t) => {
  const addresses = (await lookup('localhost', { all: true })).map(({ address }) => address)
  const { app, port } = await listen(t, 'localhost')
  for (const host of addresses) {
    const asked = ask(port, host, '/livez')
    await until(`an answer at ${host}`, () => asked.socket.destroyed || undefined)
    t.match(asked.received, /^HTTP\/1.1 200 /, host)
  }
  await app.close()
  for (const host of addresses) {
    const asked = ask(port, host, '/livez')
    await until(`${host} to be closed`, () => asked.socket.destroyed || undefined)
    t.match(asked.received, /ECONNREFUSED/, host)
  }
})
