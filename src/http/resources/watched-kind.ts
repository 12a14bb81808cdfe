import type { Change, Follower } from '../../datastore/index.ts'
import { annexKey, type JsonObject, stringifyJson } from '../../model/index.ts'
import type { Revision } from '../../plan/index.ts'
import { objectIn, sameJson, type ServedKind, showObject, type StoredObject } from '../../resources/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import type { ObjectSelector } from './object-selector.ts'
import type { Representation } from './representation.ts'

/** One change of one object. An object that cannot be read counts as absent. */
export interface ObjectChange<Value> {
  readonly revision: Revision
  readonly before: Value | undefined
  readonly after: Value | undefined
  /** The printed events, by event type and representation. */
  readonly lines: Map<string, string>
}

/** How a change looks to one watch. */
export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** Changes that are kept after they were read, for all watches that keep up. A watch further behind reads them again. */
const knownMax = 1_000

/** The changes of the objects of one kind. All watches of the kind share it, so that each change is read and printed once. */
export class WatchedKind<Value extends StoredObject> {
  readonly #store: Pick<ServedStore, 'page' | 'peek' | 'follow'>
  readonly #kind: ServedKind<Value>
  /** The changes that were read last, in the order of reading. */
  readonly #known = new Map<Change, Promise<ObjectChange<Value>>>()

  constructor(store: Pick<ServedStore, 'page' | 'peek' | 'follow'>, kind: ServedKind<Value>) {
    this.#store = store
    this.#kind = kind
  }

  /** Follows the changes after a revision that etcd has reached. */
  follow(after: Revision): Promise<Follower> {
    return this.#store.follow(this.#kind.storage.families, after)
  }

  /** Reads the objects of the changes. Throws `RevisionCompacted` if an annex of that revision is gone. */
  read(changes: readonly Change[]): Promise<readonly ObjectChange<Value>[]> {
    return Promise.all(changes.map((change) => this.#known.get(change) ?? this.#readNew(change)))
  }

  #readNew(change: Change): Promise<ObjectChange<Value>> {
    const read = this.#readOne(change)
    this.#known.set(change, read)
    // A fault of etcd must not stay: the next watch reads again.
    read.catch(() => this.#known.delete(change))
    const [oldest] = this.#known.keys()
    if (this.#known.size > knownMax && oldest !== undefined) this.#known.delete(oldest)
    return read
  }

  /** Prints the event of a change for one watch; undefined if the change does not concern it. */
  printChange(
    change: ObjectChange<Value>,
    selector: ObjectSelector<Value> | undefined,
    representation: Representation,
    isFirst: boolean,
  ): string | undefined {
    const type = eventTypeOf(change, selector)
    if (type === undefined) return undefined
    const form = `${type} ${representation.name} ${String(isFirst)}`
    const printed = change.lines.get(form)
    if (printed !== undefined) return printed
    const line = this.#print(change, type, representation, isFirst)
    change.lines.set(form, line)
    return line
  }

  #print(change: ObjectChange<Value>, type: EventType, representation: Representation, isFirst: boolean): string {
    // Also of one that has only left the sight of the client: what it has become may not be for the client to see.
    const value = type === 'DELETED' ? change.before : change.after
    if (value === undefined) throw new Error('an event is about an object')
    return printEvent(type, representation.event(showObject(this.#kind, value, change.revision), isFirst))
  }

  async #readOne({ key, revision, text, before }: Change): Promise<ObjectChange<Value>> {
    const [old, value] = [this.#decode(key, before), this.#decode(key, text)]
    const needsAnnex =
      this.#kind.storage.annexing?.holdsAllMetadata === true || !sameJson(labelsIn(old), labelsIn(value))
    return {
      revision,
      before: old && (needsAnnex ? await this.#joinAnnex(old, revision - 1n) : old),
      after: value && (await this.#joinAnnex(value, revision)),
      lines: new Map(),
    }
  }

  #decode(key: string, text: string | undefined): Value | undefined {
    const family = this.#kind.storage.families.find(({ prefix }) => key.startsWith(prefix))
    if (family === undefined || text === undefined) return undefined
    const decoded = family.decode(key, text)
    return decoded.ok ? decoded.value : undefined
  }

  /** Joins an object with its annex as of a revision. If the same transaction wrote the annex, it is often in memory. */
  async #joinAnnex(value: Value, revision: Revision): Promise<Value> {
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

/** The labels, by which an object enters or leaves what a client sees; undefined if there is no object. */
function labelsIn(value: StoredObject | undefined): JsonObject | undefined {
  return value && objectIn(objectIn(value.object, 'metadata'), 'labels')
}

/** Prints one event of a watch, on a line of its own. */
export function printEvent(type: EventType | 'BOOKMARK', object: JsonObject): string {
  return `${stringifyJson({ type, object })}\n`
}

/** An object that begins to match the selector is `ADDED`; one that ceases to match is `DELETED`. */
function eventTypeOf<Value extends StoredObject>(
  { before, after }: ObjectChange<Value>,
  selector: ObjectSelector<Value> | undefined,
): EventType | undefined {
  const isIn = after !== undefined && selector?.(after) !== false
  const wasIn = before !== undefined && selector?.(before) !== false
  if (isIn) return wasIn ? 'MODIFIED' : 'ADDED'
  return wasIn ? 'DELETED' : undefined
}
