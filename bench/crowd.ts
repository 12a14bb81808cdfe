import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type Measurement, summarise } from './measure.ts'

/** Callers that open a connection, send some requests over it one after the other, close it, and begin again. */
export interface Crowd {
  readonly callers: number
  /** Requests over each connection. */
  readonly requests: number
  readonly seconds: number
  /** Whether a refused caller waits as long as `Retry-After` says, and up to half as long again, or calls again at once. */
  readonly heedsRetryAfter?: boolean
}

/** What the callers of a crowd got. */
export interface CrowdOutcome {
  /** By status; a first request counts from the moment at which its connection was begun. */
  readonly answers: ReadonlyMap<number, Measurement>
  /** Requests whose connection failed or broke before the answer. */
  readonly broken: number
}

/** Callers that arrive in a second. */
const arrivalsPerSecond = 4_000

/** Sends a crowd that assigns addresses. A caller whose connection breaks pauses for a moment. */
export async function measureCrowd(url: string, crowd: Crowd): Promise<CrowdOutcome> {
  const samples = new Map<number, number[]>()
  let broken = 0
  const begin = performance.now()
  const end = begin + crowd.seconds * 1_000
  const pause = (ms: number): Promise<void> => sleep(Math.max(0, Math.min(ms, end - performance.now())))
  const note = ({ status, retryAfterSeconds }: Answer, durationMs: number): Promise<void> | undefined => {
    const known = samples.get(status)
    if (known === undefined) samples.set(status, [durationMs])
    else known.push(durationMs)
    if (crowd.heedsRetryAfter !== true || retryAfterSeconds === 0) return undefined
    return pause(retryAfterSeconds * 1_000 * (1 + Math.random() / 2))
  }
  const call = async (): Promise<void> => {
    await pause((Math.random() * crowd.callers * 1_000) / arrivalsPerSecond)
    while (performance.now() < end) {
      let start = performance.now()
      const connection = new Connection(url)
      try {
        for (let left = crowd.requests; left > 0 && start < end; start = performance.now()) {
          left--
          const answer = await connection.assign(left === 0)
          if (answer.isLast) left = 0
          await note(answer, performance.now() - start)
        }
      } catch {
        broken++
        await pause(100)
      } finally {
        connection.close()
      }
    }
  }
  await Promise.all(Array.from({ length: crowd.callers }, call))
  const duration = (performance.now() - begin) / 1_000
  return { answers: new Map([...samples].map(([status, of]) => [status, summarise(of, duration)])), broken }
}

/** The parts of an answer that a caller looks at. */
interface Answer {
  readonly status: number
  /** 0 if the answer does not say. */
  readonly retryAfterSeconds: number
  /** The server closes the connection. */
  readonly isLast: boolean
}

/** A connection of one caller. As lean as can be: the callers share the machine with the server. */
class Connection {
  readonly #socket: Socket
  #received = ''
  #settle: ((answer: Answer | Error) => void) | undefined
  #isClosed = false

  constructor(url: string) {
    this.#socket = connect(Number(new URL(url).port), '127.0.0.1')
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (text: string) => {
      this.#received += text
      const answer = readAnswer(this.#received)
      if (answer !== undefined) this.#settle?.(answer)
    })
    this.#socket.on('error', () => undefined)
    this.#socket.on('close', () => {
      this.#isClosed = true
      this.#settle?.(new Error('The connection broke.'))
    })
  }

  /** Assigns one address; resolves once the whole answer is there. */
  assign(isLast: boolean): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new Error('The connection is closed.')
      this.#received = ''
      this.#settle = (answer) => {
        this.#settle = undefined
        if (answer instanceof Error) reject(answer)
        else resolve(answer)
      }
      this.#socket.write(isLast ? lastRequest : request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}

const [request, lastRequest] = ['keep-alive', 'close'].map(
  (connection) =>
    `POST /ipam/v1/assign HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: ${connection}\r\ncontent-length: 2\r\n\r\n{}`,
) as [string, string]

/** Returns what an answer says, once all of it was received. */
function readAnswer(received: string): Answer | undefined {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const length = Number(/^content-length: (\d+)/im.exec(received)?.[1] ?? 0)
  if (received.length < headEnd + 4 + length) return undefined
  return {
    status: Number(received.slice(9, 12)),
    retryAfterSeconds: Number(/^retry-after: (\d+)/im.exec(received)?.[1] ?? 0),
    isLast: /^connection: close/im.test(received),
  }
}

/** How the server answered questions about its health, each over a connection of its own. */
export interface Probing {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
  readonly failed: number
}

/** Asks for a URL every `intervalMs`, from a thread of its own, until `during` is over. */
export async function probe(url: string, intervalMs: number, during: Promise<unknown>): Promise<Probing> {
  const worker = new Worker(new URL('./prober.ts', import.meta.url), { workerData: { url, intervalMs } })
  const result = once(worker, 'message') as Promise<[Probing]>
  await during
  worker.postMessage('end')
  const [probing] = await result
  await worker.terminate()
  return probing
}
