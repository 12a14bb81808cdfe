import assert from 'node:assert/strict'
import {
  affinities,
  affinityKey,
  type Block,
  blockKey,
  clusterInformationKey,
  collectGarbage,
  defaultIpamConfig,
  formatOwner,
  formatTime,
  type IndexedBlock,
  ipamConfigKey,
  isEmpty,
  isJsonArray,
  isJsonObject,
  type Json,
  jsonObject,
  type Now,
  ownerOf,
  parseAffinityKey,
  type Pool,
  poolKey,
  poolOf,
  pools,
  virtualAffinities,
  withoutOwner,
} from '../../model/index.ts'
import { type Cidr, covers, overlaps } from '../../net/index.ts'
import { answerOnly, type Key, type Plan, put, remove, type View, type Write } from '../../plan/index.ts'
import { generationOf, removeAnnex } from '../annexes.ts'
import type { Context, Removal } from '../kind.ts'
import { finalizersOf, isBeingDeleted, textIn, objectIn, sameJson } from '../object/index.ts'
import { declareStorage } from '../storage.ts'

/** The plural of the kind. */
export const poolPlural = 'ippools'

/** How pools lie in etcd. */
export const poolStorage = declareStorage(poolPlural, pools, poolKey)

/** What a pool is held back by while blocks lie in it; Calico's own name for it. */
export const poolFinalizer = 'projectcalico.org/ippool-finalizer'

/** How many blocks, and how many leftover affinities, one transaction takes on: two keys each, of the 128 operations that etcd allows. */
export const releasesMax = 40

/** How many characters of blocks one transaction writes, of the 1.5 MiB that etcd allows: a block may have hundreds of thousands. */
export const releasedLengthMax = 400_000

/** What is worth knowing of a block here. */
export type BlockInRange = Pick<IndexedBlock, 'cidr' | 'affinity' | 'isEmpty' | 'hasCooling'>

/** What pools need to know that is not in their own family. */
export interface PoolDependencies {
  /** The blocks that share an address with `cidr`. A hint: whoever relies on one reads it. */
  blocksIn(cidr: Cidr): readonly BlockInRange[]
  /**
   * Makes the commit prove that there is no block that {@link blocksIn} does not know, because a pool vanishes when there is none. For
   * that, etcd reads every block there is, while nobody else can write: not to be asked for in each of many steps.
   */
  proveBlocks(view: View): void
}

/** How far the end of a pool has come after a step. */
export interface TerminationStep {
  /** The pool is gone, or it is not being deleted. */
  readonly done: boolean
  /** The step changes something; another one may follow at once. */
  readonly progressed: boolean
  readonly blocksLeft: number
}

/**
 * Deletes a pool: at once when nothing lies in it, else by marking it, so that from this transaction on it gives no address. Every
 * assignment compares the pool's key, so that none slips through. {@link planTermination} does the rest.
 */
export function planPoolRemoval(
  view: View,
  pool: Pool,
  dependencies: PoolDependencies,
  context: Context,
): Exclude<Removal<Pool>, { readonly kind: 'refused' }> {
  if (pool.isTerminating) return { kind: 'terminating', value: pool, writes: [] }
  const leftovers = claimsIn(view, pool)
  const isHeld = otherFinalizers(pool).length > 0 || leftovers.length > releasesMax
  if (!isHeld && blocksOf(view, pool, dependencies).length === 0) {
    dependencies.proveBlocks(view)
    return { kind: 'gone', writes: [...removeAll(view, leftovers), remove(poolKey(pool.name))] }
  }
  const value = markTerminating(pool, context.now)
  return { kind: 'terminating', value, writes: poolStorage.put(value) }
}

/**
 * One step towards the end of a pool that is being deleted: takes the affinities from up to {@link releasesMax} blocks, deletes
 * those without an address in use, then affinities that lead to no block, then the pool. To be called again while it progresses,
 * and later while it is not done: addresses may be released at any time, by Calico too.
 *
 * Every step stands for itself: any server may make it, twice or not at all, on whatever the last one, or Calico, left behind. A
 * block that cannot be read is left alone, and the pool with it. Nothing is done while the cluster is locked for a migration.
 */
export function planTermination(
  view: View,
  name: string,
  dependencies: PoolDependencies,
  { now }: Pick<Context, 'now'>,
): Plan<TerminationStep> {
  const lookup = poolStorage.lookup(view, name)
  if (lookup.kind !== 'value' || !lookup.value.isTerminating) {
    return answerOnly({ done: true, progressed: false, blocksLeft: 0 })
  }
  const pool = lookup.value
  const blocks = blocksOf(view, pool, dependencies)
  if (isLocked(view)) return answerOnly({ done: false, progressed: false, blocksLeft: blocks.length })

  const releasable = blocks.filter((block) => block.affinity !== null || block.isEmpty)
  const released = releaseBlocks(view, releasable.length > 0 ? releasable : coolingFirst(blocks, now), now)
  // All claims are looked through only with the last blocks to release, and when no block is left: there may be many.
  const isLastRelease = releasable.length > 0 && released.isComplete
  const leftovers = isLastRelease || blocks.length === 0 ? claimsIn(view, pool) : []
  const isCleared = blocks.length === 0 && leftovers.length <= releasesMax

  const others = otherFinalizers(pool)
  const isGone = isCleared && others.length === 0
  const after = isCleared ? withFinalizers(pool, others) : markTerminating(pool, now)
  const poolWrites = isGone
    ? [remove(poolKey(name)), ...removeAnnex(view, poolPlural, name)]
    : after === pool
      ? []
      : poolStorage.put(after)
  if (isCleared && poolWrites.length > 0) dependencies.proveBlocks(view)
  const unhandled = leftovers.filter(({ text }) => !released.writes.some(({ key }) => key.text === text))
  const swept = removeAll(view, stale(view, unhandled.slice(0, releasesMax - releasable.length)))
  const writes = [...released.writes, ...swept, ...poolWrites]
  return {
    answer: { done: isGone, progressed: writes.length > 0, blocksLeft: blocks.length - released.deleted },
    writes,
  }
}

/** The blocks that live and die with the pool: in its range, and in no other pool that stays. There may be very many. */
function blocksOf(view: View, pool: Pool, dependencies: PoolDependencies): readonly BlockInRange[] {
  // What shares an address with the pool and is not larger lies in it.
  const inside = dependencies.blocksIn(pool.cidr).filter(({ cidr }) => cidr.prefixLength >= pool.cidr.prefixLength)
  const staying = stayingPools(view, pool)
  return staying.length === 0 ? inside : inside.filter(({ cidr }) => !staying.some((other) => covers(other.cidr, cidr)))
}

/** The pools in the same range that stay. There are none, unless Calico was told to look away, as when it splits a pool. */
function stayingPools(view: View, pool: Pool): readonly Pool[] {
  return view
    .list(pools, 'changed')
    .flatMap((entry) => (entry.kind === 'value' ? [entry.value] : []))
    .filter((other) => other.name !== pool.name && !other.isTerminating && overlaps(other.cidr, pool.cidr))
}

/** Blocks with addresses that cool down, beginning at another one each time, so that each comes up although a step is bounded. */
function coolingFirst(blocks: readonly BlockInRange[], now: Now): readonly BlockInRange[] {
  const cooling = blocks.filter((block) => block.hasCooling)
  const start = Number((now.nanoseconds / 1_000_000n) % BigInt(Math.max(cooling.length, 1)))
  return [...cooling.slice(start), ...cooling.slice(0, start)]
}

function releaseBlocks(view: View, blocks: readonly BlockInRange[], now: Now): Releases {
  const some = blocks.slice(0, releasesMax)
  if (some.length === 0) return { writes: [], deleted: 0, isComplete: true }
  view.prefetch(some.map(({ cidr }) => blockKey(cidr)))
  const config = view.get(ipamConfigKey)
  const { ipCooldownSeconds } = config.kind === 'value' ? config.value : defaultIpamConfig
  const cooldownSeconds = config.kind === 'unreadable' ? undefined : ipCooldownSeconds
  const releases: Release[] = []
  let length = 0
  for (const { cidr } of some) {
    const release = releaseBlock(view, cidr, now, cooldownSeconds)
    length += release.writes.reduce((sum, write) => sum + (write.kind === 'put' ? write.encode().length : 0), 0)
    if (releases.length > 0 && length > releasedLengthMax) break
    releases.push(release)
  }
  return {
    writes: releases.flatMap(({ writes }) => writes),
    deleted: releases.filter(({ isDeleted }) => isDeleted).length,
    isComplete: releases.length === blocks.length,
  }
}

/** What becomes of one block. */
interface Release {
  readonly writes: readonly Write[]
  readonly isDeleted: boolean
}

/** What becomes of some blocks: all that were given, unless they are too many for one transaction. */
interface Releases {
  readonly writes: readonly Write[]
  readonly deleted: number
  readonly isComplete: boolean
}

/** Without an address in use the block goes; else only its owner and the owner's claim do. */
function releaseBlock(view: View, cidr: Cidr, now: Now, cooldownSeconds: number | undefined): Release {
  const lookup = view.get(blockKey(cidr))
  if (lookup.kind !== 'value') return { writes: [], isDeleted: lookup.kind === 'absent' }
  const block = cooldownSeconds === undefined ? lookup.value : collectGarbage(lookup.value, now, cooldownSeconds)
  const owner = ownerOf(block)
  const claim = owner === undefined ? [] : removeAll(view, [affinityKey(owner, cidr)])
  if (isEmpty(block)) return { writes: [...claim, remove(blockKey(cidr))], isDeleted: true }
  return {
    writes: block.affinity === null ? [] : [...claim, put(blockKey(cidr), withoutOwner(block))],
    isDeleted: false,
  }
}

/** The key of a claim, and the block that belongs to the claimant if its `affinity` says so too. */
interface Claim extends Key<unknown> {
  readonly block: Key<Block>
  readonly affinity: string
}

/** The claims on blocks of the pool, of hosts and of virtual owners, whether or not there is such a block. */
function claimsIn(view: View, pool: Pool): readonly Claim[] {
  const staying = stayingPools(view, pool)
  return [affinities, virtualAffinities].flatMap((family) =>
    view.list(family, 'created').flatMap(({ key }) => {
      const claim = parseAffinityKey(key)
      const isOurs =
        claim !== undefined && covers(pool.cidr, claim.cidr) && !staying.some((other) => covers(other.cidr, claim.cidr))
      return isOurs ? [{ family, text: key, block: blockKey(claim.cidr), affinity: formatOwner(claim.owner) }] : []
    }),
  )
}

/**
 * Those that do not lead to a block of the claimant's, nor to one that cannot be read. The index of blocks may not say so yet: a block
 * that was deleted and made anew in one transaction is, for etcd, none that was created.
 */
function stale(view: View, claims: readonly Claim[]): readonly Claim[] {
  view.prefetch(claims.map(({ block }) => block))
  return claims.filter(({ block, affinity }) => {
    const lookup = view.get(block)
    return lookup.kind === 'value' ? lookup.value.affinity !== affinity : lookup.kind === 'absent'
  })
}

/** Each key is read first, so that the commit compares it. */
function removeAll(view: View, keys: readonly Key<unknown>[]): readonly Write[] {
  return keys.filter((key) => view.get(key).kind !== 'absent').map(remove)
}

/** A migration is under way, in which nobody is to change anything (docs/calico/formats.md section 4.5). */
function isLocked(view: View): boolean {
  const lookup = view.get(clusterInformationKey)
  return lookup.kind === 'value' && !lookup.value.isDatastoreReady
}

function otherFinalizers(pool: Pool): readonly string[] {
  return finalizersOf(objectIn(pool.object, 'metadata')).filter((name) => name !== poolFinalizer)
}

/**
 * The pool as one that is being deleted; the pool itself when it is marked already. `disabled` says the same to versions of Calico
 * that do not look at the rest.
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
    [
      'status',
      jsonObject([
        ...Object.entries(objectIn(pool.object, 'status')),
        ['conditions', terminatingConditions(pool, time)],
      ]),
    ],
  ])
  return asStored(pool, marked)
}

const terminatingMessage =
  'The pool is being deleted: it gives no more addresses, and vanishes when its last address is released.'

/** The conditions of the pool, of which `Allocatable` says that it is terminating, and since when. */
function terminatingConditions(pool: Pool, time: string): readonly Json[] {
  const { conditions } = objectIn(pool.object, 'status')
  const before = isJsonArray(conditions) ? conditions.filter(isJsonObject) : []
  if (
    before.some(({ type, status, reason }) => type === 'Allocatable' && status === 'False' && reason === 'Terminating')
  )
    return before
  return [
    ...before.filter(({ type }) => type !== 'Allocatable'),
    {
      type: 'Allocatable',
      status: 'False',
      lastTransitionTime: time,
      reason: 'Terminating',
      message: terminatingMessage,
    },
  ]
}

function withFinalizers(pool: Pool, finalizers: readonly string[]): Pool {
  const metadata = jsonObject([...Object.entries(objectIn(pool.object, 'metadata')), ['finalizers', finalizers]])
  return asStored(pool, jsonObject([...Object.entries(pool.object), ['metadata', metadata]]))
}

/** `object` as the pool that it will be read back as; `pool` itself when that says the same. */
function asStored(pool: Pool, object: Pool['object']): Pool {
  const parsed = poolOf(object)
  assert(parsed.ok, 'a pool that could be read cannot be stored')
  return sameJson(parsed.value.object, pool.object) ? pool : parsed.value
}
