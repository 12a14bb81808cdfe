import { type Annex, annexKey, annexPrefix, type Json, type JsonObject, jsonObject } from '../model/index.ts'
import {
  answerOnly,
  type Key,
  type Lookup,
  type Plan,
  put,
  remove,
  type Revision,
  type View,
  type Write,
} from '../plan/index.ts'
import type { Annexing, ServedKind, StoredObject } from './kind.ts'
import { withEmptyFields, textIn, objectIn, sameJson } from './object/index.ts'

/** Members of metadata that no client may know: the server writes them anew into every answer. */
const alwaysInAnnex = ['generation', 'managedFields']

/** What of the metadata of an object lies where. */
export interface AnnexOptions {
  /** The plural of the kind. */
  readonly plural: string
  /** Whether the stored value holds metadata: then the annex belongs to the object with its UID, and has only what it lacks. */
  readonly hasMetadata: boolean
}

/** An annex, and the revision that wrote it. */
export interface StoredAnnex {
  readonly value: Annex
  readonly revision: Revision
}

/** How the objects of a kind and their annexes come together. */
export function declareAnnexes<Value extends StoredObject>(
  options: AnnexOptions,
  objectKey: (name: string) => Key<unknown>,
): Annexing<Value> {
  return {
    prefix: annexPrefix(options.plural),
    holdsAllMetadata: !options.hasMetadata,
    objectKey,
    join: (value, revision, annex) => join(value, revision, annex, options),
  }
}

/** What a lookup of the value alone has found, with what the annex says. */
export function withAnnex<Value extends StoredObject>(
  view: View,
  lookup: Lookup<Value>,
  name: string,
  options: AnnexOptions,
): Lookup<Value> {
  // Read in any case: whoever stores the object writes it, and one may have been left behind by an object that Calico deleted.
  const annex = view.get(annexKey(options.plural, name))
  if (lookup.kind !== 'value') return lookup
  // One that cannot be read is as good as none: nothing in it decides about an address.
  const known = annex.kind === 'value' ? annex : undefined
  return { ...lookup, value: join(lookup.value, lookup.revision, known, options) }
}

/** Stores what of the object has its place in an annex. */
export function putAnnex({ name, object }: StoredObject, { plural, hasMetadata }: AnnexOptions): Write {
  const metadata = objectIn(object, 'metadata')
  const uid = textIn(metadata, 'uid')
  const members = Object.entries(metadata).filter(([member]) => isInAnnex(member, hasMetadata))
  const spec = objectIn(object, 'spec')
  return put(annexKey(plural, name), { uid, generation: generationOf(metadata), spec, metadata: jsonObject(members) })
}

/** Removes the annex of an object that goes. */
export function removeAnnex(view: View, plural: string, name: string): readonly Write[] {
  const key = annexKey(plural, name)
  return view.get(key).kind === 'absent' ? [] : [remove(key)]
}

/** How many annexes are removed in one transaction, which compares two keys for each. */
export const orphansAtOnceMax = 50

/**
 * Removes those of the annexes called `names` whose objects are gone: whoever deletes an object and knows of no annex leaves it behind.
 * Gives how many. One that cannot be read is left alone, as is that of an object that cannot be read.
 */
export function planRemoveOrphans<Value extends StoredObject>(
  view: View,
  { plural, storage: { annexing } }: ServedKind<Value>,
  names: readonly string[],
): Plan<number> {
  if (annexing === undefined) return answerOnly(0)
  const keys = names
    .filter((name) => view.get(annexing.objectKey(name)).kind === 'absent')
    .map((name) => annexKey(plural, name))
    .filter((key) => view.get(key).kind === 'value')
  return { answer: keys.length, writes: keys.map(remove) }
}

/** The object without what has its place in an annex. */
export function withoutAnnex(object: JsonObject): JsonObject {
  const metadata = Object.entries(objectIn(object, 'metadata')).filter(([member]) => !alwaysInAnnex.includes(member))
  return jsonObject([...Object.entries(object), ['metadata', jsonObject(metadata)]])
}

/** How often the spec has changed, by the metadata of an object as clients see it. */
export function generationOf(metadata: JsonObject): number {
  const { generation } = metadata
  return typeof generation === 'number' && generation > 0 ? generation : 1
}

function isInAnnex(member: string, hasMetadata: boolean): boolean {
  return hasMetadata ? member === 'managedFields' : !['name', 'generation', 'resourceVersion'].includes(member)
}

function join<Value extends StoredObject>(
  value: Value,
  revision: Revision,
  annex: StoredAnnex | undefined,
  { hasMetadata }: AnnexOptions,
): Value {
  const metadata = objectIn(value.object, 'metadata')
  const isOurs = annex !== undefined && (!hasMetadata || annex.value.uid === textIn(metadata, 'uid'))
  const shown = isOurs ? withEmptyFields(value, annex.value.spec) : value
  const joined: (readonly [string, Json])[] = isOurs
    ? [
        ...Object.entries(annex.value.metadata),
        ['generation', generationAt(revision, objectIn(shown.object, 'spec'), annex)],
      ]
    : [['generation', generationOf(metadata)]]
  const object = jsonObject([
    ...Object.entries(shown.object),
    ['metadata', jsonObject([...Object.entries(metadata), ...joined])],
  ])
  return { ...shown, object }
}

/** Whoever has written the object since, without the annex, counts as one change of the spec, if it is one. */
function generationAt(revision: Revision, spec: JsonObject, { value, revision: annexed }: StoredAnnex): number {
  return revision === annexed || sameJson(spec, value.spec) ? value.generation : value.generation + 1
}
