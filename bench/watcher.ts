import { createHash } from 'node:crypto'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** A watch that takes longer has failed. */
const patienceMs = 300_000

/** A watcher of resources that are only changed. It keeps nothing but a digest of the revisions that it got, in order. */
export class Watcher {
  readonly #hash = createHash('sha256')
  #count = 0
  #rest = ''
  #problem: string | undefined
  close: () => void = () => undefined

  /** Watches what lies at `url` from the revision `from` on. Resolves when the answer begins. */
  static async open(url: string, from: bigint): Promise<Watcher> {
    const watcher = new Watcher()
    await new Promise<void>((resolve, reject) => {
      const request = get(`${url}?watch=true&resourceVersion=${String(from)}`, { agent: false }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`A watch is answered with ${String(response.statusCode)}.`))
        response.setEncoding('latin1').on('data', (text: string) => {
          watcher.#read(text)
        })
        const end = (): void => {
          watcher.#problem ??= `A watch ended after ${String(watcher.#count)} changes.`
        }
        response.on('end', end).on('error', end)
        resolve()
      })
      request.on('error', reject)
      watcher.close = () => {
        request.destroy()
      }
    })
    return watcher
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('{"type":"MODIFIED"')) this.#problem ??= line
      this.#hash.update(this.#count === 0 ? String(revisionIn(line)) : `\n${String(revisionIn(line))}`)
      this.#count++
    }
  }

  /** Waits for so many changes. Throws if the watch ends, or reports anything else. */
  async saw(count: number): Promise<void> {
    for (const deadline = performance.now() + patienceMs; this.#count < count; ) {
      if (this.#problem !== undefined) throw new Error(this.#problem)
      if (performance.now() > deadline) throw new Error(`A watcher has seen ${String(this.#count)} changes.`)
      await sleep(5)
    }
  }

  /** The digest of the decimal revisions, one on each line, without a newline at the end. */
  digest(): string {
    return this.#hash.digest('hex')
  }
}

/** The first resourceVersion in an object, which is its own. */
export function revisionIn(text: string): bigint {
  return BigInt(/"resourceVersion":"([0-9]+)"/.exec(text)?.[1] ?? 0)
}
