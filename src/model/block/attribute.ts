import {
  compareBytewise,
  type Json,
  type JsonObject,
  stringifyMembers,
  stringifyString,
  fieldNames,
  noFields,
  readString,
  readStringMap,
  readStruct,
  readTime,
  stringifyStruct,
} from '../json/index.ts'

/**
 * An entry of a block's `attributes`: who holds the addresses that point to it, or since when they cool down. Never
 * changed once made.
 * @see docs/calico/formats.md section 2.2
 */
export interface Attribute {
  readonly handle?: string
  /**
   * What the holder says of itself; Calico's own well-known names are `node`, `pod`, `namespace` and so on. Never
   * empty.
   */
  readonly secondary?: Readonly<Record<string, string>>
  readonly alternateOwner?: Readonly<Record<string, string>>
  /** When the addresses were released, RFC 3339. They cool down, and nobody holds them. */
  readonly releasedAt?: string
  readonly unknownFields?: JsonObject
}

/** Who takes an address: what is stored of it. */
export interface Holder {
  readonly handle?: string | undefined
  readonly secondary?: Readonly<Record<string, string>> | undefined
}

/** The entry for a holder. Its secondary attributes are left out when there are none. */
export function attributeFor({ handle, secondary }: Holder): Attribute {
  const kept = secondary === undefined || isEmptyMap(secondary) ? undefined : secondary
  if (handle === undefined) return kept === undefined ? {} : { secondary: kept }
  return kept === undefined ? { handle } : { handle, secondary: kept }
}

/** Whether `attribute` is what {@link attributeFor} makes for that holder, so that addresses can share it. */
export function isFor(attribute: Attribute, { handle, secondary }: Holder): boolean {
  // Handles come first: they tell nearly all entries apart.
  return (
    attribute.handle === handle &&
    attribute.releasedAt === undefined &&
    attribute.alternateOwner === undefined &&
    attribute.unknownFields === undefined &&
    sameMap(attribute.secondary ?? {}, secondary ?? {})
  )
}

/** What is kept about who uses an address: the owner at present, and one that is to take over or was before. Undefined: nothing. */
export interface Owners {
  readonly secondary: Readonly<Record<string, string>> | undefined
  readonly alternateOwner: Readonly<Record<string, string>> | undefined
}

/** The entry with other owners; what is empty is left out. */
export function withOwners(attribute: Attribute, { secondary, alternateOwner }: Owners): Attribute {
  const { secondary: _, alternateOwner: __, ...rest } = attribute
  return {
    ...rest,
    ...(secondary === undefined || isEmptyMap(secondary) ? {} : { secondary }),
    ...(alternateOwner === undefined || isEmptyMap(alternateOwner) ? {} : { alternateOwner }),
  }
}

/** Whether both say the same, so that one of them is enough. Unknown fields are the same only if they are the very same object. */
export function sameAttribute(one: Attribute, other: Attribute): boolean {
  return (
    one.handle === other.handle &&
    one.releasedAt === other.releasedAt &&
    one.unknownFields === other.unknownFields &&
    sameMap(one.secondary ?? {}, other.secondary ?? {}) &&
    sameMap(one.alternateOwner ?? {}, other.alternateOwner ?? {})
  )
}

const names = fieldNames('handle_id', 'secondary', 'alternateOwnerAttrs', 'releasedAt')

/** Reads one entry; throws Malformed. `path` names it in problems. */
export function readAttribute(json: Json, path: string): Attribute {
  const { fields, unknownFields } = readStruct(json, names, path)
  const handle = readString(fields['handle_id'], `${path}.handle_id`)
  const secondary = readStringMap(fields['secondary'], `${path}.secondary`)
  const alternateOwner = readStringMap(fields['alternateOwnerAttrs'], `${path}.alternateOwnerAttrs`)
  const releasedAt = readTime(fields['releasedAt'], `${path}.releasedAt`)
  // A million of these are made at a start, most of which have the first two fields only.
  const attribute = attributeFor({ handle, secondary })
  if (alternateOwner === undefined && releasedAt === undefined && unknownFields === noFields) return attribute
  return {
    ...attribute,
    ...(alternateOwner === undefined || isEmptyMap(alternateOwner) ? {} : { alternateOwner }),
    ...(releasedAt === undefined ? {} : { releasedAt }),
    ...(unknownFields === noFields ? {} : { unknownFields }),
  }
}

// A block of 64 addresses is encoded again and again while all but one of its entries stay what they are.
const encoded = new WeakMap<Attribute, string>()

/** The stored text of one entry, as Go writes it. */
export function encodeAttribute(attribute: Attribute): string {
  const known = encoded.get(attribute)
  if (known !== undefined) return known
  const { handle, secondary, alternateOwner, releasedAt, unknownFields = noFields } = attribute
  const members: [string, string][] = []
  if (handle !== undefined) members.push(['handle_id', stringifyString(handle)])
  if (secondary !== undefined) members.push(['secondary', encodeMap(secondary)])
  if (alternateOwner !== undefined) members.push(['alternateOwnerAttrs', encodeMap(alternateOwner)])
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
