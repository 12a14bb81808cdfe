import {
  clusterInformationKey,
  defaultIpamConfig,
  ipamConfigKey,
  nodeKey,
  pools as poolFamily,
  reservations,
  type IpamConfig,
  type Pool,
  type Reservation,
} from '../model/index.ts'
import { type Cidr, CidrSet, contains, type Address } from '../net/index.ts'
import { type Listed, type View, refuse, success, type Result } from '../plan/index.ts'

/** A pool that is stored but cannot be read, by the name in its key. */
export interface UnreadablePool {
  readonly name: string
  readonly problem: string
}

/** All pools, as every decision about addresses sees them. */
export interface Pools {
  /** In the order of their names, which is the order in which they are used. */
  readonly all: readonly Pool[]
  readonly unreadable: readonly UnreadablePool[]
}

/** The IPAM configuration in force; refused when the stored one cannot be read, because guessing could break its rules. */
export function readConfig(view: View): Result<IpamConfig> {
  const lookup = view.get(ipamConfigKey)
  switch (lookup.kind) {
    case 'absent':
      return success(defaultIpamConfig)
    case 'value':
      return success(lookup.value)
    case 'unreadable':
      return refuse('Conflict', `${ipamConfigKey.text}: the stored configuration cannot be read: ${lookup.problem}`)
  }
}

/**
 * Refuses while a migration has locked the cluster (`datastoreReady` false), as Calico's own plugin does.
 * @see docs/calico/formats.md section 4.5
 */
export function requireUnlocked(view: View): Result<undefined> {
  const lookup = view.get(clusterInformationKey)
  const isLocked = lookup.kind === 'value' && !lookup.value.isDatastoreReady
  return isLocked
    ? refuse('ServiceUnavailable', 'The cluster is locked: datastoreReady of ClusterInformation "default" is false.')
    : success(undefined)
}

/** Every pool; the commit proves that none was added or changed. */
export function readPools(view: View): Pools {
  return poolsIn(view.list(poolFamily, 'changed'))
}

/** The pools that a listing tells of. */
export const poolsIn = onceFor((entries: readonly Listed<Pool>[]): Pools => {
  const all: Pool[] = []
  const unreadable: UnreadablePool[] = []
  for (const entry of entries) {
    if (entry.kind === 'value') all.push(entry.value)
    else unreadable.push({ name: entry.key.slice(poolFamily.prefix.length), problem: entry.problem })
  }
  return { all, unreadable }
})

/** Every address that is not to be chosen automatically; the commit proves that no reservation was added or changed. */
export function readReserved(view: View): CidrSet {
  return reservedIn(view.list(reservations, 'changed'))
}

const reservedIn = onceFor((entries: readonly Listed<Reservation>[]): CidrSet => {
  return CidrSet.of(entries.flatMap((entry): readonly Cidr[] => (entry.kind === 'value' ? entry.value.cidrs : [])))
})

/**
 * What `derive` makes of an object, made once for each: the same listing, and the same value, is given to every operation for as long
 * as nothing in it changes.
 */
export function onceFor<Source extends object, Value>(derive: (source: Source) => Value): (source: Source) => Value {
  const known = new WeakMap<Source, { readonly value: Value }>()
  return (source) => {
    const found = known.get(source) ?? { value: derive(source) }
    known.set(source, found)
    return found.value
  }
}

/** The labels that node selectors are evaluated against. A node that is not registered counts as one with none. */
export function readNodeLabels(view: View, node: string | undefined): Readonly<Record<string, string>> {
  if (node === undefined) return noLabels
  const lookup = view.get(nodeKey(node))
  return lookup.kind === 'value' ? lookup.value.labels : noLabels
}

/** One object for all that have none, so that what is derived from it is derived once. */
export const noLabels: Readonly<Record<string, string>> = Object.freeze({})

/** The first pool, in name order, that contains `address` and satisfies `accepts`. */
export function poolOf(
  pools: Pools,
  address: Address,
  accepts: (pool: Pool) => boolean = () => true,
): Pool | undefined {
  return pools.all.find((pool) => contains(pool.cidr, address) && accepts(pool))
}
