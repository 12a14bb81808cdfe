import {
  accessPolicies,
  clusterInformations,
  ipamConfigs,
  type IpamConfig,
  isJsonArray,
  isJsonObject,
  nodes,
  type Now,
  type Pool,
  pools,
  type PoolSelector,
  reservations,
  type Reservation,
} from '../../model/index.ts'
import { type Address, formatCidr, overlaps, parseAddressOrCidr } from '../../net/index.ts'
import type { Family, Key, Listed, Revision } from '../../plan/index.ts'
import { type Finding, newFinding } from './finding.ts'

/** Which entries of a family to read. */
export interface EntriesOptions {
  /** Only those with keys after this one. */
  readonly after?: string | undefined
  /** Some of the keys in order, about a page of entries apart: they make reading a large family cheaper. */
  readonly cuts?: readonly string[] | undefined
}

/** Reads stored values, all as they were at one revision. */
export interface CheckSource {
  /** The entries of a family, page by page in key order. */
  entries<Value>(family: Family<Value>, options?: EntriesOptions): AsyncIterable<readonly Listed<Value>[]>
  /** The entry of one key; undefined if it does not exist. */
  entry<Value>(key: Key<Value>): Promise<Listed<Value> | undefined>
}

/** An entry whose value can be read. */
export type ReadableEntry<Value> = Extract<Listed<Value>, { kind: 'value' }>

/** The values that blocks and handles are checked against: of the kinds with few entries. */
export interface CheckTerms {
  readonly now: Now
  /** The pools that can be read, in name order. */
  readonly pools: readonly Pool[]
  /** False if a stored pool cannot be read: a block may lie in that pool. */
  readonly arePoolsComplete: boolean
  /** The names of all nodes, readable or not. If there are none, this cluster does not register nodes. */
  readonly nodes: ReadonlySet<string>
  /** The tunnels of every node that can be read, by node name. */
  readonly tunnels: ReadonlyMap<string, Tunnels>
  /** The faults of these values themselves. */
  readonly findings: readonly Finding[]
}

/** The tunnels of a node; it may have none. */
export interface Tunnels {
  readonly key: string
  readonly revision: Revision
  readonly addresses: readonly Address[]
}

/** Reads and checks the values of the kinds with few entries. */
export async function readCheckTerms(source: CheckSource, now: Now): Promise<CheckTerms> {
  const configs = await collect(source.entries(ipamConfigs))
  const informations = await collect(source.entries(clusterInformations))
  const stored = await collect(source.entries(pools))
  const reserved = await collect(source.entries(reservations))
  const registered = await collect(source.entries(nodes))
  const policies = await collect(source.entries(accessPolicies))
  const readable = valuesOf(stored)
  return {
    now,
    pools: readable.map(({ value }) => value),
    arePoolsComplete: readable.length === stored.length,
    nodes: new Set(registered.map(({ key }) => key.slice(nodes.prefix.length))),
    tunnels: new Map(
      valuesOf(registered).map(({ key, revision, value }) => [
        value.name,
        { key, revision, addresses: value.tunnelAddresses },
      ]),
    ),
    findings: [
      ...[configs, informations, stored, reserved, registered].flatMap((entries) => checkReadable(entries)),
      ...checkReadable(policies, 'It allows nothing until then.'),
      ...valuesOf(configs).flatMap(checkConfig),
      ...readable.flatMap(checkPoolFields),
      ...readable.flatMap(checkSelectors),
      ...checkOverlaps(readable),
      ...valuesOf(reserved).flatMap(checkReservation),
    ],
  }
}

/** Reports an entry whose value cannot be read; `consequence` is a sentence that follows. */
export function reportUnreadable(entry: Extract<Listed<unknown>, { kind: 'unreadable' }>, consequence = ''): Finding {
  const message = `The value cannot be read: ${entry.problem}. Correct the value, or delete the key. ${consequence}`
  return newFinding('Unreadable', entry, message.trimEnd())
}

async function collect<Value>(pages: AsyncIterable<readonly Listed<Value>[]>): Promise<readonly Listed<Value>[]> {
  const all: Listed<Value>[] = []
  for await (const page of pages) all.push(...page)
  return all
}

function valuesOf<Value>(entries: readonly Listed<Value>[]): readonly ReadableEntry<Value>[] {
  return entries.filter((entry): entry is ReadableEntry<Value> => entry.kind === 'value')
}

function checkReadable(entries: readonly Listed<unknown>[], consequence?: string): readonly Finding[] {
  return entries.flatMap((entry) => (entry.kind === 'unreadable' ? [reportUnreadable(entry, consequence)] : []))
}

/** Checks the rules that Calico applies when it writes these settings. @see docs/calico/ipam.md section 7 */
function checkConfig(entry: ReadableEntry<IpamConfig>): readonly Finding[] {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost, ipCooldownSeconds } = entry.value
  const problems = [
    ...(strictAffinity || autoAllocateBlocks
      ? []
      : ['strict_affinity and auto_allocate_blocks are both off, so no node ever gets a block; switch one of them on']),
    ...(maxBlocksPerHost > 0 && !strictAffinity
      ? ['maxBlocksPerHost is set and strict_affinity is off; switch strict_affinity on, or set maxBlocksPerHost to 0']
      : []),
    ...(maxBlocksPerHost >= 0 && maxBlocksPerHost <= 1_000_000
      ? []
      : [`maxBlocksPerHost is ${maxBlocksPerHost}; it must be 0 to 1000000`]),
    ...(ipCooldownSeconds >= 0 && ipCooldownSeconds <= 1_200
      ? []
      : [`ipCooldownSeconds is ${ipCooldownSeconds}; it must be 0 to 1200`]),
  ]
  return problems.map((problem) => newFinding('ConfigContradictory', entry, `${problem}.`))
}

function checkPoolFields(entry: ReadableEntry<Pool>): readonly Finding[] {
  return entry.value.invalidFields.map(({ field, problem }) => {
    const message = `${problem}. Until it is corrected, the pool assigns no addresses.`
    return newFinding('PoolFieldInvalid', { ...entry, subject: field }, message)
  })
}

function checkSelectors(entry: ReadableEntry<Pool>): readonly Finding[] {
  const { nodeSelector, namespaceSelector } = entry.value
  const named: readonly (readonly [string, PoolSelector])[] = [
    ['nodeSelector', nodeSelector],
    ['namespaceSelector', namespaceSelector],
  ]
  return named.flatMap(([name, selector]) =>
    selector.ok ? [] : [newFinding('SelectorInvalid', { ...entry, subject: name }, `${name}: ${selector.problem}.`)],
  )
}

/** Reports each pair of pools that overlap, under the pool that is later in name order. */
function checkOverlaps(pools: readonly ReadableEntry<Pool>[]): readonly Finding[] {
  return pools.flatMap((entry, index) =>
    pools.slice(0, index).flatMap(({ value: other }) => {
      if (!overlaps(other.cidr, entry.value.cidr)) return []
      const message = `${formatCidr(entry.value.cidr)} shares addresses with ${formatCidr(other.cidr)} of the pool ${other.name}; pools should not overlap.`
      return [newFinding('PoolsOverlap', { ...entry, subject: other.name }, message)]
    }),
  )
}

function checkReservation(entry: ReadableEntry<Reservation>): readonly Finding[] {
  const spec = entry.value.object['spec']
  const entries = isJsonObject(spec) && isJsonArray(spec['reservedCIDRs']) ? spec['reservedCIDRs'] : []
  return entries.flatMap((text) => {
    const given = typeof text === 'string' ? text.trim() : ''
    if (given === '' || parseAddressOrCidr(given) !== undefined) return []
    const message = `${JSON.stringify(text)} reserves nothing, because it is neither a CIDR nor an address.`
    return [newFinding('ReservationEntryInvalid', { ...entry, subject: given }, message)]
  })
}
