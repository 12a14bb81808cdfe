import type { Family, Key } from '../plan/index.ts'
import {
  isJsonObject,
  type JsonObject,
  jsonObject,
  stringifyJson,
  decodeJson,
  declareFields,
  mismatch,
  readInteger,
  readObject,
  readString,
  readStruct,
} from './json/index.ts'

/**
 * The metadata of an object that Calico's stored value has no place for, or would lose with Calico's next write. It has a key under
 * ippoold's own prefix. Every transaction that writes the object writes its annex too: the revisions of the two keys differ only if
 * another writer, such as Calico, has written the object since.
 */
export interface Annex {
  /** The UID of the object that the annex belongs to. If Calico makes another object of the same name, the annex does not apply. */
  readonly uid: string
  /** Starts at 1 and grows by one with every change of the spec. */
  readonly generation: number
  /** The spec that was written together with the annex. */
  readonly spec: JsonObject
  /** Further metadata, such as `managedFields`. */
  readonly metadata: JsonObject
}

const annexesPrefix = '/ippoold/v1/annexes/'

/** The annexes of all objects. */
export const annexes: Family<Annex> = {
  name: 'annexes of objects',
  prefix: annexesPrefix,
  held: 'values',
  part: 'record',
  decode: (_key, text) =>
    decodeJson(text, (json) => {
      if (!isJsonObject(json)) throw mismatch('annex', 'an object', json)
      const { fields } = readStruct(json, annexFields, 'annex')
      return {
        uid: readString(fields['uid'], 'uid') ?? '',
        generation: readInteger(fields['generation'], 'generation'),
        spec: readObject(fields['spec'], 'spec') ?? jsonObject([]),
        metadata: readObject(fields['metadata'], 'metadata') ?? jsonObject([]),
      }
    }),
  encode: ({ uid, generation, spec, metadata }) => stringifyJson({ uid, generation, spec, metadata }),
}

/** The prefix of all annexes of one kind; `plural` is its lower-case plural, such as `ippools`. */
export function annexPrefix(plural: string): string {
  return `${annexesPrefix}${plural}/`
}

/** The key of the annex of one object. */
export function annexKey(plural: string, name: string): Key<Annex> {
  return { family: annexes, text: `${annexPrefix(plural)}${name}` }
}

const annexFields = declareFields('uid', 'generation', 'spec', 'metadata')
