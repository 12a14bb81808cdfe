import type { Revision } from '../plan/index.ts'

/** One change of one key. */
export interface Change {
  readonly key: string
  /** The revision of the change. */
  readonly revision: Revision
  /** The value after the change; undefined for a deletion. */
  readonly text: string | undefined
  /** The value before the change; undefined for a creation. */
  readonly before: string | undefined
}

/** The changes that followers take, in order. */
export interface ChangeSource {
  /** Changes after `seen`, about `max` of them. Changes of one revision come together. */
  changesAfter(seen: Revision, max: number): readonly Change[]
  /** The revision up to which all changes are known. */
  readonly ceiling: Revision
  /** Makes sure that the ceiling is the store's current revision, or that changes are about to arrive. */
  prove(): Promise<void>
}

/**
 * Why a follower gets no more changes: the next ones are lost to history (`expired`), it fell behind what the source remembers
 * (`overrun`), or the store closes (`closed`).
 */
export type Ending = 'expired' | 'overrun' | 'closed'

/** Takes the changes of a source, each once and in order, at its own pace. */
export class Follower {
  readonly #source: ChangeSource
  readonly #leave: () => void
  #seen: Revision
  #ending: Ending | undefined
  #wakeUp: (() => void) | undefined
  /** Called when the source ends the follower, even while nobody takes or waits. */
  onEnd: (() => void) | undefined

  /** `leave` is called once, when the follower ends. */
  constructor(source: ChangeSource, after: Revision, leave: () => void) {
    this.#source = source
    this.#seen = after
    this.#leave = leave
  }

  /** The revision up to which all changes have been taken. */
  get seen(): Revision {
    return this.#seen
  }

  get ending(): Ending | undefined {
    return this.#ending
  }

  /** The next changes, about `max` of them. Empty when there are none yet, and after the end. */
  take(max: number): readonly Change[] {
    if (this.#ending !== undefined) return []
    const changes = this.#source.changesAfter(this.#seen, max)
    const last = changes.at(-1)
    const upTo = last === undefined ? this.#source.ceiling : last.revision
    if (upTo > this.#seen) this.#seen = upTo
    return changes
  }

  /** Waits for a change, for the end, or for `timeoutMs`. One caller at a time. */
  wait(timeoutMs: number): Promise<void> {
    const isOver = this.#ending !== undefined || timeoutMs <= 0
    if (isOver || this.#source.changesAfter(this.#seen, 1).length > 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** The store's current revision if all changes up to it have been taken; undefined when some are about to arrive, and after the end. */
  async proven(): Promise<Revision | undefined> {
    await this.#source.prove()
    // After the end, the source may have dropped changes that were not taken.
    if (this.#ending !== undefined || this.#source.changesAfter(this.#seen, 1).length > 0) return undefined
    const { ceiling } = this.#source
    // The follower may come from a newer list, while the source went back for another follower.
    return ceiling < this.#seen ? undefined : ceiling
  }

  /** Ends a `wait`: there is something to take. */
  wake(): void {
    const wakeUp = this.#wakeUp
    this.#wakeUp = undefined
    wakeUp?.()
  }

  /** Ends the follower. Called by the source. */
  end(ending: Ending): void {
    if (this.#finish(ending)) this.onEnd?.()
  }

  /** Ends the follower. Called by its user. */
  stop(): void {
    this.#finish('closed')
  }

  #finish(ending: Ending): boolean {
    if (this.#ending !== undefined) return false
    this.#ending = ending
    this.#leave()
    this.wake()
    return true
  }
}
