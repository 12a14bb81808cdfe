import { bits, type Cidr, type IpFamily, parseCidr, type PrefixLength, prefixLength } from '../net/index.ts'
import type { Decoded, Family, Key } from '../plan/index.ts'
import { parseSelector, type Selector } from '../selector/index.ts'
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject, mismatch } from './json/index.ts'
import { encodeResource, type Resource, resourceFamily, resourceKey } from './resource.ts'

/** What a pool may be used for. */
export type PoolUse = 'Workload' | 'Tunnel' | 'LoadBalancer'

/** `Manual`: addresses come from the pool only when it is asked for. */
export type AssignmentMode = 'Automatic' | 'Manual'

/** A stored selector: its text, and the parsed selector or the problem. Calico fails requests that meet one that cannot be parsed. */
export type PoolSelector =
  | { readonly ok: true; readonly text: string; readonly selector: Selector }
  | { readonly ok: false; readonly text: string; readonly problem: string }

/**
 * A stored IPPool, and the fields that the allocator needs.
 * @see docs/calico/formats.md section 3
 */
export interface Pool {
  /** The complete stored object, unknown fields included. */
  readonly object: JsonObject
  readonly name: string
  readonly cidr: Cidr
  readonly blockSize: PrefixLength
  readonly nodeSelector: PoolSelector
  readonly namespaceSelector: PoolSelector
  readonly allowedUses: readonly PoolUse[]
  readonly assignmentMode: AssignmentMode
  readonly isDisabled: boolean
  /** True while the pool is being deleted: it assigns no addresses, and is deleted with its last block. */
  readonly isTerminating: boolean
  /**
   * True if the pool can assign addresses: it is neither disabled nor terminating, no condition forbids it, every field can be read
   * (Calico does not see a pool with a field of the wrong type at all), and its block size is valid.
   */
  readonly isAllocatable: boolean
}

/** The fields of a pool's spec as they are given: undefined when absent, null, or of the wrong JSON type. */
export interface PoolSpec {
  readonly cidr: string | undefined
  readonly vxlanMode: string | undefined
  readonly ipipMode: string | undefined
  readonly natOutgoing: boolean | undefined
  readonly disabled: boolean | undefined
  readonly disableBGPExport: boolean | undefined
  readonly blockSize: number | undefined
  readonly nodeSelector: string | undefined
  readonly namespaceSelector: string | undefined
  readonly allowedUses: readonly string[] | undefined
  readonly assignmentMode: string | undefined
}

/** All uses, in the order of the alphabet. */
export const poolUses: readonly PoolUse[] = ['LoadBalancer', 'Tunnel', 'Workload']

/** What Calico takes absent fields to be, and writes for them. The block size depends on the family. */
export const poolDefaults = {
  vxlanMode: 'Never',
  ipipMode: 'Never',
  blockSize: { 4: 26, 6: 122 },
  nodeSelector: 'all()',
  allowedUses: ['Workload', 'Tunnel'],
  assignmentMode: 'Automatic',
} as const

/** The shortest prefix length that the blocks of a pool may have: a block has at most 4,096 addresses. The longest is a single address. */
export function blockSizeMin(family: IpFamily): number {
  return bits(family) - 12
}

/** The known fields of a pool's spec in the order in which Calico writes them. */
const specFields = [
  'cidr',
  'vxlanMode',
  'ipipMode',
  'natOutgoing',
  'disabled',
  'disableBGPExport',
  'blockSize',
  'nodeSelector',
  'namespaceSelector',
  'allowedUses',
  'assignmentMode',
] as const satisfies readonly (keyof PoolSpec)[]

const family = resourceFamily<Pool>({ name: 'IP pools', plural: 'ippools', specFields, read: readPool })

/** All stored IPPools. A pool cannot be read if its JSON is broken or its CIDR cannot be parsed. */
export const pools: Family<Pool> = { ...family, encode: (pool) => encodePoolObject(pool.object) }

/** The key of a pool. */
export function poolKey(name: string): Key<Pool> {
  return resourceKey(pools, name)
}

/** The pool that reading returns after `object` is stored, without fields that are not stored; a problem if it cannot be read. */
export function poolOf(object: JsonObject): Decoded<Pool> {
  const metadata = object['metadata']
  const name = isJsonObject(metadata) ? metadata['name'] : undefined
  return pools.decode(`${pools.prefix}${typeof name === 'string' ? name : ''}`, encodePoolObject(object))
}

/** Reads the spec of a pool, field by field. */
export function readPoolSpec(spec: JsonObject): PoolSpec {
  return {
    cidr: textOf(spec['cidr']),
    vxlanMode: textOf(spec['vxlanMode']),
    ipipMode: textOf(spec['ipipMode']),
    natOutgoing: flagOf(spec['natOutgoing']),
    disabled: flagOf(spec['disabled']),
    disableBGPExport: flagOf(spec['disableBGPExport']),
    blockSize: numberOf(spec['blockSize']),
    nodeSelector: textOf(spec['nodeSelector']),
    namespaceSelector: textOf(spec['namespaceSelector']),
    allowedUses: textsOf(spec['allowedUses']),
    assignmentMode: textOf(spec['assignmentMode']),
  }
}

/** Every field but `cidr` is left out when it is empty, as Go's omitempty does it. */
function encodePoolObject(object: JsonObject): string {
  const spec = object['spec']
  if (!isJsonObject(spec)) return encodeResource(object, specFields)
  const stored = Object.entries(spec).filter(([name, value]) => name === 'cidr' || !isKnown(name) || !isEmpty(value))
  return encodeResource(jsonObject([...Object.entries(object), ['spec', jsonObject(stored)]]), specFields)
}

function isKnown(name: string): boolean {
  return specFields.some((field) => field === name)
}

function isEmpty(value: Json): boolean {
  return value === null || value === '' || value === 0 || value === false || (isJsonArray(value) && value.length === 0)
}

function readPool({ object, name, metadata, spec: fields }: Resource): Pool {
  const spec = readPoolSpec(fields)
  const cidr = parseCidr(spec.cidr ?? '')
  if (cidr === undefined) throw mismatch('spec.cidr', 'a CIDR', fields['cidr'] ?? null)

  const blockSize = prefixLength(cidr.family, spec.blockSize || poolDefaults.blockSize[cidr.family])
  const nodeSelector = readSelector(spec.nodeSelector || poolDefaults.nodeSelector)
  const namespaceSelector = readSelector(spec.namespaceSelector ?? '')
  const allowedUses = spec.allowedUses?.length ? spec.allowedUses : poolDefaults.allowedUses
  const isDisabled = spec.disabled === true
  const isTerminating = !isAbsent(metadata['deletionTimestamp'])
  const isReadable = specFields.every((field) => isAbsent(fields[field]) || spec[field] !== undefined)
  const hasBlocks = blockSize !== undefined && blockSize >= Math.max(cidr.prefixLength, blockSizeMin(cidr.family))

  return {
    object,
    name,
    cidr,
    blockSize: blockSize ?? cidr.prefixLength,
    nodeSelector,
    namespaceSelector,
    allowedUses: allowedUses.filter(isPoolUse),
    assignmentMode: spec.assignmentMode === 'Manual' ? 'Manual' : 'Automatic',
    isDisabled,
    isTerminating,
    isAllocatable: !isDisabled && !isTerminating && isReadable && hasBlocks && !isBarred(object['status']),
  }
}

function readSelector(text: string): PoolSelector {
  const parsed = parseSelector(text)
  return parsed.ok ? { ok: true, text, selector: parsed.selector } : { ok: false, text, problem: parsed.error.message }
}

function isPoolUse(text: string): text is PoolUse {
  return poolUses.some((use) => use === text)
}

/** True if a condition forbids to assign addresses from the pool (docs/calico/formats.md section 3.6). */
function isBarred(status: Json | undefined): boolean {
  const conditions = isJsonObject(status) ? status['conditions'] : undefined
  if (!isJsonArray(conditions)) return false
  return conditions.some(
    (condition) => isJsonObject(condition) && condition['type'] === 'Allocatable' && condition['status'] === 'False',
  )
}

function isAbsent(json: Json | undefined): boolean {
  return json === undefined || json === null
}

function textOf(json: Json | undefined): string | undefined {
  return typeof json === 'string' ? json : undefined
}

function flagOf(json: Json | undefined): boolean | undefined {
  return typeof json === 'boolean' ? json : undefined
}

function numberOf(json: Json | undefined): number | undefined {
  return typeof json === 'number' ? json : undefined
}

function textsOf(json: Json | undefined): readonly string[] | undefined {
  if (!isJsonArray(json)) return undefined
  const texts = json.filter((item) => typeof item === 'string')
  return texts.length === json.length ? texts : undefined
}
