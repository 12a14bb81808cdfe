import {
  attributeOf,
  type Block,
  blocks,
  type Handle,
  handles,
  isHeld,
  releaseOrdinals,
  sequenceNumberOf,
  setHandleCount,
} from '../../../src/model/index.ts'
import { ordinal, type Ordinal } from '../../../src/net/index.ts'
import type { Decodable, Family, Key, Revision } from '../../../src/plan/index.ts'
import type { ObjectServer } from './object-server.ts'

/** A write that was carried out. */
export interface Done {
  readonly key: Key<unknown>
  /** The values before and after; undefined: absent. */
  readonly before: unknown
  readonly after: unknown
  /** The revision that it made. */
  readonly revision: Revision
}

/**
 * Takes back the writes of a plan that lost a race half-way. An object that nobody has changed since becomes what it was. Of one that
 * somebody has changed, only what the plan added is taken back: the addresses that it assigned, and their counts.
 */
export async function takeBack(server: ObjectServer, done: readonly Done[]): Promise<void> {
  for (const write of done.toReversed()) {
    while (!(await tryTakeBack(server, write))) continue
  }
}

/** Subtracts from a handle what a plan counted less, after somebody else has changed it. False when that was changed once more. */
export async function settleHandle(server: ObjectServer, write: Omit<Done, 'revision'>): Promise<boolean> {
  const present = server.read(write.key.text)
  const handle = decoded(handles, write.key.text, present.text)
  if (handle === undefined) return true
  const { before, after } = handlesOf(write)
  const next = moved(handle, before, after)
  return (await server.swap(write.key.text, present.revision, next && handles.encode(next))) !== undefined
}

async function tryTakeBack(server: ObjectServer, write: Done): Promise<boolean> {
  const { key, before, revision } = write
  const present = server.read(key.text)
  const isUnchanged = present.revision === revision
  const text = isUnchanged ? encoded(key.family, before) : withoutChange(write, present.text)
  if (text === present.text) return true
  const expected = present.text === undefined ? 0n : present.revision
  return (await server.swap(key.text, expected, text)) !== undefined
}

function encoded(family: Family<unknown>, value: unknown): string | undefined {
  return value === undefined ? undefined : family.encode(value)
}

function withoutChange(write: Done, text: string | undefined): string | undefined {
  const { key } = write
  if (key.family === blocks) {
    const block = decoded(blocks, key.text, text)
    if (block === undefined) return text
    return blocks.encode(releaseOrdinals(block, assignedBy(write, block), { nanoseconds: 0n }, 0).block)
  }
  if (key.family === handles) {
    const handle = decoded(handles, key.text, text)
    const { before, after } = handlesOf(write)
    const next = handle && moved(handle, after, before)
    return next && handles.encode(next)
  }
  return text
}

/** The ordinals that the write assigned, and that are still held as it assigned them. */
function assignedBy({ key, before, after }: Done, present: Block): readonly Ordinal[] {
  const [old, written] = [decodedAgain(blocks, key, before), decodedAgain(blocks, key, after)]
  if (written === undefined) return []
  return [...written.allocations.keys()].map(ordinal).filter((place) => {
    const isNew = isHeld(written, place) && (old === undefined || !isHeld(old, place))
    const isSame =
      isHeld(present, place) &&
      sequenceNumberOf(present, place) === sequenceNumberOf(written, place) &&
      attributeOf(present, place)?.handle === attributeOf(written, place)?.handle
    return isNew && isSame
  })
}

function handlesOf({ key, before, after }: Omit<Done, 'revision'>): {
  before: Handle | undefined
  after: Handle | undefined
} {
  return { before: decodedAgain(handles, key, before), after: decodedAgain(handles, key, after) }
}

/** The handle with its counts changed as from `from` to `to`; undefined when it counts nothing then. */
function moved(handle: Handle, from: Handle | undefined, to: Handle | undefined): Handle | undefined {
  let next: Handle | undefined = handle
  for (const cidr of new Set([...(from?.blocks.keys() ?? []), ...(to?.blocks.keys() ?? [])])) {
    const difference = (to?.blocks.get(cidr) ?? 0) - (from?.blocks.get(cidr) ?? 0)
    next = setHandleCount(next, cidr, Math.max(0, (next?.blocks.get(cidr) ?? 0) + difference))
  }
  return next
}

function decoded<Value>(family: Decodable<Value>, key: string, text: string | undefined): Value | undefined {
  const value = text === undefined ? undefined : family.decode(key, text)
  return value?.ok === true ? value.value : undefined
}

/** A value of a key as one of the family's, by way of its text. */
function decodedAgain<Value>(family: Family<Value>, key: Key<unknown>, value: unknown): Value | undefined {
  return decoded(family, key.text, encoded(key.family, value))
}
