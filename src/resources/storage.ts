import type { JsonObject } from '../model/index.ts'
import { type Decodable, type Decoded, type Family, type Key, type Lookup, put, type View } from '../plan/index.ts'
import { declareAnnexes, putAnnex, withAnnex, withoutAnnex } from './annexes.ts'
import type { Reading, StoredObject, Writing } from './kind.ts'
import { objectIn, textIn } from './object/index.ts'

/** Declares the storage of a kind whose objects are stored as they are: one key of one family each, and an annex. */
export function declareStorage<Value extends StoredObject>(
  plural: string,
  family: Family<Value>,
  keyOf: (name: string) => Key<Value>,
): Reading<Value> & Writing<Value> {
  const options = { plural, hasMetadata: true }
  return {
    families: [family],
    annexing: declareAnnexes(options, keyOf),
    lookup: (view, name) => withAnnex(view, lookUpCommitted(view, keyOf(name)), name, options),
    put: (value) => [
      put(keyOf(value.name), { ...value, object: withoutAnnex(value.object) }),
      putAnnex(value, options),
    ],
  }
}

/** Declares the storage of a kind that only ippoold writes: one key of one family for each object, with all its metadata. */
export function declarePlainStorage<Value extends StoredObject>(
  family: Family<Value>,
  keyOf: (name: string) => Key<Value>,
): Reading<Value> & Writing<Value> {
  return {
    families: [family],
    annexing: undefined,
    lookup: (view, name) => lookUpCommitted(view, keyOf(name)),
    put: (value) => [put(keyOf(value.name), value)],
  }
}

/**
 * A family that decodes each value and turns it into an object with `show`. For lists, which read pages without a plan; a plan reads
 * the key of `family` itself, with {@link showStored}.
 */
export function showFamily<Raw, Value>(family: Family<Raw>, show: (key: string, raw: Raw) => Value): Decodable<Value> {
  return {
    prefix: family.prefix,
    decode: (key, text) => {
      const decoded = family.decode(key, text)
      return decoded.ok ? { ok: true, value: show(key, decoded.value) } : decoded
    },
  }
}

/** An object that is only shown is its own value. */
export function parseShown(object: JsonObject): Decoded<StoredObject> {
  return { ok: true, value: { name: textIn(objectIn(object, 'metadata'), 'name'), object } }
}

/** Looks up `key`, and turns its value into an object with `show`. */
export function showStored<Raw, Value>(
  view: View,
  key: Key<Raw>,
  show: (key: string, raw: Raw) => Value,
): Lookup<Value> {
  const lookup = lookUpCommitted(view, key)
  return lookup.kind === 'value' ? { ...lookup, value: show(key.text, lookup.value) } : lookup
}

/**
 * Looks up `key` as of its last commit. The revision goes to clients, who send it back to change exactly this state of the object, so
 * it must not be that of a write still in flight. A problem with the value names the key, which is where to look.
 */
function lookUpCommitted<Value>(view: View, key: Key<Value>): Lookup<Value> {
  const lookup = view.get(key, { awaitCommit: true })
  return lookup.kind === 'unreadable' ? { ...lookup, problem: `${key.text}: ${lookup.problem}` } : lookup
}
