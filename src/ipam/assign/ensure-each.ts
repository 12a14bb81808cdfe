import {
  attributeOf,
  blockKey,
  blocks as blockFamily,
  handleOf,
  normalizeHandleId,
  pools as poolFamily,
} from '../../model/index.ts'
import { type Address, type Cidr, formatAddress, hostCidr, ordinalOf } from '../../net/index.ts'
import {
  answerOnly,
  type Cause,
  listSome,
  type Plan,
  type Reason,
  type Refusal,
  refuse,
  type Result,
  success,
  type View,
} from '../../plan/index.ts'
import { allocationOf, printHolderAttributes } from '../allocation.ts'
import { Draft } from '../draft.ts'
import { assigning, reachOf, reading } from '../reach.ts'
import type { Allocation, AssignRequest, IpamContext } from '../request.ts'
import { locateBlock, type Pools, poolOf, readConfig, readPools, requireUnlocked } from '../surroundings.ts'
import { Allowance } from './allowance.ts'
import { hostFor, requireHandle } from './assignment.ts'
import { assignNamed } from './named.ts'

/** An address, and who is to hold it. */
export type WantedAddress = Pick<AssignRequest, 'handle' | 'node' | 'attributes'> & { readonly address: Address }

/** Addresses that are held as a request wants. */
export interface EnsureEachAnswer {
  /** In the order of the request. */
  readonly addresses: readonly Allocation[]
  /** Those that the call has assigned; the others were held in the same way before. */
  readonly assigned: readonly Address[]
}

/** An address of a request, and its place there. */
interface Item {
  readonly index: number
  readonly wanted: WantedAddress
  /** Its block, if there is one or a pool could make it. */
  readonly cidr: Cidr | undefined
}

/**
 * Makes sure that each address is held by its handle, with its node and attributes: all of them, or nothing changes. An address that is
 * held in this way already stays as it is, so the call can be made any number of times. Follows the rules of addresses that an assign
 * names, and claims no new block for a node, except under strict affinity, which needs it. Refused with a cause for each address that
 * cannot be held so: `AddressInUse` if somebody else holds one of them, or the same handle with other attributes.
 */
export function planEnsureEach(
  view: View,
  wanted: readonly WantedAddress[],
  context: IpamContext,
): Plan<Result<EnsureEachAnswer>> {
  const ensured = ensureInDraft(view, wanted, context)
  if (ensured.ok) {
    const { draft, ...answer } = ensured.value
    return { answer: success(answer), writes: draft.writes() }
  }
  // A deletion can make a refusal wrong, and no listing shows deletions.
  for (const family of [poolFamily, blockFamily]) view.consult(family)
  return answerOnly(ensured)
}

function ensureInDraft(
  view: View,
  wanted: readonly WantedAddress[],
  context: IpamContext,
): Result<EnsureEachAnswer & { readonly draft: Draft }> {
  const unlocked = requireUnlocked(view)
  if (!unlocked.ok) return unlocked
  const config = readConfig(view)
  if (!config.ok) return config
  for (const handle of new Set(wanted.map(({ handle }) => handle))) {
    const allowed = requireHandle(view, { handle }, context)
    if (!allowed.ok) return allowed
  }
  const draft = new Draft(view, context.now, config.value.ipCooldownSeconds)
  const pools = readPools(view)
  const items = wanted.map((one, index) => {
    return { index, wanted: one, cidr: locateBlock(view, pools, one.address, context.blocks) }
  })
  view.prefetch(items.flatMap(({ cidr }) => (cidr === undefined ? [] : [blockKey(cidr)])))

  const allocations = new Map<number, Allocation>()
  const causes = new Map<number, Cause>()
  const missing: Item[] = []
  for (const item of items) {
    const found = findHolding(draft, pools, item, context)
    if (found === undefined) missing.push(item)
    else if (found.ok) allocations.set(item.index, found.value)
    else for (const cause of found.refusal.causes) causes.set(item.index, cause)
  }
  const reasons = new Set<Reason>(causes.size > 0 ? ['AddressInUse'] : [])
  for (const { holder, items: ofHolder } of groupByHolder(missing)) {
    const { blocks, rights } = context
    const request = requestFor(holder, ofHolder)
    const host = config.value.strictAffinity ? hostFor(request) : undefined
    const allowance = new Allowance(rights, view, holder.handle, draft.ledger)
    const assigned = assignNamed({ draft, request, config: config.value, blocks, rights, allowance, host }, pools)
    const indices = ofHolder.map(({ index }) => index)
    if (assigned.ok) {
      for (const [place, index] of indices.entries()) {
        const allocation = assigned.value[place]
        if (allocation !== undefined) allocations.set(index, allocation)
      }
    } else if (assigned.refusal.reason === 'Forbidden') {
      return assigned
    } else {
      reasons.add(assigned.refusal.reason)
      for (const [index, cause] of causesOf(assigned.refusal, indices)) causes.set(index, cause)
    }
  }
  if (causes.size > 0) return refuseAll(reasons, causes)
  return success({
    draft,
    addresses: [...allocations].sort(([one], [other]) => one - other).map(([, allocation]) => allocation),
    assigned: missing.map(({ wanted: { address } }) => address),
  })
}

/**
 * Finds the address if the wanted handle holds it; refused with a cause if it does so with another node or other attributes. Undefined if
 * the handle does not hold it, or the caller may not know that.
 */
function findHolding(
  draft: Draft,
  pools: Pools,
  { index, wanted, cidr }: Item,
  { rights }: IpamContext,
): Result<Allocation> | undefined {
  const { address } = wanted
  const found = cidr === undefined ? undefined : draft.block(cidr)
  if (found?.kind !== 'block') return undefined
  const { block } = found
  const ordinal = ordinalOf(block.cidr, address)
  const holder = handleOf(block, ordinal)
  if (holder === undefined || holder !== normalizeHandleId(wanted.handle)) return undefined
  const reach = reachOf(rights, pools, ...reading.addresses, assigning)
  if (!reach.includes(hostCidr(address), holder)) return undefined
  const stored = attributeOf(block, ordinal)?.active ?? {}
  const attributes = printHolderAttributes(wanted)
  if (isSame(stored, attributes)) return success(allocationOf(block, ordinal, poolOf(pools, address)?.name))
  const message = `${formatAddress(address)} is held by the handle ${JSON.stringify(holder)} already, with the attributes ${print(stored)} instead of ${print(attributes)}`
  return refuse('AddressInUse', message, [{ field: fieldAt(index), reason: 'OwnerMismatch', message }])
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  return print(one) === print(other)
}

function print(attributes: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** The addresses of a request that one holder is to have. */
interface Group {
  readonly holder: WantedAddress
  readonly items: Item[]
}

function groupByHolder(items: readonly Item[]): Iterable<Group> {
  const groups = new Map<string, Group>()
  for (const item of items) {
    const { wanted: holder } = item
    const name = JSON.stringify([holder.handle, print(printHolderAttributes(holder))])
    const group = groups.get(name) ?? { holder, items: [] }
    group.items.push(item)
    groups.set(name, group)
  }
  return groups.values()
}

function requestFor({ handle, node, attributes }: WantedAddress, items: readonly Item[]): AssignRequest {
  return {
    handle,
    node,
    attributes,
    addresses: items.map(({ wanted: { address } }) => address),
    counts: { 4: 0, 6: 0 },
    pools: [],
    use: undefined,
    namespaceLabels: {},
    maxBlocksPerNode: 0,
    partial: false,
  }
}

/**
 * The causes of a refused group by the places of their addresses among all. What is wrong with no certain address is wrong with each. One
 * that is invalid lies in no pool that could have it.
 */
function causesOf(
  { reason: whole, message, causes }: Refusal,
  indices: readonly number[],
): readonly (readonly [index: number, cause: Cause])[] {
  const places = new Map(indices.map((index, place) => [fieldAt(place), index]))
  const ofAddresses = causes.flatMap((cause) => {
    const index = places.get(cause.field)
    if (index === undefined) return []
    const reason = whole === 'Invalid' ? 'NoPool' : cause.reason
    return [[index, { ...cause, field: fieldAt(index), reason }] as const]
  })
  if (ofAddresses.length > 0) return ofAddresses
  const reason = causes[0]?.reason ?? 'FieldValueInvalid'
  return indices.map((index) => [index, { field: fieldAt(index), reason, message }] as const)
}

function fieldAt(index: number): string {
  return `addresses[${index}]`
}

function refuseAll(reasons: ReadonlySet<Reason>, causes: ReadonlyMap<number, Cause>): Result<never> {
  const [first = 'Conflict'] = reasons
  const sorted = [...causes].sort(([one], [other]) => one - other).map(([, cause]) => cause)
  const message = `${listSome(sorted.map((cause) => cause.message))}; nothing was assigned.`
  return refuse(reasons.has('AddressInUse') ? 'AddressInUse' : first, message, sorted)
}
