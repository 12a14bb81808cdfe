import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type ListenOptions, Server as NetServer } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** The address that a server listens on, and the number of connections that may wait until it accepts them. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
  readonly backlog: number
}

/**
 * Sockets on one address. Node accepts one connection from each in a turn of the event loop, and under load a turn takes as long as all
 * requests that arrived in the turn before: one socket would accept only a few connections a second.
 */
const socketsPerAddress = 256

/** Only Linux distributes connections among sockets that share a port. */
const canSharePort = process.platform === 'linux'

/** How long a stop waits at most for connections that are still to be accepted. */
const acceptTimeMs = 1_000

/** The sockets on which a server listens. */
export class Listeners {
  readonly #others: NetServer[] = []

  /** Listens, on `localhost` for IPv4 and IPv6, and returns the URL. Throws if another program has the port. */
  async open(app: FastifyInstance, { host, port, backlog }: ListenAddress): Promise<string> {
    const addresses = host === 'localhost' ? (await lookup(host, { all: true })).map(({ address }) => address) : [host]
    const [first = host] = addresses
    const options = { port, backlog, reusePort: canSharePort }
    // A port that is shared can be shared by a second ippoold too.
    if (canSharePort && port !== 0) await requireFree(first, port)
    const url = await app.listen({ ...options, host: first })
    const bound = Number(new URL(url).port)
    const shared = addresses.flatMap((address) => {
      const count = (canSharePort ? socketsPerAddress : 1) - (address === first ? 1 : 0)
      return Array.from({ length: count }, () => this.#openOther(app, { ...options, host: address, port: bound }))
    })
    // The first one is enough to serve: the machine may be without IPv6.
    await Promise.allSettled(shared)
    return url
  }

  /** Accepts what waits, listens no more, calls `stopped`, and resolves when all connections are closed. */
  async close({ server }: FastifyInstance, stopped: () => void): Promise<void> {
    await acceptWaiting(server)
    const closed = [server, ...this.#others].map((listener) => {
      return new Promise((resolve) => {
        // The close of the HTTP server would also close idle connections at once, even if a request is on its way.
        NetServer.prototype.close.call(listener, resolve)
      })
    })
    stopped()
    await Promise.all(closed)
  }

  async #openOther({ server }: FastifyInstance, options: ListenOptions): Promise<void> {
    // As Node's HTTP server creates its sockets.
    const other = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => server.emit('connection', socket))
    other.listen(options)
    await once(other, 'listening')
    this.#others.push(other)
  }
}

/** Fails as a listen would if another program has the port. */
async function requireFree(host: string, port: number): Promise<void> {
  const probe = createServer().listen({ host, port })
  await once(probe, 'listening')
  const closed = once(probe, 'close')
  probe.close()
  await closed
}

/** Waits for a turn of the event loop that accepts nothing: the system resets connections that wait when a listener closes. */
async function acceptWaiting(server: NetServer): Promise<void> {
  const deadline = performance.now() + acceptTimeMs
  let isQuiet = false
  const onConnection = (): void => {
    isQuiet = false
  }
  server.on('connection', onConnection)
  await nextTurn()
  while (!isQuiet && performance.now() < deadline) {
    isQuiet = true
    await nextTurn()
  }
  server.off('connection', onConnection)
}
