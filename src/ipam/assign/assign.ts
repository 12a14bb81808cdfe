import { blocks, type IpamConfig, nanosecondsPerSecond, pools, reservations } from '../../model/index.ts'
import { compareAddresses, type IpFamily } from '../../net/index.ts'
import { answerOnly, type Plan, type View, type Cause, refuse, type Result, success } from '../../plan/index.ts'
import { Draft } from '../draft.ts'
import { eligiblePools } from '../eligible-pools.ts'
import type { Allocation, AssignAnswer, AssignRequest, Context } from '../request.ts'
import { noLabels, readConfig, readNodeLabels, readPools, readReserved, requireUnlocked } from '../surroundings.ts'
import { capHandle } from './handle-cap.ts'
import { assignNamed } from './named.ts'
import { ownerFor } from './owner.ts'
import { Search } from './search.ts'
import { Shortage } from './shortage.ts'

/**
 * Assigns addresses: as many as wanted of each family, or those named; all or nothing unless the request is content with less.
 * @see docs/calico/ipam.md sections 1 and 2
 */
export function planAssign(view: View, request: AssignRequest, context: Context): Plan<Result<AssignAnswer>> {
  const unlocked = requireUnlocked(view)
  if (!unlocked.ok) return answerOnly(unlocked)
  const config = readConfig(view)
  if (!config.ok) return answerOnly(config)
  if (request.hostReserved !== undefined && !config.value.strictAffinity) return answerOnly(refuseLending())
  const capped = capHandle(view, request, context)
  if (!capped.ok) return answerOnly(capped)
  const { request: wish, again } = capped.value
  const draft = new Draft(view, context.now, config.value.ipCooldownSeconds)
  const assigned =
    wish.addresses.length > 0
      ? assignNamed(draft, wish, config.value, context.blocks)
      : assignCounted(draft, wish, config.value, context)
  if (!assigned.ok) {
    // A refusal is true only if nothing has been deleted either, which no listing proves.
    for (const family of [pools, reservations, blocks]) view.consult(family)
    return answerOnly(assigned)
  }
  const addresses = again.length === 0 ? assigned.value : inOrder([...again, ...assigned.value], request)
  return { answer: success({ handle: request.handle, addresses }), writes: draft.writes() }
}

/** As the request names them, or IPv4 first. */
function inOrder(allocations: readonly Allocation[], { addresses }: AssignRequest): readonly Allocation[] {
  const place = ({ address }: Allocation): number => {
    const named = addresses.findIndex((one) => compareAddresses(one, address) === 0)
    return named < 0 ? address.family : named
  }
  return allocations.toSorted((one, other) => place(one) - place(other))
}

/** Hosts that keep addresses of their blocks for themselves, which are those of Windows, cannot use addresses of others' blocks. */
function refuseLending(): Result<never> {
  const message = 'addresses can be reserved for the host only while strict affinity is on'
  return refuse('Conflict', message, [{ field: 'hostReserved', reason: 'StrictAffinity', message }])
}

function assignCounted(
  draft: Draft,
  request: AssignRequest,
  config: IpamConfig,
  context: Context,
): Result<readonly Allocation[]> {
  const { view } = draft
  const use = request.use ?? 'Workload'
  // They take from the same blocks.
  view.waitWith(
    `${use} ${request.node ?? ''} ${request.counts[4] > 0} ${request.counts[6] > 0} ${request.pools.join()}`,
  )
  const stored = readPools(view)
  const reserved = readReserved(view)
  const nodeLabels = use === 'LoadBalancer' ? noLabels : readNodeLabels(view, request.node)
  const cooldown = BigInt(config.ipCooldownSeconds) * nanosecondsPerSecond
  const terms = { reserved, cooledBefore: context.now.nanoseconds - cooldown }
  const shortage = new Shortage(context.blocks, terms, config.ipCooldownSeconds)
  const allocations: Allocation[] = []
  const causes: Cause[] = []
  for (const family of [4, 6] as const) {
    const wanted = request.counts[family]
    if (wanted === 0) continue
    const eligible = eligiblePools(stored, family, request, use, nodeLabels)
    if (!eligible.ok) return { ok: false, refusal: shortage.explainRefusal(eligible.refusal, stored.all) }
    const search = new Search({
      draft,
      request,
      config,
      blocks: context.blocks,
      owner: ownerFor(request.node, use),
      pools: eligible.value.pools,
      chosen: eligible.value.chosen,
      stored,
      family,
      terms,
      shortage,
    })
    const found = search.take(wanted)
    if (found.length < wanted) causes.push(...search.causes(), ...shortage.explain(eligible.value.causes, stored.all))
    allocations.push(...found)
  }
  const wanted = request.counts[4] + request.counts[6]
  const isEnough = allocations.length === wanted || (request.partial && allocations.length > 0)
  return isEnough ? success(allocations) : refuse('InsufficientAddresses', tellShortage(request, allocations), causes)
}

function tellShortage(request: AssignRequest, found: readonly Allocation[]): string {
  const families = ([4, 6] as const).flatMap((family: IpFamily) => {
    const count = found.filter(({ address }) => address.family === family).length
    const wanted = request.counts[family]
    return count < wanted ? [`${String(count)} of ${String(wanted)} IPv${String(family)} addresses`] : []
  })
  return `Only ${families.join(' and ')} could be found; nothing was assigned.`
}
