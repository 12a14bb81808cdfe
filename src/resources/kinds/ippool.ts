import { proveBlocks } from '../../ipam/index.ts'
import {
  type BlockIndex,
  isJsonArray,
  type Json,
  type JsonObject,
  jsonObject,
  type Pool,
  poolDefaults,
  poolOf,
  pools,
  readPoolSpec,
} from '../../model/index.ts'
import { type Cidr, formatCidr, overlaps, parseCidr, parseInterface } from '../../net/index.ts'
import type { View, Cause } from '../../plan/index.ts'
import { type Column, flagColumn, textColumn } from '../columns.ts'
import type { Candidate, ResourceKind } from '../kind.ts'
import { invalid } from '../object/index.ts'
import { validatePool } from './ippool-rules.ts'
import { IPPoolSpec, IPPoolStatus } from './ippool-schema.ts'
import { planPoolRemoval, poolFinalizer, poolPlural, poolStorage } from './ippool-termination.ts'

/**
 * IPPool, as `/apis/projectcalico.org/v3/ippools` serves it.
 * @see docs/calico/formats.md section 3
 */
export function ippoolKind(blocks: BlockIndex): ResourceKind<Pool> {
  return {
    kind: 'IPPool',
    plural: poolPlural,
    singular: 'ippool',
    shortNames: ['ipp', 'ipps', 'pool', 'pools'],
    description: 'A range of addresses, and who gets addresses from it.',
    example,
    specSchema: IPPoolSpec,
    statusSchema: IPPoolStatus,
    columns,
    isReadOnly: false,
    isDeletedInSteps: false,
    storage: poolStorage,
    finalizer: poolFinalizer,
    parse: poolOf,
    withDefaults,
    validate: validatePool,
    admit: (view, candidate) => admitPool(view, candidate, blocks),
    planRemoval: (view, { value }, context) => planPoolRemoval(view, value, blocks, context),
  }
}

/** Those of calicoctl, in its order. */
const columns: readonly Column[] = [
  textColumn('CIDR', 'spec.cidr', 'The range of the pool.'),
  flagColumn('NAT', 'spec.natOutgoing', 'Whether packets that leave all pools are masqueraded.', { isWide: true }),
  textColumn('IPIPMode', 'spec.ipipMode', 'When IP in IP is used.', { isWide: true }),
  textColumn('VXLANMode', 'spec.vxlanMode', 'When VXLAN is used.', { isWide: true }),
  flagColumn('Disabled', 'spec.disabled', 'Whether the pool gives no new addresses.', { isWide: true }),
  flagColumn('DisableBGPExport', 'spec.disableBGPExport', 'Whether its routes are kept out of BGP.', { isWide: true }),
  textColumn('Selector', 'spec.nodeSelector', 'Which nodes get addresses from the pool.'),
]

/** The sample of Calico's documentation. */
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
 * The CIDR in its canonical form, and every default filled in. A block size that is not given again is the one that the pool has:
 * it cannot be changed, and a default in its place would be a change.
 */
function withDefaults(spec: JsonObject, oldSpec: JsonObject = {}): JsonObject {
  const cidr = canonicalCidr(spec['cidr'])
  const family = typeof cidr === 'string' ? parseCidr(cidr)?.family : undefined
  const defaults: readonly (readonly [string, Json | undefined])[] = [
    ['vxlanMode', poolDefaults.vxlanMode],
    ['ipipMode', poolDefaults.ipipMode],
    ['blockSize', isUnset(oldSpec['blockSize']) ? family && poolDefaults.blockSize[family] : oldSpec['blockSize']],
    ['nodeSelector', poolDefaults.nodeSelector],
    ['allowedUses', poolDefaults.allowedUses],
    ['assignmentMode', poolDefaults.assignmentMode],
  ]
  const filled = defaults.flatMap(([name, value]) =>
    isUnset(spec[name]) && value !== undefined ? [[name, value] as const] : [],
  )
  return jsonObject([...Object.entries(spec), ...(cidr === undefined ? [] : [['cidr', cidr] as const]), ...filled])
}

/** A text that is no CIDR, or has host bits, stays as it is: to be refused. */
function canonicalCidr(given: Json | undefined): Json | undefined {
  const parsed = typeof given === 'string' ? parseInterface(given) : undefined
  return parsed !== undefined && parsed.address.value === parsed.cidr.base ? formatCidr(parsed.cidr) : given
}

/** Whether Go would leave the field out. */
function isUnset(value: Json | undefined): boolean {
  return (
    value === undefined || value === null || value === '' || value === 0 || (isJsonArray(value) && value.length === 0)
  )
}

/**
 * Everything that stands against a new pool in what is stored already: other pools with some of its addresses, disabled and
 * terminating ones too (A6), and blocks of another size in its range (C1). Blocks of its own size are taken over as they are.
 */
function admitPool(view: View, candidate: Candidate<Pool>, blocks: BlockIndex): readonly Cause[] {
  const { cidr: text = '', blockSize = 0 } = readPoolSpec(candidate.spec)
  const cidr = parseCidr(text)
  if (cidr === undefined || !candidate.isSound('spec.cidr')) return []
  const overlapping = overlapCauses(view, candidate.name, cidr)
  if (!candidate.isSound('spec.blockSize')) return overlapping
  proveBlocks(view)
  return [...overlapping, ...blockSizeCauses([...blocks.overlapping(cidr)], blockSize)]
}

function overlapCauses(view: View, name: string, cidr: Cidr): readonly Cause[] {
  const others = view.list(pools, 'changed').flatMap((entry) => (entry.kind === 'value' ? [entry.value] : []))
  const overlapping = others.filter((other) => other.name !== name && overlaps(other.cidr, cidr))
  if (overlapping.length === 0) return []
  const list = overlapping.map(
    (other) => `${other.name} (${formatCidr(other.cidr)}${other.isTerminating ? ', being deleted' : ''})`,
  )
  return [invalid('spec.cidr', formatCidr(cidr), `overlaps with IPPool ${list.join(' and with IPPool ')}`)]
}

function blockSizeCauses(blocks: readonly { readonly cidr: Cidr }[], blockSize: number): readonly Cause[] {
  const other = blocks.find((block) => block.cidr.prefixLength !== blockSize)
  if (other === undefined) return []
  const problem = `there is a block of another size in the range, ${formatCidr(other.cidr)}; blocks keep their size`
  return [invalid('spec.blockSize', blockSize, problem)]
}
