import { setTimeout as pause } from 'node:timers/promises'
import type { JsonObject } from '../../../model/index.ts'
import type { Revision } from '../../../plan/index.ts'
import { ApiFailure, isGone, type ObjectClient, revisionOf, type WatchEvent } from '../api/index.ts'
import { type Evidence, type Expectation, stampOf, type Versions } from './stamps.ts'

/** Takes what an informer learns, in order. */
export interface InformerListener {
  /** All objects, as of a revision: what is not among them does not exist. */
  listed(objects: readonly JsonObject[], revision: Revision): void
  /** A change of one object. */
  changed(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: JsonObject, revision: Revision): void
  /** Every change up to this revision has been told. */
  reached(revision: Revision): void
}

/** The parts of an informer. */
export interface InformerParts {
  readonly objects: Pick<ObjectClient, 'kind' | 'list' | 'watch'>
  /** Which objects; all of the kind unless given. */
  readonly labelSelector?: string
  readonly listener: InformerListener
  /** How long a watch may be silent before it is given up, in milliseconds. */
  readonly silenceMaxMs?: number
  /** Hears that the watch broke, and goes on by itself. */
  readonly broke: (error: Error) => void
}

/** Objects per page: a page of full blocks has 10 MB. */
const pageSize = 500

/** How long a watch may be silent: the API server tells how far it is about once a minute. */
const silenceMs = 150_000

/** Between two attempts to list or watch. */
const retryMs = { first: 100, max: 5_000 } as const

/**
 * Follows the objects of a kind: lists them once, then watches from there. A watch that ends is opened anew where it was. If its version is
 * no longer in history, everything is listed again.
 */
export class Informer implements Versions {
  readonly #parts: InformerParts
  readonly #ending = new AbortController()
  readonly #expectations = new Set<Search>()
  #revision: Revision = 0n
  #isListed = false
  #problem: string | undefined = 'has not begun'
  #running: Promise<void> = Promise.resolve()

  constructor(parts: InformerParts) {
    this.#parts = parts
  }

  /** Every change up to this revision has been told. */
  get revision(): Revision {
    return this.#revision
  }

  /** The reason for which the watch is not open; undefined while it is. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Lists all objects, and follows them from then on. Throws {@link ApiFailure} if they cannot be listed. */
  async start(): Promise<void> {
    await this.#list()
    this.#running = this.#run()
  }

  /** Follows no more. Resolves when the watch is closed. */
  async close(): Promise<void> {
    this.#ending.abort()
    for (const search of this.#expectations) search.miss()
    await this.#running
  }

  expect(stamp: string): Expectation {
    const search = new Search(stamp, this.#revision, () => this.#expectations.delete(search))
    this.#expectations.add(search)
    return search
  }

  async #run(): Promise<void> {
    let pauseMs: number = retryMs.first
    while (!this.#ending.signal.aborted) {
      try {
        if (!this.#isListed) await this.#list()
        await this.#watch(() => {
          pauseMs = retryMs.first
        })
      } catch (error) {
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it may have been aborted since
        if (this.#ending.signal.aborted) return
        const fault = error instanceof Error ? error : new Error(String(error))
        if (fault instanceof ApiFailure && fault.refusal !== undefined && isGone(fault.refusal)) this.#isListed = false
        this.#problem = fault.message
        this.#parts.broke(fault)
      }
      await pause(pauseMs * (0.5 + Math.random()), undefined, { signal: this.#ending.signal }).catch(() => undefined)
      pauseMs = Math.min(retryMs.max, pauseMs * 2)
    }
  }

  async #list(): Promise<void> {
    const { objects, labelSelector, listener } = this.#parts
    const options = { limit: pageSize, ...(labelSelector !== undefined && { labelSelector }) }
    const found: JsonObject[] = []
    let page = await objects.list(options)
    for (;;) {
      found.push(...page.objects)
      if (page.continue === undefined) break
      page = await objects.list({ ...options, continue: page.continue })
    }
    // Versions between the last change and this list were not seen.
    if (this.#revision > 0n) for (const search of this.#expectations) search.miss()
    listener.listed(found, page.revision)
    this.#isListed = true
    this.#advance(page.revision)
  }

  /** Follows changes until the API server ends the watch, as it does after some minutes, or falls silent. */
  async #watch(heard: () => void): Promise<void> {
    const { objects, labelSelector, silenceMaxMs = silenceMs } = this.#parts
    const silent = new AbortController()
    const timer = setTimeout(() => {
      silent.abort()
    }, silenceMaxMs)
    this.#problem = undefined
    try {
      const signal = AbortSignal.any([this.#ending.signal, silent.signal])
      for await (const event of objects.watch(this.#revision, signal, labelSelector)) {
        timer.refresh()
        heard()
        this.#take(event)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  #take({ type, object }: WatchEvent): void {
    const revision = revisionOf(object)
    if (type !== 'BOOKMARK') {
      for (const search of this.#expectations) search.see(object)
      this.#parts.listener.changed(type, object, revision)
    }
    this.#advance(revision)
  }

  #advance(revision: Revision): void {
    this.#revision = revision
    this.#parts.listener.reached(revision)
    for (const search of this.#expectations) search.advance(revision)
  }
}

/** Looks for the write with one stamp. */
class Search implements Expectation {
  readonly #stamp: string
  readonly #leave: () => void
  #revision: Revision
  #made: JsonObject | undefined
  #isMissed = false
  #wake: (() => void) | undefined

  constructor(stamp: string, revision: Revision, leave: () => void) {
    this.#stamp = stamp
    this.#revision = revision
    this.#leave = leave
  }

  see(object: JsonObject): void {
    if (stampOf(object) === this.#stamp) this.#made ??= object
  }

  /** Versions were not seen. */
  miss(): void {
    this.#isMissed = true
    this.#wake?.()
  }

  advance(revision: Revision): void {
    this.#revision = revision
    this.#wake?.()
  }

  async lookUpTo(revision: Revision, patienceMs: number): Promise<Evidence> {
    const deadline = performance.now() + patienceMs
    while (this.#made === undefined && !this.#isMissed && this.#revision < revision) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return { kind: 'gap' }
      await this.#news(leftMs)
    }
    if (this.#made !== undefined) return { kind: 'made', object: this.#made }
    return this.#isMissed ? { kind: 'gap' } : { kind: 'none' }
  }

  end(): void {
    this.#leave()
  }

  #news(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
