import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/**
 * How a connection fares. What does not pass is held, as packets that TCP sends again, and arrives late when the weather clears; a cut
 * breaks connections and refuses new ones.
 */
export interface Weather {
  readonly isCut?: boolean
  readonly holdsRequests?: boolean
  readonly holdsAnswers?: boolean
  readonly delayMs?: number
}

/** A TCP proxy whose weather may differ by who is calling, as far as the first bytes of a connection tell. */
export class Link {
  readonly port: number
  /** How often a fault touched a connection or bytes on it. */
  hits = 0
  readonly #weather: (caller: string | undefined) => Weather
  readonly #close: () => void
  readonly #connections: Set<Connection>

  private constructor(
    port: number,
    weather: (caller: string | undefined) => Weather,
    connections: Set<Connection>,
    close: () => void,
  ) {
    this.port = port
    this.#weather = weather
    this.#connections = connections
    this.#close = close
  }

  /** Listens on `port` of 127.0.0.1 for `targetPort`. Members of etcd say who they are in a header, and are known by it. */
  static async open(port: number, targetPort: number, weather: (caller: string | undefined) => Weather): Promise<Link> {
    const connections = new Set<Connection>()
    const server = createServer((client) => {
      const connection = new Connection(client, targetPort, link)
      connections.add(connection)
      client.on('close', () => connections.delete(connection))
    })
    const link: Link = new Link(port, weather, connections, () => server.close())
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return link
  }

  /** The weather for a caller, counted when it is foul. */
  weatherFor(caller: string | undefined): Weather {
    const weather = this.#weather(caller)
    if (weather.isCut || weather.holdsRequests || weather.holdsAnswers || (weather.delayMs ?? 0) > 0) this.hits++
    return weather
  }

  /** To be called when the weather has changed. */
  refresh(): void {
    for (const connection of this.#connections) connection.refresh()
  }

  close(): void {
    this.#close()
    for (const connection of this.#connections) connection.destroy()
  }
}

class Connection {
  readonly #client: Socket
  readonly #target: Socket
  readonly #link: Link
  #caller: string | undefined
  readonly #requests: Flow
  readonly #answers: Flow

  constructor(client: Socket, targetPort: number, link: Link) {
    this.#client = client
    this.#link = link
    this.#target = connect(targetPort, '127.0.0.1')
    this.#requests = new Flow(this.#target)
    this.#answers = new Flow(client)
    for (const socket of [client, this.#target]) {
      // That an end breaks is what this is for; 'close' follows.
      socket.setNoDelay(true).on('error', () => undefined)
      socket.on('close', () => this.destroy())
    }
    client.on('data', (bytes: Buffer) => {
      this.#caller ??= /x-server-from: ([0-9a-f]+)/i.exec(bytes.toString('latin1'))?.[1]
      this.#pass(this.#requests, bytes)
    })
    this.#target.on('data', (bytes: Buffer) => this.#pass(this.#answers, bytes))
    this.refresh()
  }

  refresh(): void {
    const weather = this.#link.weatherFor(this.#caller)
    if (weather.isCut) this.destroy()
    this.#requests.setHeld(weather.holdsRequests ?? false)
    this.#answers.setHeld(weather.holdsAnswers ?? false)
  }

  destroy(): void {
    this.#client.destroy()
    this.#target.destroy()
  }

  #pass(flow: Flow, bytes: Buffer): void {
    this.refresh()
    flow.pass(bytes, this.#link.weatherFor(this.#caller).delayMs ?? 0)
  }
}

/** The bytes of one direction, in their order. */
class Flow {
  readonly #to: Socket
  #isHeld = false
  #queue: { readonly bytes: Buffer; readonly due: number }[] = []

  constructor(to: Socket) {
    this.#to = to
  }

  setHeld(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#drain()
  }

  pass(bytes: Buffer, delayMs: number): void {
    const due = performance.now() + delayMs
    this.#queue.push({ bytes, due })
    if (delayMs > 0) setTimeout(() => this.#drain(), delayMs + 1)
    this.#drain()
  }

  #drain(): void {
    const now = performance.now()
    for (let head = this.#queue[0]; !this.#isHeld && head !== undefined && head.due <= now; head = this.#queue[0]) {
      this.#queue.shift()
      if (this.#to.writable) this.#to.write(head.bytes)
    }
  }
}
