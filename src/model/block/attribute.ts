import {
  compareBytewise,
  type Json,
  type JsonObject,
  stringifyMembers,
  stringifyString,
  declareFields,
  noFields,
  readString,
  readStringMap,
  readStruct,
  readTime,
  stringifyStruct,
} from '../json/index.ts'

/**
 * An entry of a block's `attributes`: the holder of the addresses that point to it, or the time since when they cool down. Immutable.
 * @see docs/calico/formats.md section 2.2
 */
export interface Attribute {
  readonly handle?: string
  /** The active holder attributes: free texts, by Calico's names such as `node`, `pod` and `namespace`. Never empty. */
  readonly active?: Readonly<Record<string, string>>
  /** The alternate holder attributes: of a holder that is to take over, or that held the address before. Never empty. */
  readonly alternate?: Readonly<Record<string, string>>
  /** When the addresses were released, RFC 3339. They cool down and are not held. */
  readonly releasedAt?: string
  readonly unknownFields?: JsonObject
}

/** The holder to assign an address to: its handle and its active attributes. */
export interface Holder {
  readonly handle?: string | undefined
  readonly attributes?: Readonly<Record<string, string>> | undefined
}

/** Makes the entry for a holder. An empty map of attributes is left out. */
export function attributeFor({ handle, attributes }: Holder): Attribute {
  const kept = attributes === undefined || isEmptyMap(attributes) ? undefined : attributes
  if (handle === undefined) return kept === undefined ? {} : { active: kept }
  return kept === undefined ? { handle } : { handle, active: kept }
}

/** True if {@link attributeFor} makes the same entry for the holder: its addresses can share this one. */
export function isFor(attribute: Attribute, { handle, attributes }: Holder): boolean {
  // Handles come first: they differ in nearly all entries.
  return (
    attribute.handle === handle &&
    attribute.releasedAt === undefined &&
    attribute.alternate === undefined &&
    attribute.unknownFields === undefined &&
    sameMap(attribute.active ?? {}, attributes ?? {})
  )
}

/** The active and the alternate holder attributes of an address; undefined if there are none. */
export interface Holders {
  readonly active: Readonly<Record<string, string>> | undefined
  readonly alternate: Readonly<Record<string, string>> | undefined
}

/** The entry with other holder attributes. An empty map is left out. */
export function setHolders(attribute: Attribute, { active, alternate }: Holders): Attribute {
  const { active: _, alternate: __, ...rest } = attribute
  return {
    ...rest,
    ...(active === undefined || isEmptyMap(active) ? {} : { active }),
    ...(alternate === undefined || isEmptyMap(alternate) ? {} : { alternate }),
  }
}

/** True if both entries say the same. Unknown fields count as the same only if they are the same object. */
export function sameAttribute(one: Attribute, other: Attribute): boolean {
  return (
    one.handle === other.handle &&
    one.releasedAt === other.releasedAt &&
    one.unknownFields === other.unknownFields &&
    sameMap(one.active ?? {}, other.active ?? {}) &&
    sameMap(one.alternate ?? {}, other.alternate ?? {})
  )
}

const attributeFields = declareFields('handle_id', 'secondary', 'alternateOwnerAttrs', 'releasedAt')

/** Reads one entry; throws Malformed. Problems name it by `path`. */
export function decodeAttribute(json: Json, path: string): Attribute {
  const { fields, unknownFields } = readStruct(json, attributeFields, path)
  const handle = readString(fields['handle_id'], `${path}.handle_id`)
  const active = readStringMap(fields['secondary'], `${path}.secondary`)
  const alternate = readStringMap(fields['alternateOwnerAttrs'], `${path}.alternateOwnerAttrs`)
  const releasedAt = readTime(fields['releasedAt'], `${path}.releasedAt`)
  // A server reads a million of these when it starts, and most have only the first two fields.
  const attribute = attributeFor({ handle, attributes: active })
  if (alternate === undefined && releasedAt === undefined && unknownFields === noFields) return attribute
  return {
    ...attribute,
    ...(alternate === undefined || isEmptyMap(alternate) ? {} : { alternate }),
    ...(releasedAt === undefined ? {} : { releasedAt }),
    ...(unknownFields === noFields ? {} : { unknownFields }),
  }
}

// Each change of a block encodes all its entries, and nearly all of them are the same as before.
const encoded = new WeakMap<Attribute, string>()

/** Prints one entry as Go writes it. */
export function encodeAttribute(attribute: Attribute): string {
  const known = encoded.get(attribute)
  if (known !== undefined) return known
  const { handle, active, alternate, releasedAt, unknownFields = noFields } = attribute
  const members: [string, string][] = []
  if (handle !== undefined) members.push(['handle_id', stringifyString(handle)])
  if (active !== undefined) members.push(['secondary', encodeMap(active)])
  if (alternate !== undefined) members.push(['alternateOwnerAttrs', encodeMap(alternate)])
  if (releasedAt !== undefined) members.push(['releasedAt', stringifyString(releasedAt)])
  const text = stringifyStruct(members, unknownFields)
  encoded.set(attribute, text)
  return text
}

function encodeMap(map: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(map).sort(([one], [other]) => compareBytewise(one, other))
  return stringifyMembers(sorted.map(([name, value]) => [name, stringifyString(value)]))
}

function isEmptyMap(map: Readonly<Record<string, string>>): boolean {
  for (const _ in map) return false
  return true
}

function sameMap(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  if (one === other) return true
  const keys = Object.keys(one)
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && one[key] === other[key])
  )
}
