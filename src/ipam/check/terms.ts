import {
  clusterInformations,
  type ClusterInformation,
  ipamConfigs,
  type IpamConfig,
  isJsonArray,
  isJsonObject,
  type Node,
  nodes,
  type Now,
  type Pool,
  pools,
  type PoolSelector,
  reservations,
  type Reservation,
} from '../../model/index.ts'
import { type Address, formatCidr, overlaps, parseAddressOrCidr } from '../../net/index.ts'
import type { Listed, Revision } from '../../plan/index.ts'
import { type Finding, finding } from './finding.ts'
import type { CheckSource } from './source.ts'

/** What blocks and handles are checked against: everything that there is little of. */
export interface CheckTerms {
  readonly now: Now
  /** Those that can be read, in the order of their names. */
  readonly pools: readonly Pool[]
  /** Whether the pools are all there are: where another one cannot be read, a block may lie in that. */
  readonly arePoolsComplete: boolean
  /** The names of all nodes, readable or not; when there are none, nodes are not registered here. */
  readonly nodes: ReadonlySet<string>
  /** The tunnels of every node that can be read, by its name. */
  readonly tunnels: ReadonlyMap<string, Tunnels>
  /** What is wrong with what was read. */
  readonly findings: readonly Finding[]
}

/** The tunnels of a node, which may be none. */
export interface Tunnels {
  readonly key: string
  readonly revision: Revision
  readonly addresses: readonly Address[]
}

/** Reads everything that there is little of. */
export async function readTerms(source: CheckSource, now: Now): Promise<CheckTerms> {
  const configs = await collect(source.entries(ipamConfigs))
  const informations = await collect(source.entries(clusterInformations))
  const stored = await collect(source.entries(pools))
  const reserved = await collect(source.entries(reservations))
  const registered = await collect(source.entries(nodes))
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
      ...[configs, informations, stored, reserved, registered].flatMap((entries) => unreadableAmong(entries)),
      ...valuesOf(configs).flatMap(configFindings),
      ...readable.flatMap(selectorFindings),
      ...overlapFindings(readable),
      ...valuesOf(reserved).flatMap(reservationFindings),
    ],
  }
}

/** What a listing says of a value that can be read. */
type Readable<Value> = Extract<Listed<Value>, { kind: 'value' }>

/** What cannot be read. */
export function unreadable(entry: Extract<Listed<unknown>, { kind: 'unreadable' }>): Finding {
  return finding('Unreadable', entry, `The value cannot be read: ${entry.problem}. Write it anew, or delete the key.`)
}

async function collect<Value>(pages: AsyncIterable<readonly Listed<Value>[]>): Promise<readonly Listed<Value>[]> {
  const all: Listed<Value>[] = []
  for await (const page of pages) all.push(...page)
  return all
}

function valuesOf<Value>(entries: readonly Listed<Value>[]): readonly Readable<Value>[] {
  return entries.filter((entry): entry is Readable<Value> => entry.kind === 'value')
}

function unreadableAmong(
  entries: readonly Listed<IpamConfig | ClusterInformation | Pool | Reservation | Node>[],
): readonly Finding[] {
  return entries.flatMap((entry) => (entry.kind === 'unreadable' ? [unreadable(entry)] : []))
}

/** The rules between settings that Calico has when it writes them. @see docs/calico/ipam.md section 7 */
function configFindings(entry: Readable<IpamConfig>): readonly Finding[] {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost, ipCooldownSeconds } = entry.value
  const problems = [
    ...(strictAffinity || autoAllocateBlocks
      ? []
      : ['strict_affinity and auto_allocate_blocks are both off, so that no node ever gets a block; switch one on']),
    ...(maxBlocksPerHost > 0 && !strictAffinity
      ? ['maxBlocksPerHost is set without strict_affinity; switch that on, or set it to 0']
      : []),
    ...(maxBlocksPerHost >= 0 && maxBlocksPerHost <= 1_000_000
      ? []
      : [`maxBlocksPerHost is ${String(maxBlocksPerHost)}; give 0 to 1000000`]),
    ...(ipCooldownSeconds >= 0 && ipCooldownSeconds <= 1_200
      ? []
      : [`ipCooldownSeconds is ${String(ipCooldownSeconds)}; give 0 to 1200`]),
  ]
  return problems.map((problem) => finding('ConfigContradictory', entry, `${problem}.`))
}

function selectorFindings(entry: Readable<Pool>): readonly Finding[] {
  const { nodeSelector, namespaceSelector } = entry.value
  const named: readonly (readonly [string, PoolSelector])[] = [
    ['nodeSelector', nodeSelector],
    ['namespaceSelector', namespaceSelector],
  ]
  return named.flatMap(([name, selector]) =>
    selector.ok ? [] : [finding('SelectorInvalid', { ...entry, subject: name }, `${name}: ${selector.problem}.`)],
  )
}

/** Told of the later one in the order of names, once for each earlier one. */
function overlapFindings(pools: readonly Readable<Pool>[]): readonly Finding[] {
  return pools.flatMap((entry, index) =>
    pools.slice(0, index).flatMap(({ value: other }) => {
      if (!overlaps(other.cidr, entry.value.cidr)) return []
      const message = `${formatCidr(entry.value.cidr)} shares addresses with ${formatCidr(other.cidr)} of the pool ${other.name}; pools should be disjoint.`
      return [finding('PoolsOverlap', { ...entry, subject: other.name }, message)]
    }),
  )
}

function reservationFindings(entry: Readable<Reservation>): readonly Finding[] {
  const spec = entry.value.object['spec']
  const entries = isJsonObject(spec) && isJsonArray(spec['reservedCIDRs']) ? spec['reservedCIDRs'] : []
  return entries.flatMap((text) => {
    const given = typeof text === 'string' ? text.trim() : ''
    if (given === '' || parseAddressOrCidr(given) !== undefined) return []
    const message = `${JSON.stringify(text)} reserves nothing; give a CIDR or an address.`
    return [finding('ReservationEntryInvalid', { ...entry, subject: given }, message)]
  })
}
