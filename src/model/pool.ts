import { bits, type Cidr, type IpFamily, parseCidr, type PrefixLength, prefixLength } from '../net/index.ts'
import type { Decoded, Key } from '../plan/index.ts'
import { parseSelector, type Selector } from '../selector/index.ts'
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject, isOmitted, mismatch } from './json/index.ts'
import {
  type AssignmentMode,
  isPoolField,
  type PoolField,
  type PoolFieldName,
  poolFieldNames,
  poolFields,
  type PoolSpec,
  type PoolUse,
  poolUses,
  readPoolSpec,
} from './pool-fields.ts'
import { type Resource, type ResourceFamily, resourceFamily, resourceKey, resourceOf } from './resource.ts'

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
  readonly labels: Readonly<Record<string, string>>
  readonly cidr: Cidr
  readonly blockSize: PrefixLength
  readonly nodeSelector: PoolSelector
  readonly namespaceSelector: PoolSelector
  readonly allowedUses: readonly PoolUse[]
  readonly assignmentMode: AssignmentMode
  readonly isDisabled: boolean
  /** True while the pool is being deleted: it assigns no addresses, and is deleted with its last block. */
  readonly isTerminating: boolean
  /** The fields of the spec that cannot be used; none in nearly every pool. */
  readonly invalidFields: readonly InvalidPoolField[]
  /** True if the pool can assign addresses: it is neither disabled nor terminating, no condition forbids it, every field can be used. */
  readonly isAllocatable: boolean
}

/** A field of a pool's spec whose value cannot be used, and in words the value and what would be right. */
export interface InvalidPoolField {
  readonly field: PoolFieldName
  readonly problem: string
}

/** The shortest prefix length that the blocks of a pool may have: a block has at most 4,096 addresses. The longest is a single address. */
export function blockSizeMin(family: IpFamily): number {
  return bits(family) - 12
}

/** All stored IPPools. A pool cannot be read if its JSON is broken or its CIDR cannot be parsed. */
export const pools: ResourceFamily<Pool> = resourceFamily({
  name: 'IP pools',
  plural: 'ippools',
  part: 'pool',
  isAnnounced: true,
  specFields: poolFieldNames,
  read: readPool,
  trim: withoutEmptyFields,
})

/** The key of a pool. */
export function poolKey(name: string): Key<Pool> {
  return resourceKey(pools, name)
}

/** The pool that reading returns after `object` is stored, without fields that are not stored; a problem if it cannot be read. */
export function poolOf(object: JsonObject): Decoded<Pool> {
  return resourceOf(pools, object)
}

/** Go leaves out every known field that is empty, unless it is required. */
function withoutEmptyFields(object: JsonObject): JsonObject {
  const spec = object['spec']
  if (!isJsonObject(spec)) return object
  const isWritten = (name: string, value: Json): boolean =>
    !isOmitted(value) || !isPoolField(name) || 'isRequired' in poolFields[name]
  const written = Object.entries(spec).filter(([name, value]) => isWritten(name, value))
  return jsonObject([...Object.entries(object), ['spec', jsonObject(written)]])
}

function readPool({ object, name, metadata, labels, spec: fields }: Resource): Pool {
  const spec = readPoolSpec(fields)
  const cidr = parseCidr(spec.cidr ?? '')
  if (cidr === undefined) throw mismatch('spec.cidr', 'a CIDR', fields['cidr'] ?? null)

  const givenBlockSize = spec.blockSize || poolFields.blockSize.defaultByFamily[cidr.family]
  const blockSize = prefixLength(cidr.family, givenBlockSize)
  const nodeSelector = readSelector(spec.nodeSelector || poolFields.nodeSelector.default)
  const namespaceSelector = readSelector(spec.namespaceSelector ?? '')
  const allowedUses = spec.allowedUses?.length ? spec.allowedUses : poolFields.allowedUses.default
  const isDisabled = spec.disabled === true
  const isTerminating = !isAbsent(metadata['deletionTimestamp'])
  // A disabled pool may be smaller than one of its blocks.
  const shortest = Math.max(isDisabled ? 0 : cidr.prefixLength, blockSizeMin(cidr.family))
  const hasBlocks = blockSize !== undefined && blockSize >= shortest
  const mistyped = mistypedFields(fields, spec)
  const isSizeWrong = !hasBlocks && mistyped.every(({ field }) => field !== 'blockSize')
  const invalidFields = isSizeWrong
    ? [...mistyped, badBlockSize(givenBlockSize, shortest, bits(cidr.family))]
    : mistyped

  return {
    object,
    name,
    labels,
    cidr,
    blockSize: blockSize ?? cidr.prefixLength,
    nodeSelector,
    namespaceSelector,
    allowedUses: allowedUses.filter(isPoolUse),
    assignmentMode: spec.assignmentMode === 'Manual' ? 'Manual' : 'Automatic',
    isDisabled,
    isTerminating,
    invalidFields,
    isAllocatable: !isDisabled && !isTerminating && invalidFields.length === 0 && !isBarred(object['status']),
  }
}

const wantedOf = {
  string: 'a string',
  boolean: 'true or false',
  integer: 'a whole number',
  strings: 'an array of strings',
} as const satisfies Readonly<Record<PoolField['type'], string>>

/** Calico does not see a pool with a field of the wrong type at all. */
function mistypedFields(fields: JsonObject, spec: PoolSpec): readonly InvalidPoolField[] {
  return poolFieldNames.flatMap((field) => {
    const { [field]: json = null } = fields
    if (json === null || spec[field] !== undefined) return []
    return [{ field, problem: mismatch(`spec.${field}`, wantedOf[poolFields[field].type], json).message }]
  })
}

function badBlockSize(given: number, shortest: number, longest: number): InvalidPoolField {
  const wanted = `a prefix length from ${shortest} to ${longest}`
  return { field: 'blockSize', problem: mismatch('spec.blockSize', wanted, given).message }
}

/** The longest stored selector that is read, in characters. Calico's schema allows 1,024, and its clients on etcd do not check that. */
const storedSelectorLengthMax = 16_384

function readSelector(text: string): PoolSelector {
  if (text.length > storedSelectorLengthMax) {
    const problem = `it has ${text.length} characters, and at most ${storedSelectorLengthMax} are read`
    return { ok: false, text, problem }
  }
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
