import { type Decodable, type Family, type Key, type Lookup, put, type View } from '../plan/index.ts'
import { declareAnnexes, putAnnex, withAnnex, withoutAnnex } from './annexes.ts'
import type { Reading, StoredObject, Writing } from './kind.ts'

/** The storage of a kind of which each object is one key of one family, in Kubernetes' own form, and an annex. */
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

/**
 * `family` as the objects that its values are shown as. For lists, which are read straight from etcd: what a plan reads it reads by
 * the key of the family itself, and turns with {@link showStored}.
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

/** What is stored under `key`, as the object that it is shown as. */
export function showStored<Raw, Value>(
  view: View,
  key: Key<Raw>,
  show: (key: string, raw: Raw) => Value,
): Lookup<Value> {
  const lookup = lookUpCommitted(view, key)
  return lookup.kind === 'value' ? { ...lookup, value: show(key.text, lookup.value) } : lookup
}

/**
 * What is stored under `key`, with a revision that is of no other state of it: a client may come back with it to change what he saw. Of
 * a value that cannot be read, the problem is told with the key: that is where to look.
 */
function lookUpCommitted<Value>(view: View, key: Key<Value>): Lookup<Value> {
  const lookup = view.get(key, { awaitCommit: true })
  return lookup.kind === 'unreadable' ? { ...lookup, problem: `${key.text}: ${lookup.problem}` } : lookup
}
