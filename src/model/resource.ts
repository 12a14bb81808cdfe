import type { Decoded, Family, Key, Part } from '../plan/index.ts'
import {
  compareBytewise,
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  stringifyJson,
  stringifyMembers,
  decodeJson,
  type FieldNames,
  declareFields,
  mismatch,
  noFields,
  readObject,
  readString,
  readStringMap,
  spell,
} from './json/index.ts'

/** A stored projectcalico.org/v3 object, with the parts that all kinds share. */
export interface Resource {
  /** The complete object. The names of known fields are spelled as Go spells them. */
  readonly object: JsonObject
  readonly name: string
  readonly metadata: JsonObject
  readonly labels: Readonly<Record<string, string>>
  readonly spec: JsonObject
}

/** The prefix of all resources of one kind; `plural` is its lower-case plural, such as `ippools`. */
export function resourcePrefix(plural: string): string {
  return `/calico/resources/v3/projectcalico.org/${plural}/`
}

/** The key of one resource. */
export function resourceKey<Value>(family: Family<Value>, name: string): Key<Value> {
  return { family, text: `${family.prefix}${name}` }
}

/**
 * Makes the family of one kind of resource, with one change per transaction. `specFields` are the known fields of the spec
 * in Go's order. `read` makes the kind's value of a resource; it may throw Malformed, as the readers of struct.ts do. A stored object
 * without a name has the one in its key; an object with another name cannot be read.
 */
export function resourceFamily<Value extends { readonly object: JsonObject }>(options: {
  readonly name: string
  readonly plural: string
  /** The prefix of the keys; unless given, where Calico stores this kind. */
  readonly prefix?: string
  readonly specFields: readonly string[]
  /** `values` unless given. */
  readonly held?: Family<Value>['held']
  /** `record` unless given. */
  readonly part?: Part
  /** See {@link Family.isAnnounced}. */
  readonly isAnnounced?: boolean
  /** True if ippoold never writes this kind. */
  readonly isReadOnly?: boolean
  read(resource: Resource): Value
  /** Changes an object before it is stored, if Calico adds or leaves out fields of this kind. */
  readonly trim?: (object: JsonObject) => JsonObject
}): ResourceFamily<Value> {
  const trim = options.trim ?? ((object: JsonObject) => object)
  const encodeObject = (object: JsonObject): string => encodeResource(trim(object), options.specFields)
  const prefix = options.prefix ?? resourcePrefix(options.plural)
  const specFields = declareFields(...options.specFields)
  return {
    name: options.name,
    prefix,
    held: options.held ?? 'values',
    part: options.part ?? 'record',
    isChangedSingly: true,
    isAnnounced: options.isAnnounced ?? false,
    isReadOnly: options.isReadOnly ?? false,
    decode(key, text) {
      return decodeJson(text, (json) => {
        const resource = readResource(json, specFields, key.slice(prefix.length))
        if (key === `${prefix}${resource.name}`) return options.read(resource)
        throw mismatch('metadata.name', `the name in the key ${key}`, resource.name)
      })
    },
    encode: (value) => encodeObject(value.object),
    encodeObject,
  }
}

/** A family of resources; it can also encode an object that was not read into a value. */
export interface ResourceFamily<Value> extends Family<Value> {
  encodeObject(object: JsonObject): string
}

/** The value that reading returns after `object` is stored, without fields that are not stored; a problem if it cannot be read. */
export function resourceOf<Value>(family: ResourceFamily<Value>, object: JsonObject): Decoded<Value> {
  const metadata = object['metadata']
  const name = isJsonObject(metadata) ? metadata['name'] : undefined
  return family.decode(`${family.prefix}${typeof name === 'string' ? name : ''}`, family.encodeObject(object))
}

/**
 * Prints a resource as Go writes it: object, metadata and spec in Go's field order, labels and annotations sorted, without
 * `resourceVersion`, `selfLink` and empty metadata. Unknown fields follow unchanged.
 * @see docs/calico/formats.md section 2.8
 */
export function encodeResource(object: JsonObject, specFieldOrder: readonly string[]): string {
  return stringifyOrdered(object, topFields.ordered, (name, value) => {
    if (name === 'metadata' && isJsonObject(value)) return encodeMetadata(value)
    if (name === 'spec' && isJsonObject(value)) return stringifyOrdered(value, specFieldOrder)
    return stringifyJson(value)
  })
}

/** Reads a resource. If its metadata has no name, it gets `nameInKey`. Throws Malformed. */
export function readResource(json: Json, specFields: FieldNames, nameInKey = ''): Resource {
  if (!isJsonObject(json)) throw mismatch('resource', 'an object', json)
  const given = spell(json, topFields)
  const stored = spell(readObject(given['metadata'], 'metadata') ?? noFields, metadataFields)
  const spec = spell(readObject(given['spec'], 'spec') ?? noFields, specFields)
  const storedName = readString(stored['name'], 'metadata.name') ?? ''
  const name = storedName === '' ? nameInKey : storedName
  if (name === '') throw mismatch('metadata.name', 'a name', name)
  // A server reads many objects when it starts, and nearly all have a name: no copy is made of those.
  const metadata = name === storedName ? stored : jsonObject([...Object.entries(stored), ['name', name]])
  return {
    object: jsonObject([...Object.entries(given), ['metadata', metadata], ['spec', spec]]),
    name,
    metadata,
    labels: readStringMap(metadata['labels'], 'metadata.labels') ?? {},
    spec,
  }
}

const topFields = declareFields('kind', 'apiVersion', 'metadata', 'spec', 'status')

/** The fields of metadata, in Kubernetes' order. */
export const metadataMembers = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const

const metadataFields = declareFields(...metadataMembers)

function encodeMetadata(metadata: JsonObject): string {
  const stored = Object.entries(metadata).filter(([name, value]) => {
    if (name === 'resourceVersion' || name === 'selfLink') return false
    // In Go this is a pointer to a number, so a 0 is written.
    if (name === 'deletionGracePeriodSeconds' && value === 0) return true
    return !(metadataFields.exact.has(name) && isEmptyField(value))
  })
  return stringifyOrdered(jsonObject(stored), metadataFields.ordered, (name, value) => {
    const isMap = (name === 'labels' || name === 'annotations') && isJsonObject(value)
    return isMap ? stringifyOrdered(value, Object.keys(value).sort(compareBytewise)) : stringifyJson(value)
  })
}

/** True if Go's omitempty leaves the value out. */
function isEmptyField(json: Json): boolean {
  if (isJsonArray(json)) return json.length === 0
  if (isJsonObject(json)) return Object.keys(json).length === 0
  return json === null || json === '' || json === 0 || json === false
}

function stringifyOrdered(
  object: JsonObject,
  order: readonly string[],
  stringify: (name: string, value: Json) => string = (_, value) => stringifyJson(value),
): string {
  const names = new Set([...order.filter((name) => Object.hasOwn(object, name)), ...Object.keys(object)])
  return stringifyMembers([...names].map((name) => [name, stringify(name, object[name] ?? null)]))
}
