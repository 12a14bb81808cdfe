import { type Cidr, parseAddressOrCidr } from '../net/index.ts'
import type { Decoded, Key } from '../plan/index.ts'
import {
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  readArray,
  readString,
} from './json/index.ts'
import { type ResourceFamily, resourceFamily, resourceKey, resourceOf } from './resource.ts'

/** An IPReservation: addresses that are never assigned automatically. @see docs/calico/formats.md section 4.1 */
export interface Reservation {
  /** The complete stored object. */
  readonly object: JsonObject
  readonly name: string
  /** The reserved ranges that can be parsed, with host bits masked off; a bare address is a range of one. */
  readonly cidrs: readonly Cidr[]
}

/** The reservations. */
export const reservations: ResourceFamily<Reservation> = resourceFamily({
  name: 'reservations',
  plural: 'ipreservations',
  specFields: ['reservedCIDRs'],
  isAnnounced: true,
  read: ({ object, name, spec }) => ({ object, name, cidrs: readCidrs(spec['reservedCIDRs']) }),
  trim: withoutEmptyList,
})

/** The reservation that reading returns after `object` is stored; a problem if it cannot be read. */
export function reservationOf(object: JsonObject): Decoded<Reservation> {
  return resourceOf(reservations, object)
}

/** The key of a reservation. */
export function reservationKey(name: string): Key<Reservation> {
  return resourceKey(reservations, name)
}

function readCidrs(json: Json | undefined): readonly Cidr[] {
  const path = 'spec.reservedCIDRs'
  const entries = readArray(json, path) ?? []
  const cidrs = entries.map((entry) => parseAddressOrCidr(readString(entry, path)?.trim() ?? ''))
  return cidrs.filter((cidr) => cidr !== undefined)
}

/** Go leaves out an empty list. */
function withoutEmptyList(object: JsonObject): JsonObject {
  const spec = isJsonObject(object['spec']) ? object['spec'] : jsonObject([])
  const { reservedCIDRs: list = null, ...others } = spec
  const isEmpty = list === null || (isJsonArray(list) && list.length === 0)
  return jsonObject([...Object.entries(object), ['spec', isEmpty ? others : spec]])
}
