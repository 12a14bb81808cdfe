import type { Decoded, Family, Key } from '../plan/index.ts'
import {
  compareBytewise,
  type JsonObject,
  stringifyMembers,
  decodeJson,
  fieldNames,
  noFields,
  readBoolean,
  readInteger,
  readObject,
  readStruct,
  stringifyStruct,
} from './json/index.ts'

/**
 * In which blocks an owner holds addresses, and how many. Counts may be too high, never too low: the block is the
 * truth.
 * @see docs/calico/formats.md sections 2.3 and 2.5
 */
export interface Handle {
  /** From the block's CIDR, as text, to the count. */
  readonly blocks: ReadonlyMap<string, number>
  /** A device of Calico's other datastore; always false here. */
  readonly deleted: boolean
  readonly unknownFields: JsonObject
}

const prefix = '/calico/ipam/v2/handle/'

/** The handles. Their ids are in the keys only. */
export const handles: Family<Handle> = {
  name: 'handles',
  prefix,
  held: 'recent',
  part: 'handle',
  decode: (key, text) =>
    isHandleKey(key) ? decodeHandle(text) : { ok: false, problem: `${key}: not the key of a handle` },
  encode: encodeHandle,
  lead: leadHandle,
}

/** The key of a handle. The id is put into it as it is: ask {@link isHandleId} about ids that come from outside. */
export function handleKey(handleId: string): Key<Handle> {
  return { family: handles, text: `${prefix}${handleId}` }
}

/**
 * Whether `text` can name a handle: not empty; no slash, which would make a key that no reader recognises; no carriage
 * return, at which readers cut the id; no half of a surrogate pair, which UTF-8 cannot say.
 * @see docs/calico/formats.md sections 1.4 and 5
 */
export function isHandleId(text: string): boolean {
  return /^[^/\r\p{Cs}]+$/u.test(text)
}

/** The handle id as it counts in comparisons: cut at the first carriage return, which old Calico on Windows stored. */
export function comparableHandle(handleId: string): string {
  const end = handleId.indexOf('\r')
  return end < 0 ? handleId : handleId.slice(0, end)
}

/** The handle with `count` more addresses in a block; a new one when there is none yet. */
export function addToHandle(handle: Handle | undefined, blockCidrText: string, count: number): Handle {
  const blocks = new Map(handle?.blocks)
  blocks.set(blockCidrText, (blocks.get(blockCidrText) ?? 0) + count)
  return { deleted: false, unknownFields: noFields, ...handle, blocks }
}

/**
 * The handle with exactly `count` addresses in a block. Undefined when it then names no block: its key must be deleted.
 */
export function setHandleCount(handle: Handle | undefined, blockCidrText: string, count: number): Handle | undefined {
  const blocks = new Map(handle?.blocks)
  if (count > 0) blocks.set(blockCidrText, count)
  else blocks.delete(blockCidrText)
  return blocks.size === 0 ? undefined : { deleted: false, unknownFields: noFields, ...handle, blocks }
}

/** The handle with the higher count of each block, when any count grows: a count may be too high for a while, but never too low. */
function leadHandle(before: Handle | undefined, after: Handle | undefined): Handle | undefined {
  if (after === undefined) return undefined
  const counts = [...after.blocks]
  const old = before?.blocks ?? new Map<string, number>()
  if (!counts.some(([cidr, count]) => count > (old.get(cidr) ?? 0))) return undefined
  if ([...old].every(([cidr, count]) => (after.blocks.get(cidr) ?? 0) >= count)) return after
  return {
    ...after,
    blocks: new Map([...old, ...counts.map(([cidr, count]) => [cidr, Math.max(count, old.get(cidr) ?? 0)] as const)]),
  }
}

const names = fieldNames('block', 'deleted')

function isHandleKey(key: string): boolean {
  return key.startsWith(prefix) && key.length > prefix.length && !key.includes('/', prefix.length)
}

function decodeHandle(text: string): Decoded<Handle> {
  return decodeJson(text, (json) => {
    const { fields, unknownFields } = readStruct(json, names, 'handle')
    const counts = Object.entries(readObject(fields['block'], 'block') ?? noFields)
    const blocks = new Map(counts.map(([cidr, count]) => [cidr, readInteger(count, `block.${cidr}`)]))
    return { blocks, deleted: readBoolean(fields['deleted'], 'deleted'), unknownFields }
  })
}

function encodeHandle({ blocks, deleted, unknownFields }: Handle): string {
  const cidrs = [...blocks.keys()].sort(compareBytewise)
  const counts = stringifyMembers(cidrs.map((cidr) => [cidr, String(blocks.get(cidr))]))
  return stringifyStruct(
    [
      ['block', counts],
      ['deleted', String(deleted)],
    ],
    unknownFields,
  )
}
