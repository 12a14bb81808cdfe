import { unlimited } from '../../../access/index.ts'
import { DatastoreUnavailable } from '../../../datastore/index.ts'
import { type Allocation, handleChanged, type HandleSnapshot, PoolsAtRevision } from '../../../ipam/index.ts'
import { parseBlockKey, pools as poolFamily } from '../../../model/index.ts'
import { RefusalError, refusal } from '../../wire/index.ts'
import { selectionOf } from './selection.ts'
import { blockKeysOf, type Reader, readAt, readBlocks, readHandle } from './snapshot.ts'

/**
 * Reads everything that a handle holds as of one revision, in however many blocks; undefined if there is no such handle. Throws a refusal:
 * `Conflict` if the handle cannot be read, `Timeout` if the time is over before.
 */
export async function readHandleSnapshot(reader: Reader, handle: string): Promise<HandleSnapshot | undefined> {
  for (;;) {
    try {
      return await readOnce(reader, handle)
    } catch (fault) {
      if (reader.deadlineMs <= 0) throw refuseForTime(handle, fault)
      // The revision was compacted away meanwhile: begin again at a newer one.
      const isExpired = fault instanceof RefusalError && fault.refusal.reason === 'Expired'
      if (!isExpired) throw fault
    }
  }
}

async function readOnce(reader: Reader, handle: string): Promise<HandleSnapshot | undefined> {
  const { entries, revision } = await readAt(reader, poolFamily, { isDecodedOnce: true }, undefined)
  const snapshot = { reader, revision }
  // All that the handle holds: the plan decides which part of it the caller may see.
  const { addresses, reach } = selectionOf(new PoolsAtRevision(entries, unlimited), { handle, attributes: [] })
  const stored = await readHandle(snapshot, handle, reach)
  if (stored === undefined) return undefined
  const allocations: Allocation[] = []
  const unreadable: string[] = []
  for await (const block of readBlocks(snapshot, addresses, blockKeysOf(stored.value))) {
    if (block.kind === 'unreadable') unreadable.push(block.key)
    else for (const { allocation } of block.value) allocations.push(allocation)
  }
  const cidrs = unreadable.flatMap((key) => parseBlockKey(key) ?? [])
  return { handle, revision: stored.revision, allocations, unreadable: cidrs }
}

function refuseForTime(handle: string, cause: unknown): RefusalError {
  const message = [
    'The deadline passed while the server read what the handle holds; nothing was changed.',
    `To read it page by page: GET /ipam/v1/addresses?handle=${encodeURIComponent(handle)}`,
  ].join(' ')
  return refusal('Timeout', message, { cause })
}

/**
 * Carries out a change that depends on everything that a handle holds. At first the plan reads the blocks of the handle itself. If they
 * are more than a transaction can prove, they are read before, and `attempt` gets what was found: then the plan proves only that the
 * handle has not changed since. Reads them again as long as it has.
 */
export async function withHoldings<Answer>(
  reader: Reader,
  handle: string,
  attempt: (held: HandleSnapshot | undefined) => Promise<Answer>,
): Promise<Answer> {
  for (let held: HandleSnapshot | undefined; ; held = await readHandleSnapshot(reader, handle)) {
    try {
      return await attempt(held)
    } catch (fault) {
      const isToBeRead = held === undefined ? isTooLarge(fault) : isOutdated(fault)
      if (!isToBeRead) throw fault
    }
  }
}

/** True for the fault of a plan that has read more than a transaction can prove. */
export function isTooLarge(fault: unknown): boolean {
  return fault instanceof DatastoreUnavailable && fault.code === 'RequestEntityTooLarge'
}

function isOutdated(fault: unknown): boolean {
  return fault instanceof RefusalError && fault.refusal === handleChanged
}
