import { type Signal, signal } from '@preact/signals'
import { send, serverUrl } from '../api/index.ts'
import { isFields } from '../fields.ts'
import { waitBefore } from './backoff.ts'
import { noteLost } from './connection.ts'
import { linesOf } from './lines.ts'

/** What can be watched. A change of an address is a change of its block. */
export type WatchedKind = 'ippools' | 'ipamblocks' | 'nodes' | 'ipreservations'

/** Asks for the metadata of objects only: that something has changed is all that a watch is for here. */
const metadataOnly = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'

/** A watch of one kind that is kept up as long as somebody looks. */
class Watch {
  /** Grows with each change, and when changes may have been missed. */
  readonly changes: Signal<number> = signal(0)
  readonly #url: string
  #lookers = 0
  #abort: AbortController | undefined

  constructor(kind: WatchedKind) {
    this.#url = `${serverUrl}/apis/projectcalico.org/v3/${kind}`
  }

  /** Begins to watch, unless that is being done. The result ends it, once nobody else looks. */
  look(): () => void {
    this.#lookers += 1
    this.resume()
    return () => {
      this.#lookers -= 1
      if (this.#lookers === 0) this.pause()
    }
  }

  /** Ends the connection: browsers allow only a few to a server. */
  pause(): void {
    this.#abort?.abort()
    this.#abort = undefined
  }

  /** Watches again, if somebody looks. What changed meanwhile counts as a change. */
  resume(): void {
    if (this.#lookers === 0 || this.#abort !== undefined || document.visibilityState !== 'visible') return
    this.#abort = new AbortController()
    void this.#keepUp(this.#abort.signal)
  }

  async #keepUp(signal: AbortSignal): Promise<void> {
    let failures = 0
    for (let isFirst = true; ; isFirst = false) {
      try {
        const revision = await this.#newestRevision(signal)
        // What changed between the end of the last watch and this revision was not seen.
        if (!isFirst) this.changes.value += 1
        for await (const _event of this.#events(revision, signal)) {
          failures = 0
          this.changes.value += 1
        }
      } catch {
        if (signal.aborted) return
        failures += 1
        if (failures === 1) noteLost()
      }
      await pause(waitBefore(failures), signal)
      if (signal.aborted) return
    }
  }

  async #newestRevision(signal: AbortSignal): Promise<string> {
    const response = await send(
      new Request(`${this.#url}?limit=1`, { headers: { accept: 'application/json' }, signal }),
    )
    const list: unknown = await response.json()
    const revision = isFields(list) && isFields(list['metadata']) ? list['metadata']['resourceVersion'] : undefined
    if (typeof revision !== 'string') throw new Error('the list has no revision')
    return revision
  }

  async *#events(revision: string, signal: AbortSignal): AsyncGenerator<string, void> {
    const query = new URLSearchParams({ watch: 'true', resourceVersion: revision })
    const response = await send(
      new Request(`${this.#url}?${query.toString()}`, { headers: { accept: metadataOnly }, signal }),
    )
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`)
    yield* linesOf(response.body)
  }
}

const watches: Readonly<Record<WatchedKind, Watch>> = {
  ippools: new Watch('ippools'),
  ipamblocks: new Watch('ipamblocks'),
  nodes: new Watch('nodes'),
  ipreservations: new Watch('ipreservations'),
}

/** The watch of a kind. */
export function watchOf(kind: WatchedKind): Pick<Watch, 'look' | 'changes'> {
  return watches[kind]
}

/** Pauses the watches while the page is not visible. */
export function followVisibility(): void {
  document.addEventListener('visibilitychange', () => {
    for (const watch of Object.values(watches)) {
      if (document.visibilityState !== 'visible') watch.pause()
      else {
        watch.changes.value += 1
        watch.resume()
      }
    }
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
