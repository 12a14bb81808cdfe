import type { Revision } from '../../plan/index.ts'
import { type Change, type Ending, Follower } from '../changes.ts'
import { ApiFailure, isGone, type ObjectClient, revisionOf, type WatchEvent } from './api/index.ts'
import { type ReadableKind, readEntries, type VersionedEntry } from './pages.ts'

/** A kind that can be followed. */
export interface FollowedKind extends ReadableKind {
  readonly objects: Pick<ObjectClient, 'list' | 'watch'>
}

/** Changes remembered for a follower that is slow. */
const changesMax = 10_000

/** How long to wait for changes that are about to arrive, and between two watches. */
const retryMs = 500

/**
 * The changes of some families of a kind after a revision, for one follower: everything as it was then, and a watch from there. A deletion
 * in two steps is one change, told at the first.
 */
export class Following {
  readonly #kind: FollowedKind
  readonly #prefixes: readonly string[]
  readonly #present: Map<string, VersionedEntry>
  readonly #ending = new AbortController()
  readonly #changes: Change[] = []
  readonly #broke: (error: Error) => void
  readonly #left: (following: Following) => void
  readonly #follower: Follower
  #ceiling: Revision

  private constructor(
    kind: FollowedKind,
    prefixes: readonly string[],
    { entries, revision }: { readonly entries: readonly VersionedEntry[]; readonly revision: Revision },
    hooks: FollowingHooks,
  ) {
    this.#kind = kind
    this.#prefixes = prefixes
    this.#present = new Map(entries.map((entry) => [entry.key, entry]))
    this.#ceiling = revision
    this.#broke = hooks.broke
    this.#left = hooks.left
    const source = {
      changesAfter: (seen: Revision, max: number): readonly Change[] => this.#changesAfter(seen, max),
      ceiling: (): Revision => this.#ceiling,
      prove: (): Promise<void> => this.#prove(),
    }
    this.#follower = new Follower(
      {
        changesAfter: source.changesAfter,
        prove: source.prove,
        get ceiling() {
          return source.ceiling()
        },
      },
      revision,
      () => {
        this.#ending.abort()
        this.#left(this)
      },
    )
  }

  /** Begins to follow. Throws `RevisionCompacted` when history does not go back to `after`, `ApiFailure` when there is no answer. */
  static async begin(
    kind: FollowedKind,
    prefixes: readonly string[],
    after: Revision,
    hooks: FollowingHooks,
  ): Promise<Following> {
    const following = new Following(kind, prefixes, await readEntries(kind, prefixes, after), hooks)
    void following.#run()
    return following
  }

  get follower(): Follower {
    return this.#follower
  }

  /** The number of entries, of changes that are remembered, and of the characters of these. */
  get sizes(): { readonly keys: number; readonly changes: number; readonly bytes: number } {
    const bytes = this.#changes.reduce((sum, { text }) => sum + (text?.length ?? 0), 0)
    return { keys: this.#present.size, changes: this.#changes.length, bytes }
  }

  end(ending: Ending): void {
    this.#follower.end(ending)
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      try {
        const { objects, form } = this.#kind
        for await (const event of objects.watch(this.#ceiling, this.#ending.signal, form.labelSelector))
          this.#take(event)
      } catch (error) {
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it may have been aborted since
        if (this.#ending.signal.aborted) return
        if (error instanceof ApiFailure && error.refusal !== undefined && isGone(error.refusal)) {
          this.end('expired')
          return
        }
        this.#broke(error instanceof Error ? error : new Error(String(error)))
      }
      await wait(retryMs, this.#ending.signal)
    }
  }

  #take({ type, object }: WatchEvent): void {
    const revision = revisionOf(object)
    const entry = type === 'BOOKMARK' ? undefined : this.#kind.form.read(object)
    if (entry !== undefined && this.#prefixes.some((prefix) => entry.key.startsWith(prefix))) {
      const before = this.#present.get(entry.key)
      const text = type === 'DELETED' || entry.isDeleted ? undefined : entry.text
      if (text !== undefined) this.#present.set(entry.key, { key: entry.key, text, revision })
      else this.#present.delete(entry.key)
      if (before !== undefined || text !== undefined) {
        this.#changes.push({ key: entry.key, revision, text, before: before?.text })
      }
    }
    if (revision > this.#ceiling) this.#ceiling = revision
    if (this.#changes.length > changesMax) this.end('overrun')
    else this.#follower.wake()
  }

  #changesAfter(seen: Revision, max: number): readonly Change[] {
    const first = this.#changes.findIndex(({ revision }) => revision > seen)
    this.#changes.splice(0, first === -1 ? this.#changes.length : first)
    return this.#changes.slice(0, max)
  }

  /** Compares the versions of all objects with what was told: if they are the same, nothing has changed up to the version of the list. */
  async #prove(): Promise<void> {
    const { entries, revision } = await readEntries(this.#kind, this.#prefixes)
    const isSame =
      entries.length === this.#present.size &&
      entries.every((entry) => this.#present.get(entry.key)?.revision === entry.revision)
    if (isSame && revision > this.#ceiling) this.#ceiling = revision
    else if (!isSame) await wait(retryMs, this.#ending.signal)
  }
}

/** Who hears of a following. */
export interface FollowingHooks {
  /** The watch broke, and is opened again. */
  readonly broke: (error: Error) => void
  /** It has ended. */
  readonly left: (following: Following) => void
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
