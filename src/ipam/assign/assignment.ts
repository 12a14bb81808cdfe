import { denied, type Rights } from '../../access/index.ts'
import type { BlockIndex, IpamConfig, AffinityHost } from '../../model/index.ts'
import { refuse, type Result, shorten, success, type View } from '../../plan/index.ts'
import { Draft } from '../draft.ts'
import { assigning, reachOf } from '../reach.ts'
import type { AssignRequest, IpamContext } from '../request.ts'
import { readConfig, readPools, requireUnlocked } from '../surroundings.ts'
import { Allowance } from './allowance.ts'

/** One assignment while it is planned. */
export interface Assignment {
  readonly draft: Draft
  readonly request: AssignRequest
  readonly config: IpamConfig
  readonly blocks: BlockIndex
  /** The rights of the caller. */
  readonly rights: Rights
  /** The number of addresses that the caller may assign. */
  readonly allowance: Allowance
  /** The node, or virtual host, that the assignment claims blocks for; undefined: these blocks get no affinity. */
  readonly host: AffinityHost | undefined
}

/** Refuses a request for a handle to which the caller may assign nothing, in whatever pool. */
export function requireHandle(
  view: View,
  { handle }: Pick<AssignRequest, 'handle'>,
  { rights }: Pick<IpamContext, 'rights'>,
): Result<undefined> {
  if (rights.isUnlimited || reachOf(rights, readPools(view), assigning).touchesHandle(handle)) return success(undefined)
  const what = `addresses to the handle ${JSON.stringify(shorten(handle))}`
  return { ok: false, refusal: denied(rights, assigning, what) }
}

/**
 * Begins an assignment. Refused if the caller may not assign anything to the handle, while the cluster is locked, and if the IPAM
 * configuration rules the request out.
 */
export function beginAssignment(view: View, request: AssignRequest, context: IpamContext): Result<Assignment> {
  const allowed = requireHandle(view, request, context)
  if (!allowed.ok) return allowed
  const unlocked = requireUnlocked(view)
  if (!unlocked.ok) return unlocked
  const config = readConfig(view)
  if (!config.ok) return config
  if (request.hostReserved !== undefined && !config.value.strictAffinity) return refuseHostReserved()
  const draft = new Draft(view, context.now, config.value.ipCooldownSeconds)
  const { blocks, rights } = context
  const allowance = new Allowance(rights, view, request.handle, draft.ledger)
  return success({ draft, request, config: config.value, blocks, rights, allowance, host: hostFor(request) })
}

/** Only Windows hosts reserve addresses of their blocks, and they cannot use addresses of other nodes' blocks. */
function refuseHostReserved(): Result<never> {
  const message = 'addresses can be reserved for the host only while strict affinity is on'
  return refuse('Conflict', message, [{ field: 'hostReserved', reason: 'StrictAffinity', message }])
}

/** Blocks for load balancers belong to the whole cluster, by way of a virtual host. @see docs/calico/ipam.md section 6.6 */
export function hostFor({ node, use }: Pick<AssignRequest, 'node' | 'use'>): AffinityHost | undefined {
  if (use === 'LoadBalancer') return { type: 'virtual', name: 'load-balancer' }
  return node === undefined ? undefined : { type: 'host', name: node }
}
