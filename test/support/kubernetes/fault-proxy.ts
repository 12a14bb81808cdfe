import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { Agent, request as sendRequest } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Authority } from '../authority.ts'
import type { Scope } from '../scope.ts'
import { until } from '../until.ts'

/** A request on its way to the API server. */
export interface SeenRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** The text of the body; empty if there is none. */
  readonly body: string
  readonly isWatch: boolean
  /** True if it may change something. */
  readonly isWrite: boolean
  /** Of the answer that the caller got; absent until then, and if it got none. */
  status?: number
}

/** An answer in place of the API server's. */
export interface FixedAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: object
}

/** What happens to a request. */
export type RequestFault =
  /** The API server never gets it, and the connection breaks. */
  | { readonly kind: 'lose-request' }
  /** The API server carries it out; the connection breaks in place of the answer. */
  | { readonly kind: 'lose-answer' }
  /** The API server gets it later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** It waits until {@link Rule.release}, and reaches the API server then, even if the caller has gone. */
  | { readonly kind: 'hold-request' }
  /** It is carried out; the answer waits until {@link Rule.release}. */
  | { readonly kind: 'hold-answer' }
  /** The API server never gets it; this is the answer. */
  | { readonly kind: 'answer'; readonly answer: FixedAnswer }
  /** Something happens first, such as a write to the same object by somebody else. */
  | { readonly kind: 'meanwhile'; readonly run: (request: SeenRequest) => Promise<void> }

/** Which requests a fault is for. */
export interface RuleSettings {
  readonly matches: (request: SeenRequest) => boolean
  readonly fault: RequestFault
  /** How many requests it hits at most; all of them unless given. */
  readonly times?: number
}

/** A fault that is set. */
export class Rule {
  /** The requests that it has hit, in their order. */
  readonly hits: SeenRequest[] = []
  readonly #settings: RuleSettings
  /** Resolves with {@link release}. */
  readonly released: Promise<void>
  #letGo: () => void = () => undefined
  #isOver = false

  constructor(settings: RuleSettings) {
    this.#settings = settings
    this.released = new Promise((resolve) => {
      this.#letGo = resolve
    })
  }

  /** The fault for a request; undefined if it is not for this rule. */
  take(request: SeenRequest): RequestFault | undefined {
    const { matches, fault, times = Infinity } = this.#settings
    if (this.#isOver || this.hits.length >= times || !matches(request)) return undefined
    this.hits.push(request)
    return fault
  }

  /** Resolves when it has hit `count` requests. Throws if that takes too long. */
  async hit(count = 1): Promise<void> {
    await until(`${count} requests are hit`, () => this.hits.length >= count || undefined)
  }

  /** Lets go on what is held. What comes later is not held any more. */
  release(): void {
    this.#letGo()
  }

  /** Hits nothing any more, and lets go on what is held. */
  end(): void {
    this.#isOver = true
    this.release()
  }
}

/**
 * The network between clients and an API server, with its faults under control: nothing in here breaks at random or heals by itself. It
 * ends the TLS of the clients with a certificate of the same authority and reads HTTP, so that faults are chosen by request. Tokens
 * pass; certificates of clients do not.
 */
export class ApiFaultProxy {
  /** Every request so far, in the order in which they came. */
  readonly requests: SeenRequest[] = []
  /** True refuses every new connection, and every request on the present ones, as when the API server is down. */
  isDown = false
  readonly #target: URL
  readonly #server: Http2SecureServer
  readonly #agent: Agent
  readonly #sockets = new Set<Socket>()
  readonly #watches = new Set<Watch>()
  #rules: readonly Rule[] = []

  private constructor(target: string, ca: string, files: { readonly certificate: string; readonly key: string }) {
    this.#target = new URL(target)
    this.#agent = new Agent({ keepAlive: true, ca })
    const identity = { cert: readFileSync(files.certificate), key: readFileSync(files.key) }
    this.#server = createSecureServer({ ...identity, allowHTTP1: true }, (request, response) => {
      void this.#serve(request, response).catch(() => {
        breakConnection(request)
      })
    })
    this.#server.on('connection', (socket: Socket) => {
      if (this.isDown) socket.destroy()
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    // Connections that break are the purpose here.
    for (const event of ['clientError', 'tlsClientError', 'sessionError']) this.#server.on(event, () => undefined)
  }

  /** A proxy before the API server at `target`, for as long as the test runs. */
  static async start(t: Scope, target: string, authority: Authority): Promise<ApiFaultProxy> {
    const files = await authority.sign({ name: 'fault-proxy', hosts: ['IP:127.0.0.1', 'DNS:localhost'] })
    const proxy = new ApiFaultProxy(target, authority.pem, files)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    t.teardown(() => proxy.close())
    return proxy
  }

  /** The URL for clients. */
  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Sets a fault. Of several that match a request, the first that was set hits it. */
  when(settings: RuleSettings): Rule {
    const rule = new Rule(settings)
    this.#rules = [...this.#rules, rule]
    return rule
  }

  /** Ends all faults. */
  heal(): void {
    this.isDown = false
    for (const rule of this.#rules) rule.end()
    this.#rules = []
    this.releaseWatches()
  }

  /** Breaks all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Ends open watches: `cut` breaks their connections, `end` closes them as the API server does from time to time. */
  endWatches(how: 'cut' | 'end', path = ''): void {
    for (const watch of this.#watchesOf(path)) watch.close(how)
  }

  /** Tells open watches that their version is too old, as after a compaction, and ends them. */
  expireWatches(path = ''): void {
    const status = printStatus(410, 'Expired', 'too old resource version')
    for (const watch of this.#watchesOf(path)) watch.fail({ type: 'ERROR', object: status })
  }

  /** Keeps back the events of open watches; the watch stays open, and its image of the cluster falls behind. */
  holdWatches(path = ''): void {
    for (const watch of this.#watchesOf(path)) watch.hold()
  }

  /** Lets go on what {@link holdWatches} has kept. */
  releaseWatches(path = ''): void {
    for (const watch of this.#watchesOf(path)) watch.release()
  }

  /** How many watches are open of paths that contain `path`. */
  countWatches(path = ''): number {
    return this.#watchesOf(path).length
  }

  async close(): Promise<void> {
    this.heal()
    this.#server.close()
    this.cut()
    this.#agent.destroy()
  }

  #watchesOf(path: string): readonly Watch[] {
    return [...this.#watches].filter((watch) => watch.path.includes(path))
  }

  async #serve(incoming: Incoming, response: Outgoing): Promise<void> {
    const seen = await readRequest(incoming)
    this.requests.push(seen)
    if (this.isDown) {
      breakConnection(incoming)
      return
    }
    const { fault, rule } = this.#faultFor(seen)
    if (fault?.kind === 'lose-request') {
      breakConnection(incoming)
      return
    }
    if (fault?.kind === 'answer') {
      const { status, headers = {}, body } = fault.answer
      seen.status = status
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(JSON.stringify(body))
      return
    }
    if (fault?.kind === 'delay') await pause(fault.ms)
    if (fault?.kind === 'hold-request') await rule?.released
    if (fault?.kind === 'meanwhile') await fault.run(seen)
    const answer = await this.#forward(incoming, seen)
    if (seen.isWatch && answer.statusCode === 200) {
      this.#stream(seen, incoming, answer, response)
      return
    }
    const body = await readAll(answer)
    if (fault?.kind === 'hold-answer') await rule?.released
    if (fault?.kind === 'lose-answer') {
      breakConnection(incoming)
      return
    }
    seen.status = answer.statusCode ?? 0
    response.writeHead(seen.status, headersToClient(answer))
    response.end(body)
  }

  #faultFor(seen: SeenRequest): { readonly fault?: RequestFault; readonly rule?: Rule } {
    for (const rule of this.#rules) {
      const fault = rule.take(seen)
      if (fault !== undefined) return { fault, rule }
    }
    return {}
  }

  async #forward(incoming: Incoming, { method, body }: SeenRequest): Promise<IncomingMessage> {
    const { hostname, port } = this.#target
    const headers = Object.fromEntries(
      Object.entries(incoming.headers).filter(([name]) => !name.startsWith(':') && !ofOneConnection.has(name)),
    )
    const outgoing = sendRequest({ agent: this.#agent, hostname, port, method, path: incoming.url, headers })
    outgoing.end(body)
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    return answer
  }

  #stream(seen: SeenRequest, incoming: Incoming, answer: IncomingMessage, response: Outgoing): void {
    seen.status = 200
    response.writeHead(200, headersToClient(answer))
    const watch = new Watch(seen.path, incoming, answer, response)
    this.#watches.add(watch)
    const forget = (): void => {
      this.#watches.delete(watch)
      answer.destroy()
    }
    response.on('close', forget)
    answer.on('error', () => watch.close('cut'))
    answer.on('end', () => watch.close('end'))
    answer.on('data', (chunk: Buffer) => watch.pass(chunk))
  }
}

type Incoming = IncomingMessage | Http2ServerRequest
type Outgoing = Http2ServerResponse

/** An open watch. */
class Watch {
  readonly path: string
  readonly #incoming: Incoming
  readonly #answer: IncomingMessage
  readonly #response: Outgoing
  #held: Buffer[] | undefined

  constructor(path: string, incoming: Incoming, answer: IncomingMessage, response: Outgoing) {
    this.path = path
    this.#incoming = incoming
    this.#answer = answer
    this.#response = response
  }

  pass(chunk: Buffer): void {
    if (this.#held !== undefined) this.#held.push(chunk)
    else this.#response.write(chunk)
  }

  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const chunk of held) this.pass(chunk)
  }

  fail(event: object): void {
    this.#held = undefined
    this.pass(Buffer.from(`${JSON.stringify(event)}\n`))
    this.close('end')
  }

  close(how: 'cut' | 'end'): void {
    this.#answer.destroy()
    if (how === 'cut') breakConnection(this.#incoming)
    else this.#response.end()
  }
}

/** A Status, as the API server answers it. */
function printStatus(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code }
}

/** The answer of an API server that has too much to do. */
export function tooManyRequests(seconds: number): FixedAnswer {
  const body = printStatus(429, 'TooManyRequests', 'Too many requests, please try again later.')
  return { status: 429, headers: { 'retry-after': String(seconds) }, body }
}

/** An answer that leaves open whether the request was carried out. */
export function gatewayTimeout(): FixedAnswer {
  return {
    status: 504,
    body: printStatus(504, 'Timeout', 'Timeout: request did not complete within the allotted timeout'),
  }
}

/** Headers that are about one connection, and the length, which changes with the transfer. */
const ofOneConnection = new Set(['connection', 'host', 'keep-alive', 'transfer-encoding', 'upgrade', 'content-length'])

function headersToClient({ headers }: IncomingMessage): Record<string, string | string[]> {
  const kept = Object.entries(headers).flatMap(([name, value]) => {
    return value === undefined || ofOneConnection.has(name) ? [] : [[name, value] as const]
  })
  return Object.fromEntries(kept)
}

async function readRequest(incoming: Incoming): Promise<SeenRequest> {
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'https://any')
  const method = incoming.method ?? ''
  return {
    method,
    path: pathname,
    query: searchParams,
    body: (await readAll(incoming)).toString(),
    isWatch: ['true', '1'].includes(searchParams.get('watch') ?? ''),
    isWrite: method !== 'GET' && method !== 'HEAD',
  }
}

async function readAll(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Breaks the connection that a request came on, and so everything else on it. */
function breakConnection(incoming: Incoming): void {
  if ('stream' in incoming) incoming.stream.session?.destroy()
  else incoming.socket.destroy()
}
