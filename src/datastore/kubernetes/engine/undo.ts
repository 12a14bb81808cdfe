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
} from '../../../model/index.ts'
import { ordinal, type Ordinal } from '../../../net/index.ts'
import type { Decodable, Family, Key } from '../../../plan/index.ts'

/** A write: the values of a key before and after it; undefined: absent. */
export interface KeyChange {
  readonly key: Key<unknown>
  readonly before: unknown
  readonly after: unknown
}

/**
 * The text to store so that a change is undone; undefined: none. `present` is the stored text. If nobody has changed the key since, it gets
 * what it had. Otherwise only what the change added is taken away: addresses that it assigned, and their counts.
 */
export function undone(change: KeyChange, present: string | undefined, isUnchanged: boolean): string | undefined {
  const { key, before, after } = change
  if (isUnchanged) return encoded(key.family, key.family === blocks ? withNumberOf(change) : before)
  if (key.family === blocks) {
    const block = decoded(blocks, key.text, present)
    if (block === undefined) return present
    return blocks.encode(releaseOrdinals(block, assignedBy(change, block), { nanoseconds: 0n }, 0).block)
  }
  return key.family === handles ? withCountsMoved(key.text, present, after, before) : present
}

/** The text of a handle with a change of its counts applied to what another writer has stored; undefined: none. */
export function countedAnew({ key, before, after }: KeyChange, present: string | undefined): string | undefined {
  return withCountsMoved(key.text, present, before, after)
}

function encoded(family: Family<unknown>, value: unknown): string | undefined {
  return value === undefined ? undefined : family.encode(value)
}

/** What a block was, with the sequence number of the change: no number may be of two assignments. */
function withNumberOf({ key, before, after }: KeyChange): Block | undefined {
  const [old, written] = [decodedAgain(blocks, key.text, before), decodedAgain(blocks, key.text, after)]
  return old === undefined || written === undefined ? old : { ...old, sequenceNumber: written.sequenceNumber }
}

/** The ordinals that the change assigned, and that are still held as it assigned them. */
function assignedBy({ key, before, after }: KeyChange, present: Block): readonly Ordinal[] {
  const [old, written] = [decodedAgain(blocks, key.text, before), decodedAgain(blocks, key.text, after)]
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

/** The text of a handle with its counts changed as from `from` to `to`; undefined when it counts nothing then. */
function withCountsMoved(key: string, present: string | undefined, from: unknown, to: unknown): string | undefined {
  const handle = decoded(handles, key, present)
  if (handle === undefined) return present
  const [old, wanted] = [decodedAgain(handles, key, from), decodedAgain(handles, key, to)]
  let next: Handle | undefined = handle
  for (const cidr of new Set([...(old?.blocks.keys() ?? []), ...(wanted?.blocks.keys() ?? [])])) {
    const difference = (wanted?.blocks.get(cidr) ?? 0) - (old?.blocks.get(cidr) ?? 0)
    next = setHandleCount(next, cidr, Math.max(0, (next?.blocks.get(cidr) ?? 0) + difference))
  }
  return next && handles.encode(next)
}

function decoded<Value>(family: Decodable<Value>, key: string, text: string | undefined): Value | undefined {
  const value = text === undefined ? undefined : family.decode(key, text)
  return value?.ok === true ? value.value : undefined
}

/** A value of a key as one of the family's, by way of its text. */
function decodedAgain<Value>(family: Family<Value>, key: string, value: unknown): Value | undefined {
  return decoded(family, key, encoded(family, value))
}
