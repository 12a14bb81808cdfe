import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t from 'tap'
import { EtcdClient } from '../../../src/datastore/etcd/client.ts'

t.test('a read whose last try was too short says what an earlier one met', async (t) => {
  const sockets: Socket[] = []
  // The first connection is closed, the others are left without an answer.
  const server = createServer((socket) => {
    if (sockets.push(socket) === 1) socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = new EtcdClient({ endpoints: [`http://127.0.0.1:${port}`] })
  t.teardown(() => {
    client.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const read = client.range({ key: Buffer.from('a') }, 2_000)
  await t.rejects(read, { message: /^etcd ends the connection at once; nothing was changed\./ })
  t.ok(sockets.length > 1)
})
