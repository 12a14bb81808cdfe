import { get } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

/** A thread that asks for a URL again and again. On any message it ends, and posts how long the answers took. */

const { url, intervalMs } = workerData as { readonly url: string; readonly intervalMs: number }
const samples: number[] = []
let failed = 0
const waiting = new Set<Promise<void>>()

function ask(): Promise<void> {
  return new Promise((resolve) => {
    const start = performance.now()
    const fail = (): void => {
      failed++
      resolve()
    }
    const request = get(url, { agent: false, timeout: 20_000 }, (response) => {
      response.resume().once('error', fail)
      response.once('end', () => {
        samples.push(performance.now() - start)
        resolve()
      })
    })
    request.once('timeout', () => request.destroy(new Error('no answer'))).once('error', fail)
  })
}

const timer = setInterval(() => {
  const asked = ask().finally(() => waiting.delete(asked))
  waiting.add(asked)
}, intervalMs)

parentPort?.once('message', () => {
  clearInterval(timer)
  void Promise.all(waiting).then(() => {
    samples.sort((left, right) => left - right)
    const [p50Ms = NaN, p99Ms = NaN] = [0.5, 0.99].map((share) => samples[Math.floor(samples.length * share)])
    parentPort?.postMessage({ p50Ms, p99Ms, mostMs: samples.at(-1) ?? NaN, failed })
  })
})
