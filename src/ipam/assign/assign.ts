import { blocks as blockFamily, pools as poolFamily, reservations } from '../../model/index.ts'
import { type Address, compareAddresses, formatAddress, type IpFamily } from '../../net/index.ts'
import {
  answerOnly,
  type Plan,
  type View,
  type Cause,
  listSome,
  type Refusal,
  refuse,
  type Result,
  success,
} from '../../plan/index.ts'
import type { Draft } from '../draft.ts'
import { eligiblePools } from '../eligible-pools.ts'
import { readHoldings } from '../read/index.ts'
import type { Allocation, AssignAnswer, AssignRequest, IpamContext } from '../request.ts'
import { readAvailability, readNodeLabels, readPools } from '../surroundings.ts'
import { type Assignment, beginAssignment } from './assignment.ts'
import { assignNamed } from './named.ts'
import { search } from './search.ts'
import { Shortage } from './shortage.ts'

/**
 * Assigns addresses: the requested number of each family, or the named addresses. Assigns all or nothing, unless the request accepts
 * fewer.
 * @see docs/calico/ipam.md sections 1 and 2
 */
export function planAssign(view: View, request: AssignRequest, context: IpamContext): Plan<Result<AssignAnswer>> {
  const assigned = assignInDraft(view, request, context)
  if (!assigned.ok) return answerOnly(assigned)
  const { draft, addresses } = assigned.value
  return { answer: success({ handle: request.handle, addresses }), writes: draft.writes() }
}

/** Addresses that were assigned, and the draft that assigns them. */
export interface Assigned {
  readonly draft: Draft
  readonly addresses: readonly Allocation[]
}

/** Assigns addresses as {@link planAssign} does, in a draft that the rest of a plan can add to. */
export function assignInDraft(view: View, request: AssignRequest, context: IpamContext): Result<Assigned> {
  const begun = beginAssignment(view, request, context)
  if (!begun.ok) return begun
  const capped = capHandle(view, request, context)
  if (!capped.ok) return capped
  const { remaining, again } = capped.value
  const assignment = { ...begun.value, request: remaining }
  const assigned = remaining.addresses.length > 0 ? assignNamed(assignment) : assignCounted(assignment)
  if (!assigned.ok) {
    // A deletion can make a refusal wrong, and no listing shows deletions.
    for (const family of [poolFamily, reservations, blockFamily]) view.consult(family)
    return assigned
  }
  const addresses = again.length === 0 ? assigned.value : sortAsRequested([...again, ...assigned.value], request)
  return success({ draft: assignment.draft, addresses })
}

/** A request whose handle may hold only so many addresses. */
interface CappedRequest {
  /** The part of the request that is still to be assigned. */
  readonly remaining: AssignRequest
  /** Addresses that the handle already holds, and that are answered again. */
  readonly again: readonly Allocation[]
}

/**
 * Keeps a handle within `maxPerHandle` addresses of each family. If a request would exceed it, the handle gets addresses that it
 * already holds, provided that it holds as many as it requests; otherwise the request is refused. So the call can be repeated. It
 * counts the addresses themselves, because the handle's own counts may be too high. @see docs/calico/ipam.md sections 1.10 and 2
 */
function capHandle(view: View, request: AssignRequest, context: IpamContext): Result<CappedRequest> {
  const { maxPerHandle, handle } = request
  if (maxPerHandle === undefined) return success({ remaining: request, again: [] })
  const held = readHoldings(view, handle, context)
  if (!held.ok) return held
  const { named, missing: addresses } = matchNamed(held.value, request)
  const counts = { ...request.counts }
  const again = [...named]
  const causes: Cause[] = []
  for (const family of [4, 6] as const) {
    const ofFamily = held.value.filter(({ address }) => address.family === family)
    const wanted = counts[family] + addresses.filter((address) => address.family === family).length
    if (wanted === 0 || ofFamily.length + wanted <= maxPerHandle) continue
    if (addresses.length > 0 || ofFamily.length < counts[family]) {
      const message = `The handle ${JSON.stringify(handle)} holds ${ofFamily.length} IPv${family} addresses, and may hold ${maxPerHandle}`
      causes.push({ field: 'maxPerHandle', reason: 'HandleLimit', message })
    }
    again.push(...ofFamily.slice(0, counts[family]))
    counts[family] = 0
  }
  if (causes.length > 0) return refuse('Conflict', `${listSome(causes.map(({ message }) => message))}.`, causes)
  return success({ remaining: { ...request, addresses, counts }, again })
}

/** The allocations of the addresses that a request names, and the named addresses that have none. */
export function matchNamed(
  allocations: readonly Allocation[],
  { addresses }: AssignRequest,
): { readonly named: readonly Allocation[]; readonly missing: readonly Address[] } {
  const texts = new Set(addresses.map(formatAddress))
  const named = allocations.filter(({ address }) => texts.has(formatAddress(address)))
  const found = new Set(named.map(({ address }) => formatAddress(address)))
  return { named, missing: addresses.filter((address) => !found.has(formatAddress(address))) }
}

/** In the order in which the request names the addresses; by family, IPv4 first, if it gives counts. */
function sortAsRequested(allocations: readonly Allocation[], { addresses }: AssignRequest): readonly Allocation[] {
  const place = ({ address }: Allocation): number => {
    const named = addresses.findIndex((wanted) => compareAddresses(wanted, address) === 0)
    return named < 0 ? address.family : named
  }
  return allocations.toSorted((one, other) => place(one) - place(other))
}

/** Chooses as many addresses of each family as the request wants. */
function assignCounted(assignment: Assignment): Result<readonly Allocation[]> {
  const { draft, request, config, blocks, rights } = assignment
  const { view } = draft
  const use = request.use ?? 'Workload'
  // Before the plan waits for a commit: what it takes to bring many pools up to the present goes on beside that.
  const stored = readPools(view)
  const terms = readAvailability(view, config.ipCooldownSeconds, draft.now)
  // Requests that agree in this take addresses from the same blocks.
  view.waitWith(
    `${use} ${request.node ?? ''} ${request.counts[4] > 0} ${request.counts[6] > 0} ${request.pools.join()}`,
  )
  // Named pools serve whatever their selectors say, and blocks for load balancers belong to no node.
  const isSelectedByNode = request.pools.length === 0 && use !== 'LoadBalancer'
  const nodeLabels = readNodeLabels(view, isSelectedByNode ? request.node : undefined)
  if (!nodeLabels.ok) return nodeLabels
  const shortage = new Shortage(blocks, terms, config.ipCooldownSeconds)
  const allocations: Allocation[] = []
  const causes: Cause[] = []
  let exhausted: Refusal | undefined
  for (const family of [4, 6] as const) {
    const wanted = request.counts[family]
    if (wanted === 0) continue
    const eligible = eligiblePools(stored, family, request, use, nodeLabels.value, rights)
    if (!eligible.ok) return { ok: false, refusal: shortage.explainRefusal(eligible.refusal, stored.all) }
    const { pools, chosen } = eligible.value
    const found = search({ ...assignment, family, pools, chosen, stored, terms }, wanted)
    allocations.push(...found.allocations)
    if (found.allocations.length === wanted) continue
    exhausted ??= assignment.allowance.refusal(pools, request.counts[4] + request.counts[6])
    if (found.obstacle !== undefined) causes.push(found.obstacle)
    causes.push(...pools.map((pool) => shortage.explainFullPool(pool, found.allocations)))
    causes.push(...shortage.explain(eligible.value.causes, stored.all))
  }
  const wanted = request.counts[4] + request.counts[6]
  const isEnough = allocations.length === wanted || (request.partial && allocations.length > 0)
  if (isEnough) return success(allocations)
  if (exhausted !== undefined) return { ok: false, refusal: exhausted }
  return refuse('InsufficientAddresses', describeShortage(request, allocations), causes)
}

function describeShortage(request: AssignRequest, found: readonly Allocation[]): string {
  const families = ([4, 6] as const).flatMap((family: IpFamily) => {
    const count = found.filter(({ address }) => address.family === family).length
    const wanted = request.counts[family]
    return count < wanted ? [`${count} of ${wanted} IPv${family} addresses`] : []
  })
  const where = request.pools.length === 0 ? '' : ` in ${listSome(request.pools, ', ')}`
  return `Only ${families.join(' and ')} could be found${where}; nothing was assigned.`
}
