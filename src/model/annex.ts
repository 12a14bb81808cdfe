import type { Family, Key } from '../plan/index.ts'
import {
  isJsonObject,
  type JsonObject,
  jsonObject,
  stringifyJson,
  decodeJson,
  fieldNames,
  mismatch,
  readInteger,
  readObject,
  readString,
  readStruct,
} from './json/index.ts'

/**
 * What belongs to a stored object and has no place in Calico's value, or would be lost with Calico's next write of it. It lies
 * under ippoold's own prefix, and is written in every transaction that writes the object: the revisions of the two keys are the
 * same unless somebody else, who knows of no annex, has written the object since.
 */
export interface Annex {
  /** The UID of the object that it belongs to; another object of the same name, which Calico made, has none of this. */
  readonly uid: string
  /** How often the spec has changed, beginning with 1. */
  readonly generation: number
  /** The spec as it was written with the annex. */
  readonly spec: JsonObject
  /** Members of the metadata, such as `managedFields`. */
  readonly metadata: JsonObject
}

const prefix = '/ippoold/v1/annexes/'

/** The annexes of all objects. */
export const annexes: Family<Annex> = {
  name: 'annexes of objects',
  prefix,
  held: 'values',
  part: 'record',
  decode: (_key, text) =>
    decodeJson(text, (json) => {
      if (!isJsonObject(json)) throw mismatch('annex', 'an object', json)
      const { fields } = readStruct(json, names, 'annex')
      return {
        uid: readString(fields['uid'], 'uid') ?? '',
        generation: readInteger(fields['generation'], 'generation'),
        spec: readObject(fields['spec'], 'spec') ?? jsonObject([]),
        metadata: readObject(fields['metadata'], 'metadata') ?? jsonObject([]),
      }
    }),
  // Before its object: who reads the object at its revision finds the annex that belongs to it.
  lead: (_before, after) => after,
  encode: ({ uid, generation, spec, metadata }) => stringifyJson({ uid, generation, spec, metadata }),
}

/** The prefix of the annexes of one kind; `plural` is its lower-case plural, such as `ippools`. */
export function annexPrefix(plural: string): string {
  return `${prefix}${plural}/`
}

/** The key of the annex of one object. */
export function annexKey(plural: string, name: string): Key<Annex> {
  return { family: annexes, text: `${annexPrefix(plural)}${name}` }
}

const names = fieldNames('uid', 'generation', 'spec', 'metadata')
