import { setImmediate as turn } from 'node:timers/promises'
import type { Change } from '../../../src/datastore/index.ts'
import type { Revision } from '../../../src/plan/index.ts'

/** One object, as of a revision. Revision 0: there was none yet. */
export interface StoredObject {
  readonly revision: Revision
  /** The revision of its creation. */
  readonly createRevision: Revision
  /** Undefined when it does not exist. */
  readonly text: string | undefined
}

const absent: StoredObject = { revision: 0n, createRevision: 0n, text: undefined }

/**
 * Objects by their keys, with the one change that a Kubernetes API server knows: compare and swap one object. Each change has a revision
 * of its own, and the history of all is kept, until it is compacted.
 */
export class ObjectServer {
  /** Whether a swap compares. Off, it shows that a test notices. */
  isComparing = true
  /** How many swaps were refused because the object had changed. */
  lostSwaps = 0
  readonly #versions = new Map<string, StoredObject[]>()
  readonly #changes: Change[] = []
  readonly #listeners = new Set<(change: Change) => void>()
  #compacted: Revision = 0n

  /** The revision of the last change. */
  get revision(): Revision {
    return BigInt(this.#changes.length)
  }

  /** The oldest revision that can still be read. */
  get compacted(): Revision {
    return this.#compacted
  }

  compact(revision: Revision): void {
    this.#compacted = revision
  }

  read(key: string, revision = this.revision): StoredObject {
    return this.#versions.get(key)?.findLast((version) => version.revision <= revision) ?? absent
  }

  /** The keys below `prefix` that exist at a revision, in order. */
  keys(prefix: string, revision = this.revision): readonly string[] {
    return [...this.#versions.keys()]
      .filter((key) => key.startsWith(prefix) && this.read(key, revision).text !== undefined)
      .sort()
  }

  /** Changes after a revision, below one of the prefixes. */
  changesAfter(revision: Revision, prefixes: readonly string[]): readonly Change[] {
    return this.#changes.slice(Number(revision)).filter(({ key }) => prefixes.some((prefix) => key.startsWith(prefix)))
  }

  /** Calls back with every change, as it happens; the result stops that. */
  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Stores `text` (undefined: deletes), if the object is still at revision `expected` (of an object that does not exist: any at which it
   * did not). Resolves with the new revision; with undefined when another change came first. Others get their turn before.
   */
  async swap(key: string, expected: Revision, text: string | undefined): Promise<Revision | undefined> {
    await turn()
    const before = this.read(key)
    const found = before.text === undefined ? 0n : before.revision
    if (this.isComparing && found !== expected) {
      this.lostSwaps++
      return undefined
    }
    const revision = this.revision + 1n
    const createRevision = before.text === undefined ? revision : before.createRevision
    const versions = this.#versions.get(key) ?? []
    versions.push({ revision, createRevision, text })
    this.#versions.set(key, versions)
    const change = { key, revision, text, before: before.text }
    this.#changes.push(change)
    for (const listener of this.#listeners) listener(change)
    return revision
  }
}
