import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, type AgentOptions, request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type JsonObject, stringifyJson } from '../../../model/index.ts'
import type { ApiConnection, Credentials } from './connection.ts'
import { type ApiOutcome, type HttpAnswer, outcomeOf } from './outcome.ts'

/** One request to the API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Such as `/api/v1/nodes`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: JsonObject
  /** The media type of the answer; JSON unless given. */
  readonly accept?: string
  /** Milliseconds after which the request is given up. */
  readonly timeoutMs: number
}

/** Connections kept open at once. The API server answers them side by side; more would only wait in its queue. */
const connectionsMax = 64

/** Tokens are rotated long before they expire: reading them once a minute is often enough. */
const credentialsFreshMs = 60_000

/** Failures before anything is sent: there is no connection. */
const unsentCodes = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'],
  ...['ERR_TLS_CERT_ALTNAME_INVALID', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_HAS_EXPIRED'],
  ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
])

/**
 * Sends requests to an API server over connections that are kept. Reads credentials again as they are rotated. A request that was throttled
 * (429) is sent again when the API server says, because nothing was done; no other change is ever sent twice.
 */
export class ApiClient {
  readonly connection: ApiConnection
  readonly #userAgent: string
  #agent: HttpAgent | HttpsAgent | undefined
  #credentials: Promise<Credentials> | undefined
  #readMs = 0
  /** The certificates that the agent's connections were made with. */
  #material = ''

  constructor(connection: ApiConnection, userAgent: string) {
    this.connection = connection
    this.#userAgent = userAgent
  }

  /** Sends one request. Never throws. */
  async send(request: ApiRequest): Promise<ApiOutcome> {
    const deadline = performance.now() + request.timeoutMs
    for (let isRetry = false; ; isRetry = true) {
      const outcome = await this.#try(request, deadline)
      if ('waitMs' in outcome) {
        // Clients that were throttled together must not come back together.
        const waitMs = outcome.waitMs * (1 + Math.random() / 2)
        if (performance.now() + waitMs >= deadline) {
          return { kind: 'unsent', error: new Error('the API server has too many requests') }
        }
        await pause(waitMs)
        continue
      }
      // The token may have been rotated since it was read.
      const isStranger = outcome.kind === 'refused' && outcome.refusal.status === 401
      if (isStranger) this.#readMs = 0
      // A connection that is kept may be closed as a request is sent on it: reading can be repeated.
      const isHarmless = isStranger || (outcome.kind === 'lost' && request.method === 'GET')
      if (isHarmless && !isRetry && performance.now() < deadline) continue
      return outcome
    }
  }

  /**
   * Opens a stream, such as a watch, and resolves with its lines as they come; with the refusal if there is none. The stream ends with
   * `signal`. Throws when there is no connection.
   */
  async stream(
    request: Pick<ApiRequest, 'path' | 'query' | 'timeoutMs'>,
    signal: AbortSignal,
  ): Promise<{ readonly lines: AsyncIterable<string> } | Extract<ApiOutcome, { kind: 'refused' | 'lost' }>> {
    const opening = AbortSignal.any([signal, AbortSignal.timeout(request.timeoutMs)])
    const opened = await this.#open({ ...request, method: 'GET' }, opening, signal)
    if (opened.statusCode === 200) return { lines: linesOf(opened) }
    if (opened.statusCode === 401) this.#readMs = 0
    const outcome = outcomeOf(await readAnswer(opened))
    if ('kind' in outcome && (outcome.kind === 'refused' || outcome.kind === 'lost')) return outcome
    return { kind: 'lost', error: new Error(`the API server answered ${opened.statusCode} to a watch`) }
  }

  /** Closes all connections. */
  close(): void {
    this.#agent?.destroy()
  }

  async #try(request: ApiRequest, deadline: number): Promise<ApiOutcome | { readonly waitMs: number }> {
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(deadline - performance.now())))
    try {
      const answer = await readAnswer(await this.#open(request, signal, signal))
      return outcomeOf(answer)
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
      const isUnsent = error instanceof NoCredentials || unsentCodes.has(code)
      return { kind: isUnsent ? 'unsent' : 'lost', error }
    }
  }

  /** Sends the request, and resolves with the beginning of the answer. `opening` ends the wait for that, `signal` the rest too. */
  async #open(
    request: Omit<ApiRequest, 'timeoutMs'>,
    opening: AbortSignal,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const credentials = await this.#freshCredentials()
    const url = new URL(`${this.connection.url}${request.path}`)
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value)
    const body = request.body === undefined ? undefined : Buffer.from(stringifyJson(request.body))
    const options = {
      method: request.method,
      agent: this.#agentFor(credentials, url.protocol),
      headers: {
        accept: request.accept ?? 'application/json',
        'user-agent': this.#userAgent,
        ...(body !== undefined && { 'content-type': 'application/json', 'content-length': body.length }),
        ...(credentials.token !== undefined && { authorization: `Bearer ${credentials.token}` }),
      },
    }
    const sent = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options)
    const stop = (): void => {
      sent.destroy(new Error(signal.aborted ? 'the request was given up' : 'the API server did not answer in time'))
    }
    opening.addEventListener('abort', stop)
    signal.addEventListener('abort', stop)
    sent.on('close', () => {
      opening.removeEventListener('abort', stop)
      signal.removeEventListener('abort', stop)
    })
    return new Promise((resolve, reject) => {
      sent.on('error', reject)
      sent.on('response', (answer) => {
        opening.removeEventListener('abort', stop)
        resolve(answer)
      })
      if (opening.aborted || signal.aborted) stop()
      else sent.end(body)
    })
  }

  async #freshCredentials(): Promise<Credentials> {
    const now = performance.now()
    if (this.#credentials === undefined || now - this.#readMs > credentialsFreshMs || this.#readMs === 0) {
      this.#readMs = now
      const before = this.#credentials
      this.#credentials = this.connection.readCredentials().catch((cause: unknown) => {
        // While a file is being replaced, the old credentials still are good.
        if (before !== undefined) return before
        this.#credentials = undefined
        throw new NoCredentials(`the credentials for the API server cannot be read: ${String(cause)}`, { cause })
      })
    }
    return this.#credentials
  }

  #agentFor(credentials: Credentials, protocol: string): HttpAgent | HttpsAgent {
    const { certificate, key, authorities } = credentials
    const material = [certificate, key, authorities].join('\n')
    if (this.#agent !== undefined && this.#material === material) return this.#agent
    // Requests under way go on with the old connections, which close once they are free.
    this.#agent?.on('free', (socket: Socket) => {
      socket.destroy()
    })
    this.#material = material
    const { serverName, isInsecure } = this.connection
    const options: AgentOptions = {
      keepAlive: true,
      maxSockets: connectionsMax,
      rejectUnauthorized: !isInsecure,
      ...(authorities !== undefined && { ca: authorities }),
      ...(certificate !== undefined && { cert: certificate }),
      ...(key !== undefined && { key }),
      ...(serverName !== undefined && { servername: serverName }),
    }
    this.#agent = protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options)
    return this.#agent
  }
}

/** There is nothing to prove to the API server who sends a request. */
class NoCredentials extends Error {}

async function readAnswer(answer: IncomingMessage): Promise<HttpAnswer> {
  const parts: Uint8Array[] = []
  for await (const part of answer) if (part instanceof Uint8Array) parts.push(part)
  if (!answer.complete) throw new Error('the answer of the API server breaks off')
  const retryAfter = Number(answer.headers['retry-after'] ?? Number.NaN)
  return {
    status: answer.statusCode ?? 0,
    text: Buffer.concat(parts).toString(),
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
  }
}

/** The lines of an answer as they come. What follows the last line break is no line. */
async function* linesOf(answer: IncomingMessage): AsyncGenerator<string, void> {
  const rest: Uint8Array[] = []
  for await (const part of answer) {
    if (!(part instanceof Uint8Array)) continue
    let start = 0
    for (let end = part.indexOf(10); end >= 0; end = part.indexOf(10, start)) {
      rest.push(part.subarray(start, end))
      const line = Buffer.concat(rest.splice(0)).toString()
      start = end + 1
      yield line
    }
    if (start < part.length) rest.push(part.subarray(start))
  }
}
