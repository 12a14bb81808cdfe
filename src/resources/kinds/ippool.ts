import { may, type Rights } from '../../access/index.ts'
import { countInRange, proveBlocks } from '../../ipam/index.ts'
import {
  type Availability,
  type BlockIndex,
  isOmitted,
  type Json,
  type JsonObject,
  jsonObject,
  type Pool,
  type PoolField,
  type PoolFieldName,
  poolFieldNames,
  poolFields,
  poolOf,
  pools,
  readPoolSpec,
} from '../../model/index.ts'
import {
  addressCount,
  type Cidr,
  formatCidr,
  type IpFamily,
  overlaps,
  parseCidr,
  parseInterface,
} from '../../net/index.ts'
import type { View, Cause } from '../../plan/index.ts'
import { type Column, derivedColumn, flagColumn, textColumn } from '../columns.ts'
import { calicoGroup, type Candidate, type ResourceKind, type WriteContext } from '../kind.ts'
import { invalid, objectIn, textIn } from '../object/index.ts'
import { keepAllocatable, stateOf } from './ippool-conditions.ts'
import { validatePool } from './ippool-rules.ts'
import { IPPoolSpec, IPPoolStatus } from './ippool-schema.ts'
import { planPoolRemoval, poolFinalizer, poolPlural, poolStorage } from './ippool-termination.ts'

/**
 * IPPool, as `/apis/projectcalico.org/v3/ippools` serves it.
 * @see docs/calico/formats.md section 3
 */
export function ippoolKind(blocks: BlockIndex): ResourceKind<Pool> {
  return {
    group: calicoGroup,
    kind: 'IPPool',
    plural: poolPlural,
    singular: 'ippool',
    shortNames: ['ipp', 'ipps', 'pool', 'pools'],
    description: 'A range of addresses, and the rules for who gets addresses from it.',
    example,
    specSchema: IPPoolSpec,
    statusSchema: IPPoolStatus,
    columns: columnsOf(blocks),
    isReadOnly: false,
    names: 'subdomain',
    isDeletedInSteps: false,
    storage: poolStorage,
    finalizer: poolFinalizer,
    immutableFields: ['cidr', 'blockSize'],
    isStatusWritable: true,
    keepStatus: keepAllocatable,
    parse: poolOf,
    withDefaults,
    validate: validatePool,
    accessed: ({ labels }) => [{ poolLabels: labels }],
    isAdmittedBesideOthers: true,
    admit: (view, candidate, context) => admitPool(view, candidate, context, blocks),
    planRemoval: (view, { value }, context) => planPoolRemoval(view, value, blocks, context),
  }
}

/** The columns that operators look at first; with wide tables, also the other columns of calicoctl, in its order. */
function columnsOf(blocks: BlockIndex): readonly Column[] {
  const counted = (name: 'capacity' | 'inUse' | 'available') => (object: JsonObject, terms: Availability) => {
    const cidr = parseCidr(textIn(objectIn(object, 'spec'), 'cidr'))
    if (cidr === undefined) return '<none>'
    return String(name === 'capacity' ? addressCount(cidr) : countInRange(cidr, blocks, terms)[name])
  }
  return [
    textColumn('CIDR', 'spec.cidr', 'The range of the pool.'),
    derivedColumn('State', 'Whether the pool gives addresses: `Allocatable`, or why it does not.', stateOf),
    derivedColumn('Capacity', 'How many addresses the range has.', counted('capacity')),
    derivedColumn('InUse', 'How many addresses are in use.', counted('inUse')),
    derivedColumn(
      'Free',
      'How many addresses can be assigned automatically: not in use, cooling down or reserved.',
      counted('available'),
    ),
    flagColumn('NAT', 'spec.natOutgoing', 'Whether packets to destinations outside of all pools are masqueraded.', {
      isWide: true,
    }),
    textColumn('IPIPMode', 'spec.ipipMode', 'When IP in IP is used.', { isWide: true }),
    textColumn('VXLANMode', 'spec.vxlanMode', 'When VXLAN is used.', { isWide: true }),
    flagColumn('Disabled', 'spec.disabled', 'Whether the pool is disabled: no new addresses are assigned from it.', {
      isWide: true,
    }),
    flagColumn('DisableBGPExport', 'spec.disableBGPExport', 'Whether its routes are kept out of BGP.', {
      isWide: true,
    }),
    textColumn('Selector', 'spec.nodeSelector', 'Which nodes get addresses from the pool.', { isWide: true }),
  ]
}

/** The sample in Calico's documentation. */
const example: JsonObject = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'IPPool',
  metadata: { name: 'my.ippool-1' },
  spec: {
    cidr: '10.1.0.0/16',
    ipipMode: 'CrossSubnet',
    natOutgoing: true,
    disabled: false,
    nodeSelector: 'all()',
    allowedUses: ['Workload', 'Tunnel'],
  },
}

/**
 * Writes the CIDR in its canonical form and fills in the defaults. A block size that is not given again stays as it is: it cannot be
 * changed, and a default in its place would be a change.
 */
function withDefaults(spec: JsonObject, oldSpec: JsonObject = {}): JsonObject {
  const cidr = canonicalCidr(spec['cidr'])
  const family = typeof cidr === 'string' ? parseCidr(cidr)?.family : undefined
  const defaults = poolFieldNames.flatMap((name) => {
    const value = name === 'blockSize' && !isUnset(oldSpec[name]) ? oldSpec[name] : defaultOf(name, family)
    return isUnset(spec[name]) && value !== undefined ? [[name, value] as const] : []
  })
  return jsonObject([...Object.entries(spec), ...(cidr === undefined ? [] : [['cidr', cidr] as const]), ...defaults])
}

/** The value that an absent field is filled in with; undefined when it stays absent. */
function defaultOf(name: PoolFieldName, family: IpFamily | undefined): Json | undefined {
  const { default: value, defaultByFamily }: PoolField = poolFields[name]
  if (value === undefined) return family && defaultByFamily?.[family]
  return isOmitted(value) ? undefined : value
}

/** Writes a CIDR in its canonical form. A text that is not a CIDR, or has host bits, stays as it is, and is refused by the rules. */
function canonicalCidr(given: Json | undefined): Json | undefined {
  const parsed = typeof given === 'string' ? parseInterface(given) : undefined
  return parsed !== undefined && parsed.address.value === parsed.cidr.base ? formatCidr(parsed.cidr) : given
}

/** True if a field is absent, or has a value that Go treats as absent. */
function isUnset(value: Json | undefined): boolean {
  return value === undefined || (value !== false && isOmitted(value))
}

/**
 * Checks a new pool against what is stored. It must not overlap another pool, even one that is disabled or terminating (A6), and its
 * range must not have blocks of another size (C1). Existing blocks of its own size become blocks of the pool.
 */
function admitPool(
  view: View,
  candidate: Candidate<Pool>,
  { rights }: WriteContext,
  blocks: BlockIndex,
): readonly Cause[] {
  const { cidr: text = '', blockSize = 0 } = readPoolSpec(candidate.spec)
  const cidr = parseCidr(text)
  if (cidr === undefined || !candidate.isSound('spec.cidr')) return []
  const overlapping = overlapCauses(view, candidate.name, cidr, rights)
  if (!candidate.isSound('spec.blockSize')) return overlapping
  proveBlocks(view)
  return [...overlapping, ...blockSizeCauses([...blocks.overlapping(cidr)], blockSize)]
}

/** Pools that the caller may not see are not named. */
function overlapCauses(view: View, name: string, cidr: Cidr, rights: Rights): readonly Cause[] {
  const others = view.list(pools, 'changed').flatMap((entry) => (entry.kind === 'value' ? [entry.value] : []))
  const overlapping = others.filter((other) => other.name !== name && overlaps(other.cidr, cidr))
  if (overlapping.length === 0) return []
  const known = overlapping.filter((other) => mayRead(rights, other))
  const list = known.map(
    (other) => `IPPool ${other.name} (${formatCidr(other.cidr)}${other.isTerminating ? ', being deleted' : ''})`,
  )
  if (known.length < overlapping.length) list.push('a range that is in use')
  return [invalid('spec.cidr', formatCidr(cidr), `overlaps with ${list.join(' and with ')}`)]
}

function mayRead(rights: Rights, { labels }: Pool): boolean {
  return (['get', 'list', 'watch'] as const).some((verb) =>
    may(rights, { verb, resource: 'ippools' }, { poolLabels: labels }),
  )
}

function blockSizeCauses(blocks: readonly { readonly cidr: Cidr }[], blockSize: number): readonly Cause[] {
  const other = blocks.find((block) => block.cidr.prefixLength !== blockSize)
  if (other === undefined) return []
  const problem = `there is a block of another size in the range, ${formatCidr(other.cidr)}; the size of a block cannot change`
  return [invalid('spec.blockSize', blockSize, problem)]
}
