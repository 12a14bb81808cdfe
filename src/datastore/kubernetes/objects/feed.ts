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
  /** The version of the object. */
  readonly revision: Revision
  /** The revision at which it was created; 0 if that was before everything was listed. */
  readonly createRevision: Revision
  /** When the key came, and this version, by the count of what the feed has learned. */
  readonly cameAt: number
  readonly learnedAt: number
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
  #learned = 0

  /** `families` share the kind: those of node and virtual affinities do. */
  constructor(form: ObjectForm, families: readonly HeldFamily[]) {
    this.#form = form
    this.#families = families
  }

  /** The metadata of the object that holds `key`, which a write has to keep; undefined if there is none. */
  metadataOf(key: string): JsonObject | undefined {
    return this.#knownOf(key)?.metadata
  }

  /** Counts what the feed has learned: names a moment for {@link wasKnown}. */
  get learned(): number {
    return this.#learned
  }

  /** True if the object of this name was in memory when so much was learned: in any version, or in this one. */
  wasKnown(name: string, learned: number, version?: Revision): boolean {
    const known = this.#known.get(name)
    if (known === undefined) return false
    return version === undefined ? known.cameAt <= learned : known.revision === version && known.learnedAt <= learned
  }

  /** The key that the object of this name holds; undefined if it is not known. */
  keyNamed(name: string): string | undefined {
    return this.#known.get(name)?.key
  }

  /** The version of the object of this name; undefined if it is not known. */
  versionNamed(name: string): Revision | undefined {
    return this.#known.get(name)?.revision
  }

  /** Takes that at `revision` there were no objects but those of these names, which have been {@link found} before. */
  listedNames(names: ReadonlySet<string>, revision: Revision): void {
    for (const [name, { key, revision: known }] of this.#known) {
      if (!names.has(name) && known <= revision) this.gone(key, revision)
    }
    for (const held of this.#families) held.completeUpTo(revision)
  }

  /** Takes an object that was read, or found in place of another; `asOf` is a revision at which it was there. */
  found(object: JsonObject, asOf: Revision): void {
    const revision = revisionOf(object)
    const entry = this.#presentEntry(object)
    if (entry === undefined || !this.#remember(object, entry.key, revision)) return
    this.#familyOf(entry.key)?.store(entry.key, { revision, text: entry.text, asOf: asOf > revision ? asOf : revision })
  }

  /** Takes an object that this server has just written; `value` is what it holds under `key`, in `valueBytes`. */
  committed(object: JsonObject, key: string, value: unknown, valueBytes: number): void {
    const revision = revisionOf(object)
    if (this.#remember(object, key, revision)) this.#familyOf(key)?.storeCommitted(key, value, revision, valueBytes)
  }

  /** Takes that `key` had no object at `revision`. */
  gone(key: string, revision: Revision): void {
    const name = this.#form.nameOf(key)
    const known = name.ok ? this.#known.get(name.name) : undefined
    if (name.ok && known?.key === key && known.revision <= revision) this.#known.delete(name.name)
    this.#familyOf(key)?.storeAbsent(key, revision)
  }

  /** Takes that the name of `key` has gone to an object that holds another key: nothing can be stored under it. */
  taken(key: string, object: JsonObject): void {
    const revision = revisionOf(object)
    const text = `the object ${nameIn(object)} belongs to another key`
    this.#familyOf(key)?.store(key, { revision, text, asOf: revision })
  }

  listed(objects: readonly JsonObject[], revision: Revision): void {
    const names = new Set<string>()
    for (const object of objects) {
      const entry = this.#presentEntry(object)
      if (entry === undefined) continue
      names.add(nameIn(object))
      const [{ key, text }, version] = [entry, revisionOf(object)]
      if (this.#remember(object, key, version, 0n)) {
        this.#familyOf(key)?.load(key, { revision: version, text, asOf: revision })
      }
    }
    for (const [name, { revision: known }] of this.#known) {
      if (!names.has(name) && known <= revision) this.#known.delete(name)
    }
    const keys = new Set([...this.#known.values()].map(({ key }) => key))
    for (const held of this.#families) {
      for (const key of [...held.keys()]) if (!keys.has(key)) held.storeAbsent(key, revision)
    }
  }

  changed(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: JsonObject, revision: Revision): void {
    const name = nameIn(object)
    const before = this.#known.get(name)
    // The watch is behind what was read or written since.
    if (before !== undefined && before.revision > revision) return
    const entry = type === 'DELETED' ? undefined : this.#presentEntry(object)
    if (before !== undefined && before.key !== entry?.key) {
      this.#known.delete(name)
      this.#familyOf(before.key)?.applyChange(before.key, { revision, createRevision: 0n, value: undefined })
    }
    if (entry === undefined) return
    this.#remember(object, entry.key, revision)
    const createRevision = this.#known.get(name)?.createRevision ?? revision
    const value = Buffer.from(entry.text)
    this.#familyOf(entry.key)?.applyChange(entry.key, { revision, createRevision, value })
  }

  reached(revision: Revision): void {
    for (const held of this.#families) held.completeUpTo(revision)
  }

  #knownOf(key: string): Known | undefined {
    const name = this.#form.nameOf(key)
    const known = name.ok ? this.#known.get(name.name) : undefined
    return known?.key === key ? known : undefined
  }

  /** False if a newer version is known. A key that is new was created at `created`. */
  #remember(object: JsonObject, key: string, revision: Revision, created = revision): boolean {
    const name = nameIn(object)
    const before = this.#known.get(name)
    if (before !== undefined && before.revision > revision) return false
    const isSame = before?.key === key
    const learned = ++this.#learned
    this.#known.set(name, {
      key,
      metadata: metadataToKeep(object),
      revision,
      createRevision: isSame ? before.createRevision : created,
      cameAt: isSame ? before.cameAt : learned,
      learnedAt: isSame && before.revision === revision ? before.learnedAt : learned,
    })
    return true
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
