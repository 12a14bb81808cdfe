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
  fieldNames,
  mismatch,
  noFields,
  readObject,
  readString,
  readStringMap,
  spell,
} from './json/index.ts'

/**
 * A projectcalico.org/v3 object as it is stored, with the parts that every kind shares. Nothing is lost in `object`.
 */
export interface Resource {
  /**
   * The whole object; the names of the envelope, of the metadata and of the spec's known fields are spelt as Go spells
   * them.
   */
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
 * The family of one kind of resource, held as `values` and changed singly. `specFields` are the known fields of its spec in Go's order;
 * `read` makes the value of a resource, and may throw Malformed, as the readers of struct.ts do. A value whose name is
 * not the one in its key is a problem.
 */
export function resourceFamily<Value extends { readonly object: JsonObject }>(options: {
  readonly name: string
  readonly plural: string
  readonly specFields: readonly string[]
  /** `record` unless given. */
  readonly part?: Part
  read(resource: Resource): Value
  /** What is stored of an object, where Calico adds or leaves out something. */
  readonly trim?: (object: JsonObject) => JsonObject
}): ResourceFamily<Value> {
  const trim = options.trim ?? ((object: JsonObject) => object)
  const encodeObject = (object: JsonObject): string => encodeResource(trim(object), options.specFields)
  const prefix = resourcePrefix(options.plural)
  const specFields = fieldNames(...options.specFields)
  return {
    name: options.name,
    prefix,
    held: 'values',
    part: options.part ?? 'record',
    isChangedSingly: true,
    decode(key, text) {
      return decodeJson(text, (json) => {
        const resource = readResource(json, specFields)
        if (key === `${prefix}${resource.name}`) return options.read(resource)
        throw mismatch('metadata.name', `the name in the key ${key}`, resource.name)
      })
    },
    encode: (value) => encodeObject(value.object),
    encodeObject,
  }
}

/** A family of resources, which can encode an object before anything is read of it. */
export interface ResourceFamily<Value> extends Family<Value> {
  encodeObject(object: JsonObject): string
}

/** The value that `object` becomes once it is stored: what is empty or never stored is gone from it. Refuses as decoding does. */
export function resourceOf<Value>(family: ResourceFamily<Value>, object: JsonObject): Decoded<Value> {
  const metadata = object['metadata']
  const name = isJsonObject(metadata) ? metadata['name'] : undefined
  return family.decode(`${family.prefix}${typeof name === 'string' ? name : ''}`, family.encodeObject(object))
}

/**
 * The stored text of a resource: Go's field order in the object, its metadata and its spec; labels and annotations
 * sorted; `resourceVersion`, `selfLink` and empty metadata left out. Fields that are not known follow, as they are.
 * @see docs/calico/formats.md section 2.8
 */
export function encodeResource(object: JsonObject, specFieldOrder: readonly string[]): string {
  return stringifyOrdered(object, topFields.ordered, (name, value) => {
    if (name === 'metadata' && isJsonObject(value)) return encodeMetadata(value)
    if (name === 'spec' && isJsonObject(value)) return stringifyOrdered(value, specFieldOrder)
    return stringifyJson(value)
  })
}

/** Reads a resource; throws Malformed. */
export function readResource(json: Json, specFields: FieldNames): Resource {
  if (!isJsonObject(json)) throw mismatch('resource', 'an object', json)
  const given = spell(json, topFields)
  const metadata = spell(readObject(given['metadata'], 'metadata') ?? noFields, metadataFields)
  const spec = spell(readObject(given['spec'], 'spec') ?? noFields, specFields)
  const name = readString(metadata['name'], 'metadata.name') ?? ''
  if (name === '') throw mismatch('metadata.name', 'a name', name)
  return {
    object: jsonObject([...Object.entries(given), ['metadata', metadata], ['spec', spec]]),
    name,
    metadata,
    labels: readStringMap(metadata['labels'], 'metadata.labels') ?? {},
    spec,
  }
}

const topFields = fieldNames('kind', 'apiVersion', 'metadata', 'spec', 'status')

/** The members of metadata, in Kubernetes' order. */
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

const metadataFields = fieldNames(...metadataMembers)

function encodeMetadata(metadata: JsonObject): string {
  const stored = Object.entries(metadata).filter(([name, value]) => {
    if (name === 'resourceVersion' || name === 'selfLink') return false
    // Go has a pointer to this number, and leaves out no 0 that it points to.
    if (name === 'deletionGracePeriodSeconds' && value === 0) return true
    return !(metadataFields.exact.has(name) && isEmpty(value))
  })
  return stringifyOrdered(jsonObject(stored), metadataFields.ordered, (name, value) => {
    const isMap = (name === 'labels' || name === 'annotations') && isJsonObject(value)
    return isMap ? stringifyOrdered(value, Object.keys(value).sort(compareBytewise)) : stringifyJson(value)
  })
}

/** What Go's omitempty leaves out. */
function isEmpty(json: Json): boolean {
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
