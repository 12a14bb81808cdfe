import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { parentPort } from 'node:worker_threads'

/**
 * A thread with the cheapest server that refuses: it answers whatever it receives first over a connection with a constant 503, and closes
 * it. It reads no HTTP, and accepts as the server does. Posts its URL once it listens.
 */

const answer = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'

/** As many sockets as the server has for an address. */
const sockets = 256

function serve(socket: Socket): void {
  socket.on('error', () => undefined)
  socket.once('data', () => socket.end(answer))
}

let port = 0
for (let opened = 0; opened < sockets; opened++) {
  const server = createServer({ noDelay: true }, serve)
  server.listen({ host: '127.0.0.1', port, backlog: 4_096, reusePort: true })
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
}
parentPort?.postMessage(`http://127.0.0.1:${port}`)
