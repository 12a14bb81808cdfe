import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { lstat, unlink } from 'node:fs/promises'
import { connect, createServer, type ListenOptions, Server as NetServer, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { TlsFront } from './tls-front.ts'

/** A port that a server listens on, and the number of connections that may wait until it accepts them. */
export interface TcpAddress {
  readonly host: string
  readonly port: number
  readonly backlog: number
}

/** A Unix socket that a server listens on. */
export interface UnixAddress {
  readonly path: string
  /** The permissions of its file. */
  readonly mode: number
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
  readonly #tls: TlsFront | undefined
  readonly #others: NetServer[] = []
  /** Serves a connection without TLS. */
  #servePlain: ((socket: Socket) => void) | undefined

  /** With `tls`, ports are served with TLS. Unix sockets never are: their traffic does not leave the machine. */
  constructor(tls?: TlsFront) {
    this.#tls = tls
  }

  /** Listens, on `localhost` for IPv4 and IPv6, and returns the URL. Throws if another program has the port. */
  async open(app: FastifyInstance, { host, port, backlog }: TcpAddress): Promise<string> {
    this.#connect(app)
    const addresses = host === 'localhost' ? (await lookup(host, { all: true })).map(({ address }) => address) : [host]
    const [first = host] = addresses
    const options = { port, backlog, reusePort: canSharePort }
    // A port that is shared can be shared by a second ippoold too.
    if (canSharePort && port !== 0) await requireFree(first, port)
    const printUrl = (url: string): string => (this.#tls === undefined ? url : url.replace(/^http:/, 'https:'))
    const listenTextResolver = (url: string): string => `Server listening at ${printUrl(url)}`
    const url = await app.listen({ ...options, host: first, listenTextResolver })
    const bound = Number(new URL(url).port)
    const shared = addresses.flatMap((address) => {
      const count = (canSharePort ? socketsPerAddress : 1) - (address === first ? 1 : 0)
      return Array.from({ length: count }, () => this.#openOther(app, { ...options, host: address, port: bound }))
    })
    // The first one is enough to serve: the machine may be without IPv6.
    await Promise.allSettled(shared)
    return printUrl(url)
  }

  /**
   * Listens on a Unix socket. Replaces the file of a socket without a listener, as a killed server leaves it. Throws if another program
   * listens on it, or the file is no socket.
   */
  async openUnix(app: FastifyInstance, { path, mode, backlog }: UnixAddress): Promise<void> {
    const servePlain = this.#connect(app)
    await app.ready()
    await removeStale(path)
    const isFirst = !app.server.listening
    const server = isFirst ? app.server : createServer(socketOptions, servePlain)
    // The socket is created with this mode: if the mode was changed later, others could connect before.
    const before = process.umask(0o777 & ~mode)
    server.listen({ path, backlog })
    process.umask(before)
    await once(server, 'listening')
    if (!isFirst) this.#others.push(server)
  }

  /** Accepts waiting connections, stops listening, calls `stopped`, and resolves when all connections are closed. */
  async close({ server }: FastifyInstance, stopped: () => void): Promise<void> {
    await acceptWaiting(server)
    const closed = [server, ...this.#others].map((listener) => {
      return new Promise((resolve) => {
        // The close of the HTTP server would also close idle connections at once, even if a request is on its way.
        NetServer.prototype.close.call(listener, resolve)
      })
    })
    stopped()
    this.#tls?.announceStop()
    await Promise.all(closed)
  }

  /** Closes all connections without a request in flight. */
  closeIdleConnections({ server }: FastifyInstance): void {
    server.closeIdleConnections()
    this.#tls?.closeIdle()
  }

  closeAllConnections({ server }: FastifyInstance): void {
    server.closeAllConnections()
    this.#tls?.closeAll()
  }

  /** Puts TLS before the server, and returns what serves a connection without it. */
  #connect(app: FastifyInstance): (socket: Socket) => void {
    this.#servePlain ??= this.#tls?.protect(app) ?? ((socket) => app.server.emit('connection', socket))
    return this.#servePlain
  }

  async #openOther({ server }: FastifyInstance, options: ListenOptions): Promise<void> {
    const other = createServer(socketOptions, (socket) => server.emit('connection', socket))
    other.listen(options)
    await once(other, 'listening')
    this.#others.push(other)
  }
}

/** As Node's HTTP server creates its sockets. */
const socketOptions = { allowHalfOpen: true, noDelay: true }

async function removeStale(path: string): Promise<void> {
  const file = await lstat(path).catch(() => undefined)
  if (file === undefined) return
  if (!file.isSocket()) throw new Error(`${path} is there, and is no socket`)
  const probe = connect(path)
  try {
    await once(probe, 'connect')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) throw error
    await unlink(path)
    return
  } finally {
    probe.destroy()
  }
  throw new Error(`another program listens on ${path}`)
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
