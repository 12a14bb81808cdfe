import { type Cidr, parseAddressOrCidr } from '../net/index.ts'
import type { Json, JsonObject } from './json.ts'
import { resourceFamily, resourceKey } from './resource.ts'
import type { StoredFamily, StoredKey } from './stored.ts'
import { readArray, readString } from './struct.ts'

/** An IPReservation: addresses that are never chosen automatically. @see calico-formats.md section 4.1 */
export interface Reservation {
  /** Everything that is stored. */
  readonly object: JsonObject
  readonly name: string
  /** The reserved ranges that can be read, host bits masked off; a bare address is a range of one. */
  readonly cidrs: readonly Cidr[]
}

/** The reservations. */
export const reservations: StoredFamily<Reservation> = resourceFamily({
  name: 'reservations',
  plural: 'ipreservations',
  specFields: ['reservedCIDRs'],
  read: ({ object, name, spec }) => ({ object, name, cidrs: readCidrs(spec['reservedCIDRs']) }),
})

/** The key of a reservation. */
export function reservationKey(name: string): StoredKey<Reservation> {
  return resourceKey(reservations, name)
}

function readCidrs(json: Json | undefined): readonly Cidr[] {
  const path = 'spec.reservedCIDRs'
  const entries = readArray(json, path) ?? []
  const cidrs = entries.map((entry) => parseAddressOrCidr(readString(entry, path)?.trim() ?? ''))
  return cidrs.filter((cidr) => cidr !== undefined)
}
