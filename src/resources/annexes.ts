import { type Annex, annexKey, annexPrefix, type Json, type JsonObject, jsonObject } from '../model/index.ts'
import {
  answerOnly,
  type Key,
  type Lookup,
  type Plan,
  put,
  remove,
  type Revision,
  type Step,
  stepLimits,
  type View,
  type Write,
} from '../plan/index.ts'
import type { Annexing, ServedKind, StoredObject } from './kind.ts'
import { withEmptyFields, textIn, objectIn, sameJson } from './object/index.ts'

/** Members of metadata that are stored in the annex only, and never in Calico's value. */
const alwaysInAnnex = ['generation', 'managedFields']

/** How the metadata of a kind's objects is divided between value and annex. */
export interface AnnexOptions {
  /** The plural of the kind. */
  readonly plural: string
  /**
   * True if the stored value holds metadata. The annex then belongs to the object with the same UID, and has only what the value lacks.
   */
  readonly hasMetadata: boolean
}

/** An annex and the revision that wrote it. */
export interface StoredAnnex {
  readonly value: Annex
  readonly revision: Revision
}

/** Declares the annexes of a kind. */
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

/** Joins the result of a lookup with the object's annex. */
export function withAnnex<Value extends StoredObject>(
  view: View,
  lookup: Lookup<Value>,
  name: string,
  options: AnnexOptions,
): Lookup<Value> {
  // Read even if there is no object: storing one writes the annex, and Calico may have deleted an object and left its annex behind.
  const annex = view.get(annexKey(options.plural, name))
  if (lookup.kind !== 'value') return lookup
  // An annex that cannot be read counts as missing: nothing in it decides about an address.
  const known = annex.kind === 'value' ? annex : undefined
  return { ...lookup, value: join(lookup.value, lookup.revision, known, options) }
}

/** Stores the part of the object that belongs in its annex. */
export function putAnnex({ name, object }: StoredObject, { plural, hasMetadata }: AnnexOptions): Write {
  const metadata = objectIn(object, 'metadata')
  const uid = textIn(metadata, 'uid')
  const members = Object.entries(metadata).filter(([member]) => isInAnnex(member, hasMetadata))
  const spec = objectIn(object, 'spec')
  return put(annexKey(plural, name), { uid, generation: generationOf(metadata), spec, metadata: jsonObject(members) })
}

/** Removes the annex of an object that is deleted. */
export function removeAnnex(view: View, plural: string, name: string): readonly Write[] {
  const key = annexKey(plural, name)
  return view.get(key).kind === 'absent' ? [] : [remove(key)]
}

/** The most annexes that one step looks at: each takes two keys, its own and that of its object. */
const annexesAtOnce = stepLimits.keys / 2

/**
 * One step of removing those of the annexes called `names` whose objects are gone: Calico deletes objects and leaves their annexes behind.
 * The position is the place in `names`. The answer is the number of annexes removed. An annex that cannot be read stays, and so does the
 * annex of an object that cannot be read.
 */
export function planRemoveOrphans<Value extends StoredObject>(
  view: View,
  { plural, storage: { annexing } }: ServedKind<Value>,
  names: readonly string[],
  position: string,
): Plan<Step<number>> {
  if (annexing === undefined) return answerOnly({ answer: 0, next: undefined })
  const start = Number(position)
  const end = start + annexesAtOnce
  const keys = names
    .slice(start, end)
    .filter((name) => view.get(annexing.objectKey(name)).kind === 'absent')
    .map((name) => annexKey(plural, name))
    .filter((key) => view.get(key).kind === 'value')
  const next = end < names.length ? String(end) : undefined
  return { answer: { answer: keys.length, next }, writes: keys.map(remove) }
}

/** The object without the part that belongs in its annex. */
export function withoutAnnex(object: JsonObject): JsonObject {
  const metadata = Object.entries(objectIn(object, 'metadata')).filter(([member]) => !alwaysInAnnex.includes(member))
  return jsonObject([...Object.entries(object), ['metadata', jsonObject(metadata)]])
}

/** The number of the spec's current state, counted from 1. `metadata` is that of an object as clients see it. */
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

/** If Calico wrote the object after the annex was written, and changed the spec, that counts as one change. */
function generationAt(revision: Revision, spec: JsonObject, { value, revision: annexed }: StoredAnnex): number {
  return revision === annexed || sameJson(spec, value.spec) ? value.generation : value.generation + 1
}
