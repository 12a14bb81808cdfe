import { type Decodable, type Family, type Key, type Lookup, put, type View } from '../datastore/index.ts'
import type { Reading, StoredObject, Writing } from './kind.ts'

/** The storage of a kind of which each object is one key of one family, in Kubernetes' own form. */
export function stored<Value extends StoredObject>(
  family: Family<Value>,
  keyOf: (name: string) => Key<Value>,
): Reading<Value> & Writing<Value> {
  return {
    families: [family],
    lookup: (view, name) => naming(keyOf(name), view.get(keyOf(name))),
    put: (value) => put(keyOf(value.name), value),
    keepsMetadata: true,
  }
}

/**
 * `family` as the objects that its values are shown as. For lists, which are read straight from etcd: what a plan reads it reads by
 * the key of the family itself, and turns with {@link shown}.
 */
export function projected<Raw, Value>(family: Family<Raw>, show: (key: string, raw: Raw) => Value): Decodable<Value> {
  return {
    prefix: family.prefix,
    decode: (key, text) => {
      const decoded = family.decode(key, text)
      return decoded.ok ? { ok: true, value: show(key, decoded.value) } : decoded
    },
  }
}

/** What is stored under `key`, as the object that it is shown as. */
export function shown<Raw, Value>(view: View, key: Key<Raw>, show: (key: string, raw: Raw) => Value): Lookup<Value> {
  const lookup = view.get(key)
  return lookup.kind === 'value' ? { ...lookup, value: show(key.text, lookup.value) } : naming(key, lookup)
}

/** Of a value that cannot be read, the problem is told with the key: that is where to look. */
function naming<Found extends Lookup<unknown>>(key: Key<unknown>, lookup: Found): Found {
  return lookup.kind === 'unreadable' ? { ...lookup, problem: `${key.text}: ${lookup.problem}` } : lookup
}
