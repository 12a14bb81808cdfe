import assert from 'node:assert/strict'
import { type Rights, unlimited } from '../../src/access/index.ts'
import {
  type AssignAnswer,
  type AssignRequest,
  type EnsureAnswer,
  type EnsureEachAnswer,
  type IpamContext,
  planAssign,
  planEnsure,
  planEnsureEach,
  planRelease,
  planReleaseHandle,
  type ReleaseAnswer,
  type ReleaseItem,
} from '../../src/ipam/index.ts'
import {
  type Block,
  BlockIndex,
  blockKey,
  blocks as blockFamily,
  handleKey,
  ipamConfigKey,
  nodeKey,
  poolKey,
  reservationKey,
} from '../../src/model/index.ts'
import { formatAddress, mustParseAddress, mustParseCidr } from '../../src/net/index.ts'
import type { Key, Plan, Revision, Cause, Refusal, Result, Step } from '../../src/plan/index.ts'
import { FakeView } from './fake-view.ts'

/** When the stories of the tests begin, 2026-11-23T04:00:00.123456789Z: the S of docs/calico/formats.md section 7. */
export const S = 1_795_406_400_123_456_789n

/** The prefixes of the keys that assigning and releasing change. */
export const blockPrefix = '/calico/ipam/v2/assignment/ipv4/block/'
export const handlePrefix = '/calico/ipam/v2/handle/'
const hostPrefix = '/calico/ipam/v2/host/'

/** The part of a request that a test cares about. By default: one IPv4 address for the handle `h`. */
export type Wish = Partial<Omit<AssignRequest, 'addresses' | 'counts'>> & {
  readonly ipv4?: number
  readonly ipv6?: number
  readonly addresses?: readonly string[]
}

/** An address to hold, by the handle `h` unless it is given. */
export type WantedByText = { readonly address: string } & Partial<Pick<AssignRequest, 'handle' | 'node' | 'attributes'>>

/** A complete request. */
export function requestOf({ ipv4, ipv6 = 0, addresses = [], ...rest }: Wish = {}): AssignRequest {
  const isCounted = ipv4 === undefined && ipv6 === 0 && addresses.length === 0
  return {
    handle: 'h',
    node: undefined,
    counts: { 4: ipv4 ?? (isCounted ? 1 : 0), 6: ipv6 },
    addresses: addresses.map(mustParseAddress),
    pools: [],
    use: undefined,
    namespaceLabels: {},
    attributes: {},
    maxBlocksPerNode: 0,
    partial: false,
    ...rest,
  }
}

/** A datastore with its index of blocks and a clock, in which plans are carried out as the engine would. */
export class World {
  readonly view = new FakeView()
  readonly blocks = new BlockIndex()
  nanoseconds = S
  /** The reads of the last plan, as its commit compared them. */
  lastReads: ReadonlySet<string> = new Set()
  /** Keys that were written and that the index of blocks has not been told of, while it is held back. */
  #untold: Set<string> | undefined

  /** What the caller may do; everything unless it is set. */
  rights: Rights = unlimited

  /** Whether anything is charged to quotas; upkeep alone gives back unless it is set. */
  charges: IpamContext['charges']

  get context(): IpamContext {
    const { blocks, charges, rights } = this
    return { now: { nanoseconds: this.nanoseconds }, blocks, charges, rights }
  }

  passSeconds(seconds: number): void {
    this.nanoseconds += BigInt(seconds) * 1_000_000_000n
  }

  /** Stores a pool with these fields of its spec beside the CIDR. */
  pool(name: string, cidr: string, spec: object = {}, rest: { metadata?: object; status?: object } = {}): Revision {
    const metadata = { name, ...rest.metadata }
    const object = { kind: 'IPPool', metadata, spec: { cidr, ...spec }, status: rest.status }
    return this.put(poolKey(name).text, JSON.stringify(object))
  }

  node(name: string, labels: Readonly<Record<string, string>>): void {
    this.put(nodeKey(name).text, JSON.stringify({ kind: 'Node', metadata: { name, labels }, spec: {} }))
  }

  /** Stores a reservation, called by its first CIDR. */
  reserve(...reservedCIDRs: readonly string[]): void {
    const name = (reservedCIDRs[0] ?? 'none').replaceAll(/[^a-z0-9]/g, '-')
    this.put(reservationKey(name).text, JSON.stringify({ metadata: { name }, spec: { reservedCIDRs } }))
  }

  config(fields: object): void {
    this.put(ipamConfigKey.text, JSON.stringify({ auto_allocate_blocks: true, ...fields }))
  }

  lockCluster(): void {
    const key = '/calico/resources/v3/projectcalico.org/clusterinformations/default'
    this.put(key, JSON.stringify({ metadata: { name: 'default' }, spec: { datastoreReady: false } }))
  }

  /** Stores a block as another program would. */
  block(cidr: string, affinity: string | null, fields: object = {}): void {
    const size = 2 ** ((cidr.includes(':') ? 128 : 32) - Number(cidr.split('/')[1]))
    const block = {
      cidr,
      affinity,
      allocations: Array.from({ length: size }, () => null),
      unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
      attributes: null,
      sequenceNumber: 100,
      sequenceNumberForAllocation: {},
      ...fields,
    }
    this.put(this.blockKey(cidr).text, JSON.stringify(block))
  }

  /** Stores a full block, all of it held by the handle `other`. */
  fullBlock(cidr: string, affinity: string | null): void {
    const size = 2 ** ((cidr.includes(':') ? 128 : 32) - Number(cidr.split('/')[1]))
    const allocations = Array.from({ length: size }, () => 0)
    this.block(cidr, affinity, { allocations, unallocated: [], attributes: [{ handle_id: 'other' }] })
  }

  /** Stores the claim of a host on a block. */
  claim(host: string, cidr: string, state = 'confirmed'): void {
    this.put(this.claimKey(host, cidr), JSON.stringify({ state, deleted: false }))
  }

  handle(name: string, counts: Readonly<Record<string, number>>): void {
    this.put(handleKey(name).text, JSON.stringify({ block: counts, deleted: false }))
  }

  /** Stores any text under any key. */
  put(key: string, text: string): Revision {
    const revision = this.view.putText(key, text)
    this.#index(key)
    return revision
  }

  remove(key: string): void {
    this.view.remove(key)
    this.#index(key)
  }

  /** Carries out a plan as the engine does: only if every key that is written has been read, and is written once. */
  commit<Answer>(plan: Plan<Answer>): Answer {
    const keys = plan.writes.map(({ key }) => key.text)
    assert.equal(new Set(keys).size, keys.length, `written twice: ${keys.join(' ')}`)
    for (const key of keys) assert(this.view.reads.has(key), `${key} is written unread`)
    this.lastReads = new Set(this.view.reads)
    const answer = this.view.apply(plan)
    for (const key of keys) {
      if (this.#untold === undefined) this.#index(key)
      else this.#untold.add(key)
    }
    return answer
  }

  assign(wish: Wish = {}): Result<AssignAnswer> {
    return this.#carryOut(() => planAssign(this.view, requestOf(wish), this.context))
  }

  /** Makes sure that a handle holds addresses; with `isExact` no others. */
  ensure(wish: Wish, isExact = false): Result<EnsureAnswer> {
    return this.#carryOut(() => planEnsure(this.view, requestOf(wish), this.context, { isExact }))
  }

  /** Makes sure that addresses are held, each by a holder of its own. */
  ensureEach(...wanted: WantedByText[]): Result<EnsureEachAnswer> {
    const parsed = wanted.map(({ address, handle = 'h', node, attributes = {} }) => {
      return { address: mustParseAddress(address), handle, node, attributes }
    })
    return this.#carryOut(() => planEnsureEach(this.view, parsed, this.context))
  }

  release(items: readonly ReleaseItem[]): Result<ReleaseAnswer> {
    return this.#carryOut(() => planRelease(this.view, items, this.context))
  }

  /** One step of releasing a handle. */
  releaseHandle(handle: string, position = ''): Result<Step<ReleaseAnswer>> {
    return this.#carryOut(() => planReleaseHandle(this.view, handle, position, this.context))
  }

  /** From now on operations are those of one batch: the index learns of none of their writes until {@link endBatch}. */
  beginBatch(): void {
    this.#untold ??= new Set()
  }

  get isInBatch(): boolean {
    return this.#untold !== undefined
  }

  endBatch(): void {
    for (const key of this.#untold ?? []) this.#index(key)
    this.#untold = undefined
  }

  /** Assigns, and gives the addresses as text; of a refusal its reason and the reasons of its causes. */
  take(wish: Wish = {}): readonly string[] {
    const assigned = this.assign(wish)
    return assigned.ok
      ? assigned.value.addresses.map(({ address }) => formatAddress(address))
      : reasonsOf(assigned.refusal)
  }

  /** Releases addresses, and gives what became of each, as text. */
  give(...addresses: readonly (string | (Omit<ReleaseItem, 'address'> & { readonly address: string }))[]): {
    readonly released: readonly string[]
    readonly unallocated: readonly string[]
    readonly failed: readonly string[]
  } {
    const items = addresses.map((item) =>
      typeof item === 'string'
        ? { address: mustParseAddress(item) }
        : { ...item, address: mustParseAddress(item.address) },
    )
    const released = this.release(items)
    assert(released.ok)
    return printRelease(released.value)
  }

  /** A block as it is stored, without collecting garbage as a plan does. */
  stored(cidr: string): Block | undefined {
    const lookup = this.view.get(this.blockKey(cidr))
    return lookup.kind === 'value' ? lookup.value : undefined
  }

  /** The state of the claim of a host on a block; undefined when there is none. */
  claimState(host: string, cidr: string): string | undefined {
    return this.view.text(this.claimKey(host, cidr))?.match(/"state":"([^"]*)"/)?.[1]
  }

  /** The text of a handle's counts; undefined when there is no such handle. */
  counts(handle: string): string | undefined {
    return this.view.text(handleKey(handle).text)?.match(/"block":(\{[^}]*\})/)?.[1]
  }

  blockKey(cidr: string): Key<Block> {
    return blockKey(mustParseCidr(cidr))
  }

  claimKey(host: string, cidr: string): string {
    return `${hostPrefix}${host}/ipv${cidr.includes(':') ? '6' : '4'}/block/${cidr.replace('/', '-')}`
  }

  /** Everything that is stored, key by key. */
  dump(prefix = '/'): readonly (readonly [key: string, text: string | undefined])[] {
    return this.view.keys(prefix).map((key) => [key, this.view.text(key)] as const)
  }

  #carryOut<Answer>(plan: () => Plan<Answer>): Answer {
    this.view.reads.clear()
    const planned = plan()
    // The engine believes a plan that writes nothing only once what it consulted is known as it is.
    if (planned.writes.length > 0 || this.#untold === undefined) return this.commit(planned)
    this.endBatch()
    return this.#carryOut(plan)
  }

  #index(key: string): void {
    if (!key.startsWith('/calico/ipam/v2/assignment/')) return
    // Not by the view, so that the index does not count as a read of the plan.
    const text = this.view.text(key)
    const decoded = text === undefined ? undefined : blockFamily.decode(key, text)
    if (decoded === undefined) this.blocks.changed(key, { kind: 'absent' })
    else this.blocks.changed(key, decoded.ok ? { kind: 'value', value: decoded.value } : { kind: 'unreadable' })
  }
}

/** The reason of a refusal, then `field reason` of each cause. */
export function reasonsOf({ reason, causes }: Refusal): readonly string[] {
  return [reason, ...causes.map((cause: Cause) => `${cause.field} ${cause.reason}`)]
}

/** The result of a release, as text. */
export function printRelease({ released, unallocated, failed }: ReleaseAnswer): {
  readonly released: readonly string[]
  readonly unallocated: readonly string[]
  readonly failed: readonly string[]
} {
  return {
    released: released.map(formatAddress),
    unallocated: unallocated.map(formatAddress),
    failed: failed.map(({ address, reason }) => `${formatAddress(address)} ${reason}`),
  }
}
