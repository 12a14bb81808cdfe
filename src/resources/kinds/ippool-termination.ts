import assert from 'node:assert/strict'
import { countBlocks, countInRange, emptyPool, proveBlocks, requireUnlocked } from '../../ipam/index.ts'
import {
  annexKey,
  type BlockIndex,
  formatTime,
  jsonObject,
  type Now,
  type Pool,
  poolKey,
  poolOf,
  pools,
} from '../../model/index.ts'
import { CidrSet } from '../../net/index.ts'
import { answerOnly, Budget, type Plan, remove, type Step, type View } from '../../plan/index.ts'
import { generationOf, removeAnnex } from '../annexes.ts'
import type { WriteContext, Removal } from '../kind.ts'
import { finalizersOf, isBeingDeleted, textIn, objectIn, sameJson } from '../object/index.ts'
import { declareStorage } from '../storage.ts'
import { keepAllocatable, lacksAllocatable, withTerminatingDetails } from './ippool-conditions.ts'

/** The plural of the kind. */
export const poolPlural = 'ippools'

/** How pools are stored. */
export const poolStorage = declareStorage(poolPlural, pools, poolKey)

/** The finalizer of a pool while blocks lie in it; Calico's own name for it. */
export const poolFinalizer = 'projectcalico.org/ippool-finalizer'

/** The outcome of one step towards the end of a pool. */
export interface Termination {
  /** True if this step has deleted the pool. */
  readonly isGone: boolean
  readonly blocksLeft: number
}

/** The positions of a next step: at the blocks that are stored by then, or at the affinities that are left over. */
const positions = { blocks: 'blocks', affinities: 'affinities' } as const

/**
 * Deletes a pool: at once if nothing lies in it, otherwise by marking it, so that from this transaction on it gives no addresses. Every
 * assignment compares the pool's key, so that none slips through. {@link planTermination} does the rest.
 */
export function planPoolRemoval(
  view: View,
  pool: Pool,
  blocks: BlockIndex,
  { now }: Pick<WriteContext, 'now'>,
): Exclude<Removal<Pool>, { readonly kind: 'refused' | 'partly' }> {
  if (pool.isTerminating) return { kind: 'terminating', value: pool, writes: [] }
  if (otherFinalizers(pool).length === 0 && countBlocks(view, pool, blocks) === 0) {
    proveBlocks(view)
    const { isEmpty, writes } = emptyPool(new Budget(view), pool, blocks, { now })
    if (isEmpty) return { kind: 'gone', writes: [...writes, remove(poolKey(pool.name))] }
  }
  const marked = markTerminating(pool, now)
  const value = readBack(marked, withTerminatingDetails(marked.object, countInUse(pool, blocks), now))
  return { kind: 'terminating', value, writes: poolStorage.put(value) }
}

/** Says how many addresses of a pool are in use. A hint. */
function countInUse(pool: Pool, blocks: BlockIndex): string {
  const everything = { reserved: CidrSet.of([]), cooledBefore: 0n }
  const { inUse } = countInRange(pool.cidr, blocks, everything)
  return inUse === 1n ? '1 address is in use.' : `${String(inUse)} addresses are in use.`
}

/**
 * Adds to the condition of a pool that is being deleted what it waits for: `details`, such as how many hold its addresses. Nothing is done
 * while the cluster is locked for a migration.
 */
export function planTellTerminating(
  view: View,
  name: string,
  details: string,
  { now }: Pick<WriteContext, 'now'>,
): Plan<undefined> {
  const lookup = poolStorage.lookup(view, name)
  if (lookup.kind !== 'value' || !lookup.value.isTerminating || !requireUnlocked(view).ok) return answerOnly(undefined)
  const pool = lookup.value
  const told = readBack(pool, withTerminatingDetails(pool.object, details, now))
  return { answer: undefined, writes: told === pool ? [] : poolStorage.put(told) }
}

/**
 * One step towards the end of a pool that is being deleted: empties it as far as one transaction can, and deletes it when it is empty. To
 * be repeated while `next` is given, and later until the pool is gone: addresses may be released at any time, by Calico too.
 *
 * Any server may take a step at any time, on whatever the last one, or Calico, left behind. Nothing is done while the cluster is locked
 * for a migration.
 */
export function planTermination(
  view: View,
  name: string,
  position: string,
  blocks: BlockIndex,
  { now }: Pick<WriteContext, 'now'>,
): Plan<Step<Termination>> {
  const budget = new Budget(view)
  const lookup = poolStorage.lookup(budget.view, name)
  if (lookup.kind !== 'value' || !lookup.value.isTerminating) {
    return answerOnly({ answer: { isGone: false, blocksLeft: 0 }, next: undefined })
  }
  const pool = lookup.value
  if (!requireUnlocked(budget.view).ok) {
    return answerOnly({ answer: { isGone: false, blocksLeft: countBlocks(view, pool, blocks) }, next: undefined })
  }
  const looksThrough = position === positions.affinities
  const { isEmpty, isCut, blocksLeft, writes: emptied } = emptyPool(budget, pool, blocks, { now, looksThrough })
  const others = otherFinalizers(pool)
  const isGone = isEmpty && others.length === 0
  const after = isEmpty ? withFinalizers(pool, others) : markTerminating(pool, now)
  const poolWrites = isGone
    ? [remove(poolKey(name)), ...removeAnnex(view, poolPlural, name)]
    : after === pool
      ? []
      : poolStorage.put(after)
  if (isEmpty && poolWrites.length > 0) proveBlocks(view)
  const writes = [...emptied, ...poolWrites]
  // A step without a change would be repeated for ever, as when what it had room for waits for others: a cooldown, or a block to be read.
  const next = writes.length === 0 || isGone ? undefined : isCut ? positions.affinities : positions.blocks
  return { answer: { answer: { isGone, blocksLeft }, next }, writes }
}

/**
 * Gives a pool the condition that it lacks, as when Calico wrote it. The answer is true if the pool lacked it. Nothing is done while the
 * cluster is locked for a migration.
 */
export function planKeepConditions(view: View, name: string, { now }: Pick<WriteContext, 'now'>): Plan<boolean> {
  const lookup = poolStorage.lookup(view, name)
  if (lookup.kind !== 'value' || !lacksAllocatable(lookup.value, now) || !requireUnlocked(view).ok) {
    return answerOnly(false)
  }
  const pool = lookup.value
  const [write, ...annex] = poolStorage.put(readBack(pool, keepAllocatable(pool.object, now)))
  assert(write, 'an object is stored by a write')
  // A pool of Calico's needs no annex; if there is one, it must say that it belongs to this state of the pool.
  return { answer: true, writes: view.get(annexKey(poolPlural, name)).kind === 'absent' ? [write] : [write, ...annex] }
}

function otherFinalizers(pool: Pool): readonly string[] {
  return finalizersOf(objectIn(pool.object, 'metadata')).filter((name) => name !== poolFinalizer)
}

/**
 * Marks a pool as one that is being deleted; returns the pool itself if it is marked already. `disabled` says the same to versions of
 * Calico that do not look at the rest.
 */
function markTerminating(pool: Pool, now: Now): Pool {
  const time = formatTime(now)
  const metadata = objectIn(pool.object, 'metadata')
  const finalizers = finalizersOf(metadata)
  const marked = jsonObject([
    ...Object.entries(pool.object),
    [
      'metadata',
      jsonObject([
        ...Object.entries(metadata),
        ['deletionTimestamp', textIn(metadata, 'deletionTimestamp') || time],
        ['deletionGracePeriodSeconds', metadata['deletionGracePeriodSeconds'] ?? 0],
        ['generation', generationOf(metadata) + (isBeingDeleted(metadata) ? 0 : 1)],
        ['finalizers', finalizers.includes(poolFinalizer) ? finalizers : [...finalizers, poolFinalizer]],
      ]),
    ],
    ['spec', jsonObject([...Object.entries(objectIn(pool.object, 'spec')), ['disabled', true]])],
  ])
  return readBack(pool, keepAllocatable(marked, now))
}

function withFinalizers(pool: Pool, finalizers: readonly string[]): Pool {
  const metadata = jsonObject([...Object.entries(objectIn(pool.object, 'metadata')), ['finalizers', finalizers]])
  return readBack(pool, jsonObject([...Object.entries(pool.object), ['metadata', metadata]]))
}

/** Reads `object` back as a pool; returns `pool` itself if it says the same. */
function readBack(pool: Pool, object: Pool['object']): Pool {
  const parsed = poolOf(object)
  assert(parsed.ok, 'a pool that could be read cannot be stored')
  return sameJson(parsed.value.object, pool.object) ? pool : parsed.value
}
