import assert from 'node:assert/strict'
import {
  clusterInformationKey,
  formatTime,
  jsonObject,
  type Now,
  type Pool,
  poolKey,
  poolOf,
} from '../../model/index.ts'
import { blockAt, blockOf, type Cidr, firstAddress, formatCidr, prefixLength, isSameCidr } from '../../net/index.ts'
import { answerOnly, type Plan, put, remove, type View, refuse, type Result, success } from '../../plan/index.ts'
import { denied, may, mayAlways, type Rights } from '../../access/index.ts'
import { reading } from '../../ipam/index.ts'
import { removeAnnex } from '../annexes.ts'
import { calicoGroup } from '../kind.ts'
import { invalid, nameLengthMax, objectIn } from '../object/index.ts'
import { keepAllocatable } from './ippool-conditions.ts'
import { poolPlural } from './ippool-termination.ts'

/** The most parts: each is one of the 128 operations that etcd allows in a transaction, and their number is a power of two. */
export const partsMax = 64

/** A pool that has been split. */
export interface Split {
  readonly parts: readonly { readonly name: string; readonly cidr: Cidr }[]
}

/** The inputs of a split that are not in the datastore. */
interface SplitContext {
  readonly now: Now
  /** {@link partsMax} fresh UUIDs. */
  readonly uids: readonly string[]
  /** The rights of the caller. */
  readonly rights: Rights
}

/**
 * Replaces a pool by `count` pools of equal size with the same spec, enabled, named after it as `calicoctl ipam split` names them.
 * Blocks, claims and addresses are not touched: they lie in the part that covers them from then on. All is one transaction; parts
 * that calicoctl has left behind half-way are kept, and repeating a split that is done answers the same again. Refuses with
 * `NotFound`, with `Invalid` a count that does not fit, and with `Conflict` a pool that is being deleted, a name that another pool
 * has, and a cluster of Calico's that is not locked, whose clients read pools without comparing them.
 * @see docs/calico/ipam.md section 9.2
 */
export function planSplit(
  view: View,
  name: string,
  count: number,
  { now, uids, rights }: SplitContext,
): Plan<Result<Split>> {
  const lookup = view.get(poolKey(name))
  if (lookup.kind === 'absent') return answerOnly(alreadySplit(view, name, count, rights))
  if (lookup.kind === 'unreadable') {
    if (!mayAlways(rights, updating)) return answerOnly(notFound(name))
    return answerOnly(refuse('Conflict', `Pool ${name} cannot be read: ${lookup.problem}`))
  }
  const pool = lookup.value
  const allowed = requireRights(rights, pool)
  if (!allowed.ok) return answerOnly(allowed)
  if (pool.isTerminating) return answerOnly(refuse('Conflict', `Pool ${name} is being deleted.`))
  const size = prefixLength(pool.cidr.family, pool.cidr.prefixLength + Math.log2(count))
  if (!isPartCount(count) || size === undefined || size > pool.blockSize) return answerOnly(badCount(pool, count))
  const information = view.get(clusterInformationKey)
  if (information.kind === 'value' && information.value.isDatastoreReady) {
    return answerOnly(
      refuse(
        'Conflict',
        'The cluster is not locked: set datastoreReady of ClusterInformation "default" to false first.',
      ),
    )
  }

  const parts = uids.slice(0, count).map((uid, index) => {
    return { name: partName(name, index), cidr: blockAt(pool.cidr, size, BigInt(index)), uid }
  })
  const taken = parts.filter((part) => storedPart(view, part) === 'other').map((part) => part.name)
  if (taken.length > 0)
    return answerOnly(refuse('Conflict', `There are other pools of these names: ${taken.join(', ')}.`))
  // Without annexes, which they do not need yet: there would be too many operations.
  const writes = parts.flatMap((part) =>
    storedPart(view, part) === 'there' ? [] : [put(poolKey(part.name), partOf(pool, part, now))],
  )
  return {
    answer: success({ parts }),
    writes: [...writes, remove(poolKey(name)), ...removeAnnex(view, poolPlural, name)],
  }
}

const updating = { verb: 'update', resource: 'ippools' } as const
const creating = { verb: 'create', resource: 'ippools' } as const

/** Refuses a caller who may not change the pool, or not create its parts, which have no labels. A hidden pool does not exist. */
function requireRights(rights: Rights, { name, labels: poolLabels }: Pool): Result<undefined> {
  const isVisible = [...reading.pools, updating].some((action) => may(rights, action, { poolLabels }))
  if (!isVisible) return notFound(name)
  if (!may(rights, updating, { poolLabels }))
    return { ok: false, refusal: denied(rights, updating, `the pool ${name}`) }
  if (may(rights, creating, { poolLabels: {} })) return success(undefined)
  return { ok: false, refusal: denied(rights, creating, `the parts of the pool ${name}, which have no labels`) }
}

function notFound(name: string): Result<never> {
  return refuse('NotFound', `ippools.projectcalico.org ${JSON.stringify(name)} not found`)
}

/** Cut so that the whole name fits, as calicoctl cuts it for the first ten. */
function partName(pool: string, index: number): string {
  const around = `split--${String(index)}`.length
  return `split-${pool.slice(0, nameLengthMax - around)}-${String(index)}`
}

function isPartCount(count: number): boolean {
  return count > 1 && count <= partsMax && Number.isInteger(Math.log2(count))
}

/** Looks up the name of a part: nothing is stored there, or the part, or another pool. */
function storedPart(view: View, part: { readonly name: string; readonly cidr: Cidr }): 'absent' | 'there' | 'other' {
  const lookup = view.get(poolKey(part.name))
  if (lookup.kind === 'absent') return 'absent'
  return lookup.kind === 'value' && isSameCidr(lookup.value.cidr, part.cidr) ? 'there' : 'other'
}

/** The answer to a split that has been done: its parts lie side by side. */
function alreadySplit(view: View, name: string, count: number, rights: Rights): Result<Split> {
  if (!isPartCount(count)) return notFound(name)
  const pools = Array.from({ length: count }, (_, index) => view.get(poolKey(partName(name, index)))).flatMap(
    (lookup) => (lookup.kind === 'value' ? [lookup.value] : []),
  )
  const [first] = pools
  const isMore = view.get(poolKey(partName(name, count))).kind !== 'absent'
  if (first === undefined || pools.length < count || isMore) return notFound(name)
  if (!pools.every(({ labels }) => may(rights, updating, { poolLabels: labels }))) return notFound(name)
  const whole = prefixLength(first.cidr.family, first.cidr.prefixLength - Math.log2(count))
  if (whole === undefined) return notFound(name)
  const cidr = blockOf(firstAddress(first.cidr), whole)
  const isSplit = pools.every((pool, index) =>
    isSameCidr(pool.cidr, blockAt(cidr, first.cidr.prefixLength, BigInt(index))),
  )
  return isSplit ? success({ parts: pools }) : notFound(name)
}

function badCount(pool: Pool, count: number): Result<never> {
  const most = Math.min(partsMax, 2 ** Math.max(pool.blockSize - pool.cidr.prefixLength, 0))
  const problem =
    most < 2
      ? `${formatCidr(pool.cidr)} is a single block`
      : `must be a power of two from 2 to ${String(most)}, so that a block fits`
  return refuse('Invalid', `Pool ${pool.name} cannot be split so.`, [invalid('parts', count, problem)])
}

/** A part as it is stored: the spec of the whole with a CIDR of its own, enabled, and nothing else of it. */
function partOf(
  pool: Pool,
  { name, cidr, uid }: { readonly name: string; readonly cidr: Cidr; readonly uid: string },
  now: Now,
): Pool {
  const spec = Object.entries(objectIn(pool.object, 'spec')).filter(([field]) => field !== 'disabled')
  const object = {
    kind: 'IPPool',
    apiVersion: calicoGroup.apiVersion,
    metadata: { name, uid, creationTimestamp: formatTime(now) },
    spec: jsonObject([...spec, ['cidr', formatCidr(cidr)]]),
  }
  const parsed = poolOf(keepAllocatable(object, now))
  assert(parsed.ok, 'a part of a pool that could be read can be stored')
  return parsed.value
}
