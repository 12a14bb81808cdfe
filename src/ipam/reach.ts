import { type Action, coversHandle, coversPool, denied, type Grant, type Rights } from '../access/index.ts'
import type { Pool } from '../model/index.ts'
import { type Cidr, CidrSet } from '../net/index.ts'
import { type Refusal, shorten } from '../plan/index.ts'
import { onceFor, type Pools } from './surroundings.ts'

/** A grant, and where it applies among all pools. */
interface PlacedGrant {
  readonly grant: Grant
  /** The ranges of the pools that it applies to, and those of the others; undefined if it applies everywhere. */
  readonly place: { readonly inside: CidrSet; readonly outside: CidrSet } | undefined
}

/**
 * The places and the handles for which a caller may do one of some actions. Something with addresses belongs to every pool that contains
 * one of them, and a grant has to apply to all of these pools. Outside of all pools, only grants that do not depend on pools apply.
 */
export class Reach {
  /** True if the caller may act on everything. */
  readonly isUnlimited: boolean
  readonly #grants: readonly PlacedGrant[]
  readonly #byPool = new Map<Pool, readonly Grant[]>()

  constructor(rights: Rights, actions: readonly Action[], { all }: Pools) {
    const grants = [...new Set(actions.flatMap((action) => rights.grantsFor(action)))]
    this.isUnlimited =
      rights.isUnlimited || grants.some(({ rule }) => coversPool(rule, undefined) && coversHandle(rule, undefined))
    this.#grants = grants.map((grant) => (this.isUnlimited ? { grant, place: undefined } : place(grant, all)))
  }

  /** True if the caller may act on what lies in this range and belongs to this handle; undefined: to no handle. */
  includes(range: Cidr, handle: string | undefined): boolean {
    return (
      this.isUnlimited ||
      this.#grants.some((placed) => coversRange(placed, range) && coversHandle(placed.grant.rule, handle))
    )
  }

  /** True if the caller may act in this range, for some handle at least. */
  touches(range: Cidr): boolean {
    return this.isUnlimited || this.#grants.some((placed) => coversRange(placed, range))
  }

  /** Returns a test whether the caller may act on what belongs to a handle in this range; undefined if that holds for no handle. */
  handlesIn(range: Cidr): ((handle: string | undefined) => boolean) | undefined {
    if (this.isUnlimited) return () => true
    const grants = this.#grants.filter((placed) => coversRange(placed, range))
    return grants.length === 0 ? undefined : (handle) => grants.some(({ grant }) => coversHandle(grant.rule, handle))
  }

  /** The same test for what lies in an unknown place, because that cannot be read. */
  get handlesAnywhere(): ((handle: string | undefined) => boolean) | undefined {
    return this.isUnlimited ? () => true : undefined
  }

  /** True if the caller may act on something of this handle, in some pool. */
  touchesHandle(handle: string): boolean {
    return this.isUnlimited || this.#grants.some(({ grant }) => coversHandle(grant.rule, handle))
  }

  /** True if the caller may act on everything of this handle, wherever it is. */
  includesHandle(handle: string): boolean {
    return (
      this.isUnlimited ||
      this.#grants.some(({ grant, place }) => place === undefined && coversHandle(grant.rule, handle))
    )
  }

  /** True if the caller may act in the whole pool, for some handle at least. */
  touchesPool(pool: Pool): boolean {
    return this.isUnlimited || this.grantsIn(pool).length > 0
  }

  /** True if the caller may act in the pool, on what belongs to this handle; undefined: to no handle. */
  includesPool(pool: Pool, handle: string | undefined): boolean {
    return this.isUnlimited || this.grantsIn(pool).some(({ rule }) => coversHandle(rule, handle))
  }

  /** Returns the grants that apply to the pool; none if the caller needs none. */
  grantsIn(pool: Pool): readonly Grant[] {
    const known =
      this.#byPool.get(pool) ??
      this.#grants.map(({ grant }) => grant).filter(({ rule }) => coversPool(rule, pool.labels))
    this.#byPool.set(pool, known)
    return known
  }

  /** False if a grant depends on handles. */
  get isForAllHandles(): boolean {
    return this.isUnlimited || this.#grants.every(({ grant }) => grant.rule.handles === undefined)
  }

  /** The prefixes of the only handles that the caller may act for; undefined if it may be any handle. */
  get handlePrefixes(): readonly string[] | undefined {
    if (this.isUnlimited) return undefined
    const prefixes: string[] = []
    for (const { grant } of this.#grants) {
      if (grant.rule.handles === undefined) return undefined
      prefixes.push(...grant.rule.handles.map((pattern) => pattern.replace(/\*$/, '')))
    }
    return prefixes
  }

  /** Returns those of `all` pools in which the caller may act; undefined if it may act outside of pools, too. */
  poolsAmong(all: readonly Pool[]): readonly Pool[] | undefined {
    if (this.isUnlimited || this.#grants.some(({ place }) => place === undefined)) return undefined
    return all.filter((pool) => this.touchesPool(pool))
  }
}

function place(grant: Grant, all: readonly Pool[]): PlacedGrant {
  if (grant.rule.poolSelector === undefined) return { grant, place: undefined }
  const isInside = (pool: Pool): boolean => coversPool(grant.rule, pool.labels)
  const rangesOf = (pools: readonly Pool[]): CidrSet => CidrSet.of(pools.map(({ cidr }) => cidr))
  return {
    grant,
    place: { inside: rangesOf(all.filter(isInside)), outside: rangesOf(all.filter((pool) => !isInside(pool))) },
  }
}

function coversRange({ place }: PlacedGrant, range: Cidr): boolean {
  return place === undefined || (place.inside.covers(range) && !place.outside.overlaps(range))
}

const reachesFor = onceFor((_pools: Pools) => onceFor((_rights: Rights) => new Map<string, Reach>()))

/** Returns where the caller may do one of these actions: the same object as long as neither the rights nor the pools change. */
export function reachOf(rights: Rights, pools: Pools, ...actions: readonly Action[]): Reach {
  const known = reachesFor(pools)(rights)
  const name = actions.map(({ verb, resource }) => `${verb} ${resource}`).join()
  const reach = known.get(name) ?? new Reach(rights, actions, pools)
  known.set(name, reach)
  return reach
}

/** The action of releasing addresses. */
export const releasing = { verb: 'release', resource: 'addresses' } as const

/** The action of assigning addresses. */
export const assigning = { verb: 'assign', resource: 'addresses' } as const

/** The actions of reading addresses, pools and blocks, one by one or in lists. */
export const reading = {
  addresses: [
    { verb: 'get', resource: 'addresses' },
    { verb: 'list', resource: 'addresses' },
  ],
  pools: [
    { verb: 'get', resource: 'ippools' },
    { verb: 'list', resource: 'ippools' },
  ],
  blocks: [
    { verb: 'get', resource: 'ipamblocks' },
    { verb: 'list', resource: 'ipamblocks' },
  ],
} as const satisfies Readonly<Record<string, readonly Action[]>>

const visibleBy = onceFor((read: Reach) =>
  onceFor((use: Reach) =>
    onceFor(({ all }: Pools): Pools => {
      return { all: all.filter((pool) => read.includesPool(pool, undefined) || use.touchesPool(pool)), unreadable: [] }
    }),
  ),
)

/**
 * Returns the pools that exist for a caller who wants to do `action`: those that may be read, and those in which the action is allowed for
 * some handle.
 */
export function visiblePools(rights: Rights, pools: Pools, action: Action): Pools {
  if (rights.isUnlimited) return pools
  const read = reachOf(rights, pools, ...reading.pools)
  return read.isUnlimited ? pools : visibleBy(read)(reachOf(rights, pools, action))(pools)
}

/** Refuses to do something in a pool that the caller may read. */
export function deniedIn(rights: Rights, action: Action, pool: Pool, handle?: string): Refusal {
  if (action.resource === 'ippools') return denied(rights, action, `the pool ${pool.name}`)
  const whose = handle === undefined ? '' : ` for the handle ${JSON.stringify(shorten(handle))}`
  return denied(rights, action, `${action.resource} in the pool ${pool.name}${whose}`)
}
