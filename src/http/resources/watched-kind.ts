import type { Change, Follower } from '../../datastore/index.ts'
import { annexKey, type JsonObject, stringifyJson } from '../../model/index.ts'
import type { Revision } from '../../plan/index.ts'
import { present, type ServedKind, type StoredObject } from '../../resources/index.ts'
import type { Store } from '../ipam/index.ts'
import type { ObjectSelector } from './object-selector.ts'
import type { Representation } from './representation.ts'

/** One change of one object. What cannot be read is not there. */
export interface ObjectChange<Value> {
  readonly revision: Revision
  readonly before: Value | undefined
  readonly after: Value | undefined
  /** What watchers were sent for it, by what they see and how. */
  readonly lines: Map<string, string>
}

/** What became of an object in the eyes of a watcher. */
export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** How many changes are kept as they were read: for all who keep up. Whoever is further behind has them read once more. */
const knownMax = 1_000

/**
 * The changes of the objects of one kind as watchers see them. All watchers share it, so that a change is read and printed once, however
 * many there are.
 */
export class WatchedKind<Value extends StoredObject> {
  readonly #store: Pick<Store, 'page' | 'peek' | 'follow'>
  readonly #kind: ServedKind<Value>
  /** Those read last, in that order. */
  readonly #known = new Map<Change, Promise<ObjectChange<Value>>>()

  constructor(store: Pick<Store, 'page' | 'peek' | 'follow'>, kind: ServedKind<Value>) {
    this.#store = store
    this.#kind = kind
  }

  /** Follows the changes after a revision that etcd has reached. */
  follow(after: Revision): Promise<Follower> {
    return this.#store.follow(this.#kind.storage.families, after)
  }

  /** The objects that the changes are about. Throws `RevisionCompacted` when an annex of that time is gone. */
  read(changes: readonly Change[]): Promise<readonly ObjectChange<Value>[]> {
    return Promise.all(changes.map((change) => this.#known.get(change) ?? this.#readNew(change)))
  }

  #readNew(change: Change): Promise<ObjectChange<Value>> {
    const read = this.#readOne(change)
    this.#known.set(change, read)
    // When etcd was away, it is there for the next one.
    read.catch(() => this.#known.delete(change))
    const [oldest] = this.#known.keys()
    if (this.#known.size > knownMax && oldest !== undefined) this.#known.delete(oldest)
    return read
  }

  /** The line that tells a watcher of a change; undefined when it does not concern him. */
  lineOf(
    change: ObjectChange<Value>,
    selector: ObjectSelector | undefined,
    representation: Representation,
    isFirst: boolean,
  ): string | undefined {
    const type = typeOf(change, selector)
    if (type === undefined) return undefined
    const form = `${type} ${representation.name} ${String(isFirst)}`
    const known = change.lines.get(form)
    if (known !== undefined) return known
    const line = this.#print(change, type, representation, isFirst)
    change.lines.set(form, line)
    return line
  }

  #print(change: ObjectChange<Value>, type: EventType, representation: Representation, isFirst: boolean): string {
    // What has gone is told as it was at the last, and what has only gone from sight as it is.
    const value = change.after ?? change.before
    if (value === undefined) throw new Error('an event is about an object')
    return eventLine(type, representation.event(present(this.#kind, value, change.revision), isFirst))
  }

  async #readOne({ key, revision, text, before }: Change): Promise<ObjectChange<Value>> {
    const [old, value] = [this.#decode(key, before), this.#decode(key, text)]
    const isAnnexTold = value === undefined || this.#kind.storage.annexing?.holdsAllMetadata === true
    return {
      revision,
      before: old && (isAnnexTold ? await this.#withAnnex(old, revision - 1n) : old),
      after: value && (await this.#withAnnex(value, revision)),
      lines: new Map(),
    }
  }

  #decode(key: string, text: string | undefined): Value | undefined {
    const family = this.#kind.storage.families.find(({ prefix }) => key.startsWith(prefix))
    if (family === undefined || text === undefined) return undefined
    const decoded = family.decode(key, text)
    return decoded.ok ? decoded.value : undefined
  }

  /** The object with its annex as of a revision. One that the same transaction wrote is often in memory already. */
  async #withAnnex(value: Value, revision: Revision): Promise<Value> {
    const { annexing } = this.#kind.storage
    if (annexing === undefined) return value
    const key = annexKey(this.#kind.plural, value.name)
    const held = this.#store.peek(key)
    if (held?.kind === 'value' && held.revision === revision) return annexing.join(value, revision, held)
    const { entries } = await this.#store.page(key.family, { from: key.text, to: key.text, revision })
    return annexing.join(
      value,
      revision,
      entries.find((entry) => entry.kind === 'value'),
    )
  }
}

/** One event of a watch, on a line of its own. */
export function eventLine(type: EventType | 'BOOKMARK', object: JsonObject): string {
  return `${stringifyJson({ type, object })}\n`
}

/** An object that begins to be selected is added to what the watcher sees, and one that ceases to be is deleted from it. */
function typeOf<Value extends StoredObject>(
  { before, after }: ObjectChange<Value>,
  selector: ObjectSelector | undefined,
): EventType | undefined {
  const isIn = after !== undefined && selector?.(after) !== false
  const wasIn = before !== undefined && selector?.(before) !== false
  if (isIn) return wasIn ? 'MODIFIED' : 'ADDED'
  return wasIn ? 'DELETED' : undefined
}
