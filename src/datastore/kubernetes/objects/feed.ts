import { type JsonObject, jsonObject } from '../../../model/index.ts'
import type { Revision } from '../../../plan/index.ts'
import type { HeldFamily } from '../../image/index.ts'
import { revisionOf } from '../api/index.ts'
import { nameIn, type ObjectForm, objectAt, type StoredEntry } from '../forms/index.ts'
import type { InformerListener } from './informer.ts'

/** An object that holds a key. */
interface Known {
  readonly key: string
  readonly metadata: JsonObject
  /** The revision at which it was created; 0 if that was before everything was listed. */
  readonly createRevision: Revision
}

/**
 * Keeps families in memory up to date with the objects of one kind. An object that is marked as deleted counts as absent: a write of
 * its key finds it, and deletes it first.
 */
export class ImageFeed implements InformerListener {
  readonly #form: ObjectForm
  readonly #families: readonly HeldFamily[]
  /** By the names of the objects. */
  readonly #known = new Map<string, Known>()

  /** `families` share the kind: those of node and virtual affinities do. */
  constructor(form: ObjectForm, families: readonly HeldFamily[]) {
    this.#form = form
    this.#families = families
  }

  /** The metadata of the object that holds `key`, which a write has to keep; undefined if there is none. */
  metadataOf(key: string): JsonObject | undefined {
    const name = this.#form.nameOf(key)
    const known = name.ok ? this.#known.get(name.name) : undefined
    return known?.key === key ? known.metadata : undefined
  }

  listed(objects: readonly JsonObject[], revision: Revision): void {
    this.#known.clear()
    const keys = new Set<string>()
    for (const object of objects) {
      const entry = this.#presentEntry(object)
      if (entry === undefined) continue
      keys.add(entry.key)
      this.#known.set(nameIn(object), { key: entry.key, metadata: metadataToKeep(object), createRevision: 0n })
      this.#familyOf(entry.key)?.load(entry.key, { revision: revisionOf(object), text: entry.text, asOf: revision })
    }
    for (const held of this.#families) {
      for (const key of [...held.keys()]) if (!keys.has(key)) held.storeAbsent(key, revision)
    }
  }

  changed(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: JsonObject, revision: Revision): void {
    const name = nameIn(object)
    const before = this.#known.get(name)
    const entry = type === 'DELETED' ? undefined : this.#presentEntry(object)
    if (before !== undefined && before.key !== entry?.key) {
      this.#known.delete(name)
      this.#familyOf(before.key)?.applyChange(before.key, { revision, createRevision: 0n, value: undefined })
    }
    if (entry === undefined) return
    const createRevision = before?.key === entry.key ? before.createRevision : revision
    this.#known.set(name, { key: entry.key, metadata: metadataToKeep(object), createRevision })
    const value = Buffer.from(entry.text)
    this.#familyOf(entry.key)?.applyChange(entry.key, { revision, createRevision, value })
  }

  reached(revision: Revision): void {
    for (const held of this.#families) held.completeUpTo(revision)
  }

  #presentEntry(object: JsonObject): StoredEntry | undefined {
    const entry = this.#form.read(object)
    return entry?.isDeleted === true ? undefined : entry
  }

  #familyOf(key: string): HeldFamily | undefined {
    return this.#families.find(({ family }) => key.startsWith(family.prefix))
  }
}

/** Without the API server's own notes, which are longer than all the rest. */
function metadataToKeep(object: JsonObject): JsonObject {
  return jsonObject(Object.entries(objectAt(object, 'metadata')).filter(([name]) => name !== 'managedFields'))
}
