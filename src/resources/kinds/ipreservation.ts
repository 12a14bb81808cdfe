import { Type } from '@sinclair/typebox'
import {
  isJsonArray,
  type JsonObject,
  jsonObject,
  type Reservation,
  reservationKey,
  reservationOf,
  reservations,
} from '../../model/index.ts'
import { bits, parseAddress, parseCidr } from '../../net/index.ts'
import { remove, type Cause } from '../../plan/index.ts'
import { textColumn } from '../columns.ts'
import { calicoGroup, type Candidate, type ResourceKind } from '../kind.ts'
import { invalid, objectIn } from '../object/index.ts'
import { declareStorage } from '../storage.ts'

/** The spec of an IP reservation, as clients write it. */
const IPReservationSpec = Type.Object(
  {
    reservedCIDRs: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'Ranges of addresses, as CIDRs of either IP version. They may overlap, and need not lie in a pool. A single address, such as 10.1.0.5, is stored as its CIDR, 10.1.0.5/32.',
        examples: [['10.1.0.0/28', 'fd00:1::/124']],
      }),
    ),
  },
  { $id: 'IPReservationSpec', additionalProperties: false, description: 'The specification of an IP reservation.' },
)

/**
 * IPReservation, as `/apis/projectcalico.org/v3/ipreservations` serves it. A new one is valid whatever else is stored, and deleting one
 * affects nothing else.
 * @see docs/calico/formats.md section 4.1
 */
export const ipreservationKind: ResourceKind<Reservation> = {
  group: calicoGroup,
  kind: 'IPReservation',
  plural: 'ipreservations',
  singular: 'ipreservation',
  shortNames: ['reservation', 'reservations'],
  description:
    'Addresses that are not assigned automatically. They can be assigned by a request that names the address, and stay assigned if they were assigned before.',
  example: {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPReservation',
    metadata: { name: 'gateways' },
    spec: { reservedCIDRs: ['10.1.0.0/28', 'fd00:1::/124'] },
  },
  specSchema: IPReservationSpec,
  statusSchema: undefined,
  columns: [textColumn('ReservedCIDRs', 'spec.reservedCIDRs', 'The reserved ranges.')],
  isReadOnly: false,
  names: 'subdomain',
  isDeletedInSteps: false,
  storage: declareStorage('ipreservations', reservations, reservationKey),
  finalizer: undefined,
  immutableFields: [],
  isStatusWritable: false,
  keepStatus: undefined,
  parse: reservationOf,
  withDefaults: withCidrs,
  validate,
  admit: () => [],
  planRemoval: (_view, { value }) => ({ kind: 'gone', writes: [remove(reservationKey(value.name))] }),
}

/** Writes each address as its CIDR, because Calico refuses to write a reservation that has an address. Other entries stay as they are. */
function withCidrs(spec: JsonObject): JsonObject {
  const { reservedCIDRs } = spec
  if (!isJsonArray(reservedCIDRs)) return spec
  const entries = reservedCIDRs.map((entry) => {
    if (typeof entry !== 'string') return entry
    const address = parseAddress(entry)
    return address === undefined ? entry : `${entry}/${bits(address.family)}`
  })
  return jsonObject([...Object.entries(spec), ['reservedCIDRs', entries]])
}

/** Each entry must be a CIDR; host bits are ignored. Malformed entries that older clients stored may stay. */
function validate({ spec, old }: Candidate<Reservation>): readonly Cause[] {
  const before = cidrsIn(objectIn(old?.object, 'spec'))
  return cidrsIn(spec).flatMap((text, index) => {
    if (parseCidr(text) !== undefined || before.includes(text)) return []
    const message = 'must be a CIDR or an address, such as 10.1.0.0/28, fd00:1::/124 or 10.1.0.5'
    return [invalid(`spec.reservedCIDRs[${index}]`, text, message)]
  })
}

function cidrsIn(spec: JsonObject): readonly string[] {
  const { reservedCIDRs } = spec
  return isJsonArray(reservedCIDRs) ? reservedCIDRs.filter((entry) => typeof entry === 'string') : []
}
