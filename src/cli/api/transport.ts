import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import type { components } from '../../../openapi/ippoold.d.ts'
import { exitCodes, Failure, Refused } from '../failures.ts'
import type { Connection } from './connection.ts'
import { isFields } from '../../kubeconfig/index.ts'
import { waitBeforeRetry } from './retries.ts'

/** A request, as HTTP has it. */
export interface Call {
  readonly method: string
  /** From the URL of the server on, with the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

/** An answer that is not a refusal. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** How the transport behaves. */
export interface TransportOptions {
  /** How long a call may take, retries included. */
  readonly timeoutMs: number
  /** Called before each pause. */
  readonly onRetry: (message: string, pauseMs: number) => void
}

/** The connection was lost, or never made. */
interface Loss {
  readonly isUnsent: boolean
  readonly message: string
}

const userAgent = 'ippool'

/** Sends calls to one server. Repeats those that the server asks to repeat, and those that are lost and can be repeated. */
export class Transport {
  readonly connection: Connection
  readonly #options: TransportOptions

  constructor(connection: Connection, options: TransportOptions) {
    this.connection = connection
    this.#options = options
  }

  /** Sends a call and reads the whole answer. Throws {@link Refused}, or a {@link Failure} if there is no answer. */
  async send(call: Call): Promise<Reply> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    return this.#withRetries(call, signal, async () => {
      const message = await this.#request(call, signal)
      return { status: message.statusCode ?? 0, headers: headersOf(message), text: await text(message) }
    })
  }

  /** Sends a call whose answer is a stream. The time limit is for its beginning only. */
  async open(call: Call): Promise<IncomingMessage> {
    const begun = new AbortController()
    const timer = setTimeout(() => begun.abort(), this.#options.timeoutMs)
    try {
      return await this.#withRetries(call, begun.signal, () => this.#request(call, begun.signal))
    } finally {
      clearTimeout(timer)
    }
  }

  async #withRetries<Answer>(call: Call, signal: AbortSignal, attempt: () => Promise<Answer>): Promise<Answer> {
    const isRepeatable = call.method === 'GET' || call.headers['idempotency-key'] !== undefined
    for (let number = 1; ; number++) {
      try {
        return await attempt()
      } catch (problem) {
        const refused = problem instanceof UnwantedReply ? problem : undefined
        const loss = refused === undefined ? lossOf(problem) : undefined
        const pauseMs = waitBeforeRetry({
          status: refused?.httpStatus,
          reason: refused?.status.reason,
          retryAfter: refused?.retryAfter,
          isUnsent: loss?.isUnsent === true,
          isRepeatable,
          number,
        })
        if (pauseMs === undefined || signal.aborted) throw this.#failureOf(call, problem, isRepeatable)
        this.#options.onRetry(refused?.status.message ?? loss?.message ?? '', pauseMs)
        await pause(pauseMs, undefined, { signal }).catch(() => {
          throw this.#failureOf(call, problem, isRepeatable)
        })
      }
    }
  }

  #failureOf({ method }: Call, problem: unknown, isRepeatable: boolean): Failure {
    if (problem instanceof UnwantedReply) return new Refused(problem.httpStatus, problem.status)
    const { url, socketPath } = this.connection
    const { isUnsent, message } = lossOf(problem)
    const where = socketPath === undefined ? url : `unix://${socketPath}`
    if (isUnsent)
      return new Failure(
        exitCodes.unreachable,
        `cannot reach the server ${where}: ${message}`,
        'Does it run there? --server, or --context of a configuration, names another one.',
      )
    if (method === 'GET') return new Failure(exitCodes.unreachable, `no answer of the server ${where}: ${message}`)
    const again = isRepeatable ? 'Repeat the command with the same --idempotency-key, or look' : 'Look'
    return new Failure(
      exitCodes.unknown,
      `no answer of the server ${where}: ${message}. The change was made, or it was not`,
      `${again} what is stored now.`,
    )
  }

  /** Resolves with the beginning of an answer that is no refusal; rejects with {@link UnwantedReply} for one that is. */
  async #request({ method, path, headers, body }: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, socketPath, token, tls } = this.connection
    const { request } = url.startsWith('https:') ? await import('node:https') : await import('node:http')
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        method,
        signal,
        headers: {
          accept: 'application/json',
          ...headers,
          'user-agent': userAgent,
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        },
        ...tls,
        ...(socketPath !== undefined && { socketPath }),
      }
      const sent = request(`${url}${path}`, options, resolve)
      sent.once('error', reject).end(body)
    })
    const { statusCode = 0 } = message
    if (statusCode >= 200 && statusCode < 300) return message
    throw new UnwantedReply(statusCode, message.headers['retry-after'], statusIn(await text(message), statusCode))
  }
}

/** An answer that says why it does not do what was asked for. */
class UnwantedReply extends Error {
  readonly httpStatus: number
  readonly retryAfter: string | undefined
  readonly status: components['schemas']['Status']

  constructor(httpStatus: number, retryAfter: string | undefined, status: components['schemas']['Status']) {
    super(status.message)
    this.httpStatus = httpStatus
    this.retryAfter = retryAfter
    this.status = status
  }
}

/** The Status in a body; one that is made up if something else than an ippoold has answered. */
function statusIn(body: string, httpStatus: number): components['schemas']['Status'] {
  try {
    const parsed: unknown = JSON.parse(body)
    if (isStatus(parsed)) return parsed
  } catch {
    // No JSON.
  }
  const message = `The server answers ${httpStatus} without saying why`
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message }
}

function isStatus(value: unknown): value is components['schemas']['Status'] {
  return isFields(value) && value['kind'] === 'Status'
}

const unsentCodes = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT', 'EACCES', 'EHOSTUNREACH', 'ENETUNREACH']

function lossOf(problem: unknown): Loss {
  if (!(problem instanceof Error)) return { isUnsent: false, message: String(problem) }
  if (problem.name === 'AbortError' || problem.name === 'TimeoutError')
    return { isUnsent: false, message: 'the time limit (--timeout) has passed' }
  const code = 'code' in problem ? String(problem.code) : ''
  const isCertificate = /^(ERR_TLS_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_SSL_|HOSTNAME_)/.test(code)
  // If every address of a name fails, there is one error for each, and no message.
  return { isUnsent: unsentCodes.includes(code) || isCertificate, message: problem.message || code }
}

function headersOf(message: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(message.headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
}
