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
}

/** What the callers of a crowd got. */
export interface CrowdOutcome {
  /** By status; a first request counts from the moment at which its connection was begun. */
  readonly answers: ReadonlyMap<number, Measurement>
  /** Requests whose connection failed or broke before the answer. */
  readonly broken: number
}

/** Sends a crowd that assigns addresses. A caller whose connection breaks pauses for a moment. */
export async function measureCrowd(url: string, { callers, requests, seconds }: Crowd): Promise<CrowdOutcome> {
  const samples = new Map<number, number[]>()
  let broken = 0
  const begin = performance.now()
  const end = begin + seconds * 1_000
  const call = async (): Promise<void> => {
    while (performance.now() < end) {
      let start = performance.now()
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      try {
        for (let request = 0; request < requests; request++) {
          const status = await exchange(socket, request === requests - 1)
          const known = samples.get(status) ?? []
          samples.set(status, known)
          known.push(performance.now() - start)
          start = performance.now()
        }
      } catch {
        broken++
        await sleep(100)
      } finally {
        socket.destroy()
      }
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  const duration = (performance.now() - begin) / 1_000
  return { answers: new Map([...samples].map(([status, of]) => [status, summarise(of, duration)])), broken }
}

/** Assigns one address; returns the status once the whole answer is there. */
async function exchange(socket: Socket, isLast: boolean): Promise<number> {
  const connection = isLast ? 'close' : 'keep-alive'
  socket.write(
    `POST /ipam/v1/assign HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: ${connection}\r\ncontent-length: 2\r\n\r\n{}`,
  )
  const closed = new AbortController()
  const onClose = (): void => {
    closed.abort()
  }
  socket.once('close', onClose)
  try {
    for (let received = ''; ; ) {
      const [chunk] = (await once(socket, 'data', { signal: closed.signal })) as [Buffer]
      received += chunk.toString('latin1')
      const headEnd = received.indexOf('\r\n\r\n')
      const length = Number(/^content-length: (\d+)/im.exec(received)?.[1] ?? 0)
      if (headEnd >= 0 && received.length >= headEnd + 4 + length) return Number(received.slice(9, 12))
    }
  } finally {
    socket.off('close', onClose)
  }
}

/** How the server answered questions about its health, each over a connection of its own. */
export interface Probing {
  readonly p50Ms: number
  readonly mostMs: number
  readonly failed: number
}

/** Asks for `path` twenty times a second, from a thread of its own, until `during` is over. */
export async function probe(url: string, path: string, during: Promise<unknown>): Promise<Probing> {
  const worker = new Worker(new URL('./prober.ts', import.meta.url), { workerData: `${url}${path}` })
  const result = once(worker, 'message') as Promise<[Probing]>
  await during
  worker.postMessage('end')
  const [probing] = await result
  await worker.terminate()
  return probing
}
