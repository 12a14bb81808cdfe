import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Store } from '../../datastore/index.ts'
import { statusOf } from '../schemas/index.ts'
import { reasons, type RefusalError, refusal, refuseForNow } from '../wire/index.ts'
import { safeHeaders } from './headers.ts'
import { alive, readinessOf } from './health.ts'

/** A whole response. */
export interface PreparedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: string
}

/** The data that the thread gets when it starts. */
export interface HealthThreadStart {
  readonly host: string
  readonly port: number
  readonly answers: {
    readonly alive: PreparedAnswer
    /** The server has not reported for long. */
    readonly silent: PreparedAnswer
    /** There is no such path. */
    readonly unknown: PreparedAnswer
  }
}

/** How often the thread hears whether the server is ready. */
const reportIntervalMs = 100

/** Answers `/livez` and `/readyz` on a port and a thread of its own: the server answers when its event loop comes to it. */
export class HealthListener {
  readonly #worker: Worker
  readonly #timer: NodeJS.Timeout
  /** The port on which it listens. */
  readonly port: number

  private constructor(worker: Worker, timer: NodeJS.Timeout, port: number) {
    this.#worker = worker
    this.#timer = timer
    this.port = port
  }

  /** Resolves once it listens; throws if it cannot. */
  static async open(host: string, port: number, store: Pick<Store, 'health'>): Promise<HealthListener> {
    const start: HealthThreadStart = {
      host,
      port,
      answers: {
        alive: prepare(200, alive),
        silent: prepareRefusal(refuseForNow('The server has not reported its health for a while.')),
        unknown: prepareRefusal(refusal('NotFound', 'This port has /livez and /readyz only.')),
      },
    }
    const worker = new Worker(new URL(`health-thread${extname(import.meta.url)}`, import.meta.url))
    const bound = await startThread(worker, start)
    const report = (): void => {
      const readiness = readinessOf(store.health())
      worker.postMessage(readiness.ok ? prepare(200, readiness.value) : prepareRefusal(readiness.error))
    }
    report()
    return new HealthListener(worker, setInterval(report, reportIntervalMs), bound)
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#worker.terminate()
  }
}

/** Resolves with the port once the thread listens. Later errors of the thread are bugs, and are not handled. */
function startThread(worker: Worker, start: HealthThreadStart): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (port: number) => {
      worker.off('error', reject)
      resolve(port)
    })
    worker.postMessage(start)
  })
}

function prepareRefusal(error: RefusalError): PreparedAnswer {
  const retryAfter = error.retryAfterSeconds === undefined ? {} : { 'retry-after': error.retryAfterSeconds }
  return prepare(reasons[error.refusal.reason].code, statusOf(error), retryAfter)
}

function prepare(status: number, content: object, more: PreparedAnswer['headers'] = {}): PreparedAnswer {
  const body = JSON.stringify(content)
  const length = Buffer.byteLength(body)
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': length, ...safeHeaders, ...more },
    body,
  }
}
