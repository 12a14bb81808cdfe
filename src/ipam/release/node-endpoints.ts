import { denied } from '../../access/index.ts'
import {
  type Attribute,
  attributeOf,
  blockKey,
  nodeKey,
  type WorkloadEndpoint,
  workloadEndpoints,
} from '../../model/index.ts'
import { type Address, hostCidr, ordinalOf } from '../../net/index.ts'
import {
  answerOnly,
  Budget,
  type Key,
  type Plan,
  remove,
  type Result,
  type Step,
  stepLimits,
  success,
  type View,
  type Write,
} from '../../plan/index.ts'
import { isTunnelHandle } from '../calico-purpose.ts'
import { reachOf, releasing } from '../reach.ts'
import type { IpamContext } from '../request.ts'
import { locateBlock, type Pools, readPools } from '../surroundings.ts'
import { planRelease } from './release.ts'

/** Keys that a released address takes at the most beside its block: its handle, and of a block that goes the node and the affinity. */
const keysBesideBlock = 3

/** Keys that the end of every step reads: the node, the lock and the configuration. */
const keysAtTheEnd = 3

/** Endpoints that one step looks at: so many fit if each has one address. */
const endpointsAtOnce = Math.floor(stepLimits.keys / (2 + keysBesideBlock))

/**
 * One step of removing what uses addresses on a node: its workload endpoints, given by their keys, with their addresses, and then the
 * addresses of its tunnels. A position names an endpoint, or the tunnels after the last of them, and the first of its addresses that is
 * left.
 * An endpoint may be older than the assignment of its address: an address whose attributes do not name the same node and pod stays.
 * Refused with `Forbidden` if the caller may not release one of the addresses.
 * @see docs/calico/formats.md section 4.3, Delete
 */
export function planRemoveEndpoints(
  view: View,
  node: string,
  endpoints: readonly string[],
  position: string,
  context: IpamContext,
): Plan<Result<Step<undefined>>> {
  const budget = new Budget(view)
  const [start = 0, firstAddress = 0] = position === '' ? [] : position.split('/').map(Number)
  const near = endpoints.slice(start, start + endpointsAtOnce).map((text) => ({ family: workloadEndpoints, text }))
  budget.view.prefetch(near)
  const found = near.map((key) => ({ key, endpoint: endpointOn(budget.view, node, key) }))
  const users = new Users(budget.view, context)
  users.prefetch(found.flatMap(({ endpoint }) => endpoint?.addresses ?? []))

  const reach = reachOf(context.rights, users.pools, releasing)
  let isForbidden = false
  const released: Address[] = []
  const removed: Write[] = []
  /** Releases those of the addresses that `isTheirs`; returns how many were dealt with before the step was full. */
  const release = (addresses: readonly Address[], isTheirs: (user: Attribute | undefined) => boolean): number => {
    for (const [count, address] of addresses.entries()) {
      if (!budget.hasRoom(1 + keysBesideBlock * (released.length + 1) + keysAtTheEnd)) return count
      const user = users.of(address)
      if (!isTheirs(user)) continue
      if (!reach.includes(hostCidr(address), user?.handle)) isForbidden = true
      released.push(address)
    }
    return addresses.length
  }
  const finish = (next: string | undefined): Plan<Result<Step<undefined>>> => {
    if (isForbidden) {
      const what = `addresses that workloads and tunnels of ${node} use`
      return answerOnly({ ok: false, refusal: denied(context.rights, releasing, what) })
    }
    const items = released.map((address) => ({ address }))
    const { answer, writes } = planRelease(budget.view, items, context)
    if (!answer.ok) return answerOnly(answer)
    return { answer: success({ answer: undefined, next }), writes: [...writes, ...removed] }
  }
  for (const [offset, { key, endpoint }] of found.entries()) {
    if (endpoint === undefined) continue
    const first = offset === 0 ? firstAddress : 0
    const addresses = endpoint.addresses.slice(first)
    const count = release(addresses, (user) => isOf(user, endpoint))
    if (count < addresses.length) return finish(`${start + offset}/${first + count}`)
    removed.push(remove(key))
  }
  const end = start + found.length
  if (end < endpoints.length) return finish(`${end}/0`)
  const first = found.length === 0 ? firstAddress : 0
  const tunnels = tunnelsOf(budget.view, node).slice(first)
  const count = release(tunnels, (user) => isTunnelHandle(user?.handle ?? '', node))
  return finish(count < tunnels.length ? `${end}/${first + count}` : undefined)
}

function tunnelsOf(view: View, node: string): readonly Address[] {
  const stored = view.get(nodeKey(node))
  return stored.kind === 'value' ? stored.value.tunnelAddresses : []
}

/** The stored endpoint; undefined if it cannot be read, or is on another node. */
function endpointOn(view: View, node: string, key: Key<WorkloadEndpoint>): WorkloadEndpoint | undefined {
  const lookup = view.get(key)
  return lookup.kind === 'value' && lookup.value.node === node ? lookup.value : undefined
}

/** True if the workload of this endpoint uses the address, by the attributes of the address. */
function isOf(user: Attribute | undefined, { node, namespace, pod }: WorkloadEndpoint): boolean {
  const attributes = user?.releasedAt === undefined ? user?.active : undefined
  if (attributes === undefined || attributes['node'] !== node || attributes['pod'] !== pod) return false
  return pod === undefined || attributes['namespace'] === namespace
}

/** Looks up who uses an address. */
class Users {
  readonly pools: Pools
  readonly #view: View
  readonly #locate: (address: Address) => ReturnType<typeof locateBlock>

  constructor(view: View, context: IpamContext) {
    this.pools = readPools(view)
    this.#view = view
    this.#locate = (address) => locateBlock(view, this.pools, address, context.blocks)
  }

  prefetch(addresses: readonly Address[]): void {
    this.#view.prefetch(addresses.flatMap((address) => this.#locate(address) ?? []).map(blockKey))
  }

  /** The stored attributes of the address; undefined if it is free, or its block cannot be read. */
  of(address: Address): Attribute | undefined {
    const cidr = this.#locate(address)
    const lookup = cidr === undefined ? undefined : this.#view.get(blockKey(cidr))
    return lookup?.kind === 'value' ? attributeOf(lookup.value, ordinalOf(lookup.value.cidr, address)) : undefined
  }
}
