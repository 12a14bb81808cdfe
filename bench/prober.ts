import { get } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

/** A thread that asks for a URL twenty times a second. On any message it ends, and posts how long the answers took. */

const url = String(workerData)
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
}, 50)

parentPort?.once('message', () => {
  clearInterval(timer)
  void Promise.all(waiting).then(() => {
    samples.sort((left, right) => left - right)
    parentPort?.postMessage({ p50Ms: samples[samples.length >> 1] ?? NaN, mostMs: samples.at(-1) ?? NaN, failed })
  })
})
