import type { Revision } from '../../../plan/index.ts'

/** One change of one key. */
export interface Change {
  readonly key: string
  /** The revision that made it. */
  readonly revision: Revision
  /** The value since; undefined for a deletion. */
  readonly text: string | undefined
  /** The value before; undefined when there was none. */
  readonly before: string | undefined
}

/** What a follower follows: changes in their order. */
interface Source {
  /** Changes after `seen`, about `max` of them. */
  changesAfter(seen: Revision, max: number): readonly Change[]
  /** The revision up to which all changes are known. */
  readonly ceiling: Revision
  /** Makes sure that the ceiling is what etcd has reached, or that changes are on their way. */
  prove(): Promise<void>
}

/**
 * Why a follower gets nothing more: what comes next is not known any more (`expired`), he fell behind what is remembered (`overrun`), or
 * the datastore is being closed (`closed`).
 */
export type Ending = 'expired' | 'overrun' | 'closed'

/** One who takes the changes of a journal, each once and in order, at a pace of his own. */
export class Follower {
  readonly #journal: Source
  readonly #leave: () => void
  #seen: Revision
  #ending: Ending | undefined
  #wakeUp: (() => void) | undefined
  /** Called when it ends by itself, even while nobody takes or waits. */
  onEnd: (() => void) | undefined

  constructor(journal: Source, after: Revision, leave: () => void) {
    this.#journal = journal
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

  /** The next changes, about `max` of them; none when there are none yet, or no more. */
  take(max: number): readonly Change[] {
    if (this.#ending !== undefined) return []
    const changes = this.#journal.changesAfter(this.#seen, max)
    const last = changes.at(-1)
    const upTo = last === undefined ? this.#journal.ceiling : last.revision
    if (upTo > this.#seen) this.#seen = upTo
    return changes
  }

  /** Waits until there is something to take, for the end, or for `timeoutMs`. By one at a time. */
  wait(timeoutMs: number): Promise<void> {
    const isOver = this.#ending !== undefined || timeoutMs <= 0
    if (isOver || this.#journal.changesAfter(this.#seen, 1).length > 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** The revision that etcd has reached, all changes up to which have been taken; undefined when some are on their way, and at the end. */
  async proven(): Promise<Revision | undefined> {
    await this.#journal.prove()
    // What has ended may have been forgotten before it was taken.
    if (this.#ending !== undefined || this.#journal.changesAfter(this.#seen, 1).length > 0) return undefined
    const { ceiling } = this.#journal
    // He may come from a newer list, and the journal may have gone back for somebody else.
    return ceiling < this.#seen ? undefined : ceiling
  }

  /** Says that there is something to take. */
  wake(): void {
    const wakeUp = this.#wakeUp
    this.#wakeUp = undefined
    wakeUp?.()
  }

  /** Ends it from the side of the journal. */
  end(ending: Ending): void {
    if (this.#ending !== undefined) return
    this.#ending = ending
    this.#leave()
    this.wake()
    this.onEnd?.()
  }

  /** Ends it from the side of the follower. */
  stop(): void {
    if (this.#ending !== undefined) return
    this.#ending = 'closed'
    this.#leave()
    this.wake()
  }
}
