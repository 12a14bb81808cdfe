import {
  type Availability,
  type BlockIndex,
  blockKey,
  blocks as blockFamily,
  clusterInformationKey,
  defaultIpamConfig,
  ipamConfigKey,
  nanosecondsPerSecond,
  type Now,
  nodeKey,
  nodes,
  pools as poolFamily,
  reservations,
  type IpamConfig,
  type Pool,
  type Reservation,
} from '../model/index.ts'
import { type Address, blockOf, type Cidr, CidrSet, contains } from '../net/index.ts'
import { type Listed, type View, refuse, success, type Result } from '../plan/index.ts'

/** A pool that is stored but cannot be read, by the name in its key. */
export interface UnreadablePool {
  readonly name: string
  readonly problem: string
}

/** All pools, as every plan sees them. */
export interface Pools {
  /** In the order of their names, which is the order in which they are used. */
  readonly all: readonly Pool[]
  readonly unreadable: readonly UnreadablePool[]
}

/** The IPAM configuration in force. Refused if the stored one cannot be read, because a guess could break its rules. */
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
 * The cooldown of released addresses in seconds, for what changes nothing that the other rules are about. Undefined while the configuration
 * cannot be read: then an address that cools down does so until the configuration is correct again.
 */
export function readCooldown(view: View): number | undefined {
  const config = readConfig(view)
  return config.ok ? config.value.ipCooldownSeconds : undefined
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

/**
 * Every pool, as known within the call. If the plan uses a pool, it must read the key of the pool: the guard does not show what other
 * programs change until the commit.
 */
export function readPools(view: View): Pools {
  return poolsIn(view.list(poolFamily, 'current'))
}

/** The pools of a listing. */
export const poolsIn = onceFor((entries: readonly Listed<Pool>[]): Pools => {
  const all: Pool[] = []
  const unreadable: UnreadablePool[] = []
  for (const entry of entries) {
    if (entry.kind === 'value') all.push(entry.value)
    else unreadable.push({ name: entry.key.slice(poolFamily.prefix.length), problem: entry.problem })
  }
  return { all, unreadable }
})

/** Which addresses can be assigned automatically. The commit proves that no reservation was added or changed. */
export function readAvailability(view: View, cooldownSeconds: number | undefined, now: Now): Availability {
  return availabilityOf(cooldownSeconds, view.list(reservations, 'changed'), now)
}

/** Which addresses can be assigned automatically, by these reservations. Without a known cooldown, all that cool down still do. */
export function availabilityOf(
  cooldownSeconds: number | undefined,
  entries: readonly Listed<Reservation>[],
  { nanoseconds }: Now,
): Availability {
  const cooledBefore = cooldownSeconds === undefined ? 0n : nanoseconds - BigInt(cooldownSeconds) * nanosecondsPerSecond
  return { reserved: reservedIn(entries), cooledBefore }
}

const reservedIn = onceFor((entries: readonly Listed<Reservation>[]): CidrSet => {
  return CidrSet.of(entries.flatMap((entry): readonly Cidr[] => (entry.kind === 'value' ? entry.value.cidrs : [])))
})

/**
 * Lets `derive` run once for each object. Plans get the same listing, and the same value, as long as nothing in it changes, so what is
 * derived from it need not be derived again.
 */
export function onceFor<Source extends object, Value>(derive: (source: Source) => Value): (source: Source) => Value {
  const known = new WeakMap<Source, { readonly value: Value }>()
  return (source) => {
    const found = known.get(source) ?? { value: derive(source) }
    known.set(source, found)
    return found.value
  }
}

/**
 * The labels that node selectors are evaluated against. A node that is not registered counts as one with none. Refused if the node
 * cannot be read, because with wrong labels it could get addresses of pools that are not for it.
 */
export function readNodeLabels(view: View, node: string | undefined): Result<Readonly<Record<string, string>>> {
  if (node === undefined) return success(noLabels)
  const key = nodeKey(node)
  const lookup = view.get(key)
  switch (lookup.kind) {
    case 'absent':
      return success(noLabels)
    case 'value':
      return success(lookup.value.labels)
    case 'unreadable':
      return refuse('Conflict', `${key.text}: the stored node cannot be read: ${lookup.problem}`)
  }
}

/** True if `node` is not registered while others are. If no node is registered, nodes are not registered here at all. */
export function isNodeGone(view: View, node: string): boolean {
  return view.get(nodeKey(node)).kind === 'absent' && view.list(nodes, 'hint').length > 0
}

/** One object for all nodes without labels, so that what is derived from it is derived once. */
const noLabels: Readonly<Record<string, string>> = Object.freeze({})

/** The first pool, in name order, that contains `address` and satisfies `accepts`. */
export function poolOf(
  pools: Pools,
  address: Address,
  accepts: (pool: Pool) => boolean = () => true,
): Pool | undefined {
  return pools.all.find((pool) => contains(pool.cidr, address) && accepts(pool))
}

/**
 * The CIDR of the block that an address is stored in, or would be: by the block size of its pool, which may be disabled, unless a block of
 * another size is known there. Outside of all pools, the block that contains it; undefined if there is none.
 * @see docs/calico/ipam.md section 5.1, step 2
 */
export function locateBlock(view: View, pools: Pools, address: Address, blocks: BlockIndex): Cidr | undefined {
  const pool = poolOf(pools, address)
  if (pool === undefined) {
    view.consult(blockFamily)
    return blocks.containing(address)?.cidr
  }
  const cidr = blockOf(address, pool.blockSize)
  return blocks.entry(blockKey(cidr).text)?.cidr ?? blocks.containing(address)?.cidr ?? cidr
}
