import type { Decoded, Family, Key } from '../plan/index.ts'
import {
  compareBytewise,
  type JsonObject,
  stringifyMembers,
  decodeJson,
  declareFields,
  noFields,
  readBoolean,
  readInteger,
  readObject,
  readStruct,
  stringifyStruct,
} from './json/index.ts'

/**
 * The blocks in which a handle has addresses, with their number. Counts may be too high, never too low: the blocks decide.
 * @see docs/calico/formats.md sections 2.3 and 2.5
 */
export interface Handle {
  /** From the text of a block's CIDR to the count. */
  readonly blocks: ReadonlyMap<string, number>
  /** Used by Calico's Kubernetes datastore only; always false in etcd. */
  readonly deleted: boolean
  readonly unknownFields: JsonObject
}

const handlePrefix = '/calico/ipam/v2/handle/'

/** The handles. A handle's id is only in its key. */
export const handles: Family<Handle> = {
  name: 'handles',
  prefix: handlePrefix,
  held: 'recent',
  part: 'handle',
  decode: (key, text) =>
    isHandleKey(key) ? decodeHandle(text) : { ok: false, problem: `${key}: not the key of a handle` },
  encode: encodeHandle,
  lead: leadHandle,
}

/** The key of a handle. The key contains the id as it is: check ids from outside with {@link isHandleId}. */
export function handleKey(handleId: string): Key<Handle> {
  return { family: handles, text: `${handlePrefix}${handleId}` }
}

/**
 * True if `text` can be a handle id: not empty; no slash, because readers would not recognise the key; no carriage return, because
 * readers cut the id there; no half of a surrogate pair, because UTF-8 cannot encode it.
 * @see docs/calico/formats.md sections 1.4 and 5
 */
export function isHandleId(text: string): boolean {
  return /^[^/\r\p{Cs}]+$/u.test(text)
}

/** The part of a handle id to compare: up to the first carriage return. Old Calico on Windows stored one. */
export function normalizeHandleId(handleId: string): string {
  const end = handleId.indexOf('\r')
  return end < 0 ? handleId : handleId.slice(0, end)
}

/** Adds `count` addresses in a block to the handle; makes a new handle if it is undefined. */
export function addToHandle(handle: Handle | undefined, blockCidrText: string, count: number): Handle {
  const blocks = new Map(handle?.blocks)
  blocks.set(blockCidrText, (blocks.get(blockCidrText) ?? 0) + count)
  return { deleted: false, unknownFields: noFields, ...handle, blocks }
}

/** Sets the handle's count in a block; see {@link setHandleCounts}. */
export function setHandleCount(handle: Handle | undefined, blockCidrText: string, count: number): Handle | undefined {
  return setHandleCounts(handle, [[blockCidrText, count]])
}

/** Sets the handle's counts in blocks. Returns undefined if no block is left: the key of the handle has to be deleted. */
export function setHandleCounts(
  handle: Handle | undefined,
  counts: Iterable<readonly [blockCidrText: string, count: number]>,
): Handle | undefined {
  const blocks = new Map(handle?.blocks)
  for (const [text, count] of counts) {
    if (count > 0) blocks.set(text, count)
    else blocks.delete(text)
  }
  return blocks.size === 0 ? undefined : { deleted: false, unknownFields: noFields, ...handle, blocks }
}

/** About as many bytes as the handle takes, without encoding it. */
export function estimateHandleBytes({ blocks }: Handle): number {
  let bytes = 0
  for (const cidr of blocks.keys()) bytes += cidr.length + '"":1,'.length
  return bytes
}

/** The handle with the higher count of each block, when any count grows: a count may be too high for a while, but never too low. */
function leadHandle(before: Handle | undefined, after: Handle | undefined): Handle | undefined {
  if (after === undefined) return undefined
  const old = before?.blocks ?? new Map<string, number>()
  const highest = new Map(old)
  for (const [cidr, count] of after.blocks) highest.set(cidr, Math.max(count, old.get(cidr) ?? 0))
  const isSame = (blocks: Handle['blocks']): boolean =>
    blocks.size === highest.size && [...highest].every(([cidr, count]) => blocks.get(cidr) === count)
  if (isSame(old)) return undefined
  return isSame(after.blocks) ? after : { ...after, blocks: highest }
}

const handleFields = declareFields('block', 'deleted')

function isHandleKey(key: string): boolean {
  return key.startsWith(handlePrefix) && key.length > handlePrefix.length && !key.includes('/', handlePrefix.length)
}

/** A handle in one block as Go and this server write it: nearly all of them. Matching it takes a fifth of the time of parsing JSON. */
const inOneBlock = /^\{"block":\{"([0-9a-f.:/]+)":([1-9][0-9]{0,8})\},"deleted":false\}$/

function decodeHandle(text: string): Decoded<Handle> {
  const [, block, count] = inOneBlock.exec(text) ?? []
  if (block !== undefined) {
    return { ok: true, value: { blocks: new Map([[block, Number(count)]]), deleted: false, unknownFields: noFields } }
  }
  return decodeJson(text, (json) => {
    const { fields, unknownFields } = readStruct(json, handleFields, 'handle')
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
