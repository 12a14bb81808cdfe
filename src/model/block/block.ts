import assert from 'node:assert/strict'
import {
  addressCount,
  type Cidr,
  formatCidr,
  type Ordinal,
  ordinal,
  parseAddressOrCidr,
  parseInterface,
  isSameCidr,
} from '../../net/index.ts'
import type { Family, Key } from '../../plan/index.ts'
import {
  type Json,
  type JsonObject,
  stringifyString,
  decodeJson,
  declareFields,
  Malformed,
  mismatch,
  readArray,
  readBoolean,
  readObject,
  readString,
  readStruct,
  readTime,
  readUint64,
  stringifyStruct,
} from '../json/index.ts'
import { type Attribute, encodeAttribute, decodeAttribute } from './attribute.ts'

/**
 * A block: the addresses of one small CIDR, and the holder of each. Immutable; the functions of operations.ts return new ones.
 * @see docs/calico/formats.md section 2.2
 */
export interface Block {
  readonly cidr: Cidr
  /** The node that the block belongs to, such as `host:node1`; null if there is none. */
  readonly affinity: string | null
  /** When the node claimed the block, RFC 3339. */
  readonly affinityClaimTime?: string
  /** For each ordinal, the index of its entry in `attributes`; null: free. */
  readonly allocations: readonly (number | null)[]
  /** The queue of free ordinals, in the order in which they are assigned. */
  readonly unallocated: readonly Ordinal[]
  /** Null in a new block, as Calico writes it. */
  readonly attributes: readonly Attribute[] | null
  /** Grows by one with every change. Starts from the clock, in nanoseconds: far beyond 2^53. */
  readonly sequenceNumber: bigint
  /**
   * For each ordinal in use, the block's sequence number just before it was assigned; undefined where there is none. Free ordinals may
   * have one too: old Calico left them.
   */
  readonly sequenceNumberForAllocation: readonly (bigint | undefined)[]
  /** Used by Calico's Kubernetes datastore only; always false in etcd. */
  readonly deleted: boolean
  /** An old copy of `affinity`, which Calico does not read. */
  readonly hostAffinity?: string
  readonly unknownFields: JsonObject
}

const blockPrefix = '/calico/ipam/v2/assignment/'

/** The blocks. */
export const blocks: Family<Block> = {
  name: 'blocks',
  prefix: blockPrefix,
  held: 'digests',
  part: 'block',
  decode(key, text) {
    const cidr = parseBlockKey(key)
    return cidr === undefined
      ? { ok: false, problem: `${key}: not the key of a block` }
      : decodeJson(text, (json) => readBlock(json, cidr))
  },
  encode: encodeBlock,
  lead: leadBlock,
}

/** The key of the block `cidr`. */
export function blockKey(cidr: Cidr): Key<Block> {
  let key = keys.get(cidr)
  if (key === undefined) {
    key = { family: blocks, text: `${blockPrefix}${formatBlockPath(cidr)}` }
    keys.set(cidr, key)
  }
  return key
}

// A block keeps one Cidr object while it is in memory, and each assignment makes its key several times.
const keys = new WeakMap<Cidr, Key<Block>>()

/** The CIDR of the block in a key; undefined unless the key is spelled as {@link blockKey} spells it. */
export function parseBlockKey(text: string): Cidr | undefined {
  return text.startsWith(blockPrefix) ? parseBlockPath(text.slice(blockPrefix.length)) : undefined
}

/** The last part of a block's or an affinity's key: `ipv4/block/10.10.0.8-29`. @see docs/calico/formats.md section 1.2 */
export function formatBlockPath(cidr: Cidr): string {
  return `ipv${cidr.family}/block/${formatCidr(cidr).replace('/', '-')}`
}

/** Parses what {@link formatBlockPath} prints; undefined for any other spelling of the same block, which no writer uses. */
export function parseBlockPath(path: string): Cidr | undefined {
  const text = path.slice(path.lastIndexOf('/') + 1).replace('-', '/')
  const cidr = parseInterface(text)?.cidr
  return cidr !== undefined && formatBlockPath(cidr) === path ? cidr : undefined
}

/** The fields that {@link isBlockEmpty} looks at. */
interface Allocated extends Pick<Block, 'allocations'> {
  readonly attributes: readonly Pick<Attribute, 'handle'>[] | null
}

/** True if no address of the block is held. Addresses that Windows hosts reserve do not count as held; those that cool down do. */
export function isBlockEmpty(block: Allocated): boolean {
  return block.allocations.every((index) => {
    return index === null || isWindowsReserved(block.attributes?.[index]?.handle)
  })
}

/** True if the block is empty and belongs to nobody, so that no node can claim its addresses: it should not exist. */
export function isBlockOfNobody(block: Allocated & Pick<Block, 'affinity'>): boolean {
  return block.affinity === null && isBlockEmpty(block)
}

/** How large a block may be. etcd accepts requests of 1.5 MiB; the rest is for the keys written together with the block. */
const bytesMax = 1_200_000

/** At most: an index in `allocations`, an ordinal in `unallocated`, and a sequence number with its ordinal. */
const bytesPerOrdinal = 45

/**
 * True if the block is small enough to be stored. A large block can outgrow the limit, or one whose holders have large attributes; then
 * its free addresses cannot be assigned.
 */
export function isStorable({ allocations, attributes }: Block): boolean {
  const entries = attributes ?? []
  const bytesLeft = bytesMax - allocations.length * bytesPerOrdinal
  let characters = 0
  for (const attribute of entries) characters += encodeAttribute(attribute).length
  // Nearly always there is room even if every character took three bytes, so the bytes need no counting.
  if (characters * 3 <= bytesLeft) return true
  return entries.reduce((sum, attribute) => sum + Buffer.byteLength(encodeAttribute(attribute)), 0) <= bytesLeft
}

/** The handle of addresses that Windows hosts reserve. No key exists for it. */
export const windowsReservedHandle = 'windows-reserved-ipam-handle'

/**
 * True for {@link windowsReservedHandle} in any spelling. Addresses of this handle count as not held, so they go when the block is
 * deleted.
 */
export function isWindowsReserved(handle: string | undefined): boolean {
  // Called for every address of every block: comparing the lengths first settles most calls.
  return handle?.length === windowsReservedHandle.length && handle.toLowerCase() === windowsReservedHandle
}

/**
 * A new block is stored empty first. The request that creates it may arrive once more, after the block was used and deleted: what it leaves
 * behind then must not hold addresses.
 */
function leadBlock(before: Block | undefined, after: Block | undefined): Block | undefined {
  if (before !== undefined || after === undefined || isBlockEmpty(after)) return undefined
  const isKept = (index: number | null): boolean =>
    index !== null && isWindowsReserved(after.attributes?.[index]?.handle)
  const allocations = after.allocations.map((index) => (isKept(index) ? index : null))
  return {
    ...after,
    allocations,
    unallocated: allocations.flatMap((index, place) => (index === null ? [ordinal(place)] : [])),
    attributes: allocations.some(isKept) ? after.attributes : null,
    sequenceNumber: after.sequenceNumber - 1n,
    sequenceNumberForAllocation: noNumbers(allocations.length),
  }
}

const blockFields = declareFields(
  'cidr',
  'affinity',
  'affinity_claim_time',
  'allocations',
  'unallocated',
  'attributes',
  'sequenceNumber',
  'sequenceNumberForAllocation',
  'deleted',
  'hostAffinity',
)

function readBlock(json: Json, keyCidr: Cidr): Block {
  const { fields, unknownFields } = readStruct(json, blockFields, 'block')
  const affinityClaimTime = readTime(fields['affinity_claim_time'], 'affinity_claim_time')
  const hostAffinity = readString(fields['hostAffinity'], 'hostAffinity')
  const allocations = readAllocations(fields['allocations'], keyCidr)
  const block: Block = {
    cidr: readBlockCidr(fields['cidr'], keyCidr),
    affinity: readString(fields['affinity'], 'affinity') ?? null,
    ...(affinityClaimTime === undefined ? {} : { affinityClaimTime }),
    allocations,
    unallocated: (readArray(fields['unallocated'], 'unallocated') ?? []).map(readOrdinal),
    attributes:
      readArray(fields['attributes'], 'attributes')?.map((entry, at) => decodeAttribute(entry, `attributes[${at}]`)) ??
      null,
    sequenceNumber: readUint64(fields['sequenceNumber'], 'sequenceNumber'),
    sequenceNumberForAllocation: readNumbers(fields['sequenceNumberForAllocation'], allocations.length, keyCidr),
    deleted: readBoolean(fields['deleted'], 'deleted'),
    ...(hostAffinity === undefined ? {} : { hostAffinity }),
    unknownFields,
  }
  const contradiction = findContradiction(block)
  if (contradiction !== undefined) throw new Malformed(contradiction)
  return block
}

function readBlockCidr(json: Json | undefined, keyCidr: Cidr): Cidr {
  const text = readString(json, 'cidr') ?? ''
  const cidr = parseAddressOrCidr(text)
  // Calico does not mask host bits: they would shift every ordinal.
  const base = parseInterface(text)?.address.value ?? cidr?.base
  if (cidr !== undefined && base === cidr.base && isSameCidr(cidr, keyCidr)) return keyCidr
  throw mismatch('cidr', `${formatCidr(keyCidr)}, as in the key`, text)
}

function readAllocations(json: Json | undefined, cidr: Cidr): readonly (number | null)[] {
  const path = 'allocations'
  const entries = readArray(json, path) ?? []
  const allocations = entries.map((entry, at) => (entry === null ? null : readCount(entry, path, at)))
  const contradiction = findWrongSize(cidr, allocations)
  if (contradiction !== undefined) throw new Malformed(contradiction)
  return allocations
}

function readOrdinal(json: Json, at: number): Ordinal {
  return ordinal(readCount(json, 'unallocated', at))
}

function readCount(json: Json, path: string, at: number): number {
  if (typeof json === 'number' && Number.isInteger(json) && json >= 0) return json
  throw mismatch(`${path}[${at}]`, 'a whole number from 0 up', json)
}

function readNumbers(json: Json | undefined, size: number, cidr: Cidr): readonly (bigint | undefined)[] {
  const path = 'sequenceNumberForAllocation'
  const numbers = noNumbers(size)
  for (const [name, value] of Object.entries(readObject(json, path) ?? {})) {
    if (!/^(0|[1-9][0-9]{0,8})$/.test(name)) throw mismatch(path, 'ordinals as names', name)
    if (Number(name) >= size) throw new Malformed(`${path}: ${name} is no ordinal of ${formatCidr(cidr)}`)
    numbers[Number(name)] = readUint64(value, `${path}.${name}`)
  }
  return numbers
}

/** The sequence numbers of a block of `size` addresses, all without one. */
export function noNumbers(size: number): (bigint | undefined)[] {
  return Array.from({ length: size }, () => undefined)
}

/** Says how the parts of a block contradict each other; undefined if they agree. A block with a contradiction must not be changed. */
function findContradiction({ cidr, allocations, unallocated, attributes }: Block): string | undefined {
  const attributeCount = attributes?.length ?? 0
  for (const [at, index] of allocations.entries()) {
    if (index !== null && index >= attributeCount) {
      return `allocations[${at}]: ${index} is no index of the ${attributeCount} attributes`
    }
  }
  const isQueued = new Uint8Array(allocations.length)
  for (const [at, place] of unallocated.entries()) {
    if (allocations[place] === undefined) return `unallocated[${at}]: ${place} is no ordinal of ${formatCidr(cidr)}`
    if (allocations[place] !== null) return `unallocated[${at}]: ${place} is allocated`
    if (isQueued[place] === 1) return `unallocated[${at}]: ${place} is queued twice`
    isQueued[place] = 1
  }
  return undefined
}

function findWrongSize(cidr: Cidr, allocations: readonly unknown[]): string | undefined {
  if (BigInt(allocations.length) === addressCount(cidr)) return undefined
  return `allocations: ${allocations.length} entries for the ${addressCount(cidr)} addresses of ${formatCidr(cidr)}`
}

function encodeBlock(block: Block): string {
  for (const contradiction of [findWrongSize(block.cidr, block.allocations), findContradiction(block)]) {
    assert(contradiction === undefined, contradiction)
  }
  const { affinity, affinityClaimTime, allocations, attributes, hostAffinity } = block
  const members: [string, string][] = []
  members.push(['cidr', stringifyString(formatCidr(block.cidr))])
  members.push(['affinity', affinity === null ? 'null' : stringifyString(affinity)])
  if (affinityClaimTime !== undefined) members.push(['affinity_claim_time', stringifyString(affinityClaimTime)])
  members.push(['allocations', JSON.stringify(allocations)])
  members.push(['unallocated', JSON.stringify(block.unallocated)])
  members.push(['attributes', attributes === null ? 'null' : `[${attributes.map(encodeAttribute).join(',')}]`])
  members.push(['sequenceNumber', String(block.sequenceNumber)])
  members.push(['sequenceNumberForAllocation', encodeNumbers(block)])
  members.push(['deleted', String(block.deleted)])
  if (hostAffinity !== undefined) members.push(['hostAffinity', stringifyString(hostAffinity)])
  return stringifyStruct(members, block.unknownFields)
}

/** Go sorts the ordinals as text: 0, 1, 10, 11, 2. */
function encodeNumbers(block: Block): string {
  const numbers = block.sequenceNumberForAllocation
  const members: string[] = []
  for (const place of ordinalsAsText(block.allocations.length)) {
    const number = numbers[place]
    if (number !== undefined) members.push(`"${place}":${number}`)
  }
  return `{${members.join(',')}}`
}

/** The ordinals of a block of `size` addresses, sorted as text. Kept, as there are few sizes and thousands of blocks of each. */
function ordinalsAsText(size: number): readonly number[] {
  let sorted = sortedAsText.get(size)
  if (sorted === undefined) {
    sorted = Array.from({ length: size }, (_, place) => String(place))
      .sort()
      .map(Number)
    sortedAsText.set(size, sorted)
  }
  return sorted
}

const sortedAsText = new Map<number, readonly number[]>()
