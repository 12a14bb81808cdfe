import {
  type Attribute,
  attributeOf,
  blockKey,
  nodeKey,
  type WorkloadEndpoint,
  workloadEndpoints,
} from '../../model/index.ts'
import { type Address, ordinalOf } from '../../net/index.ts'
import {
  answerOnly,
  type Key,
  type Plan,
  remove,
  type View,
  type Write,
  type Result,
  success,
} from '../../plan/index.ts'
import { isTunnelHandle } from '../calico-purpose.ts'
import { locateBlock } from '../locate.ts'
import type { Context } from '../request.ts'
import { readPools } from '../surroundings.ts'
import { planRelease } from './release.ts'

/** What one step of taking down a node came to. */
export interface TakeDownStep {
  /** How many of the endpoints, from the first one on, are dealt with. */
  readonly settledCount: number
  /** Whether all of them are, and the tunnels too. */
  readonly isComplete: boolean
}

/** Addresses that one step releases: each may need its block, its handle, its node and its claim, of the 128 keys of a transaction. */
const addressesPerStep = 24

/** Endpoints that one step deletes, besides. */
const endpointsPerStep = 24

/**
 * One step of taking down a node that is to be deleted: its workload endpoints, given by their keys, go with the addresses that they
 * use, and then the addresses of its tunnels are released. To be called again, without the endpoints that are settled, until it is
 * complete.
 * An endpoint may be older than the assignment of its address: one whose holder does not name the same node and pod is left alone.
 * @see docs/calico/formats.md section 4.3, Delete
 */
export function planTakeDownNode(
  view: View,
  node: string,
  endpoints: readonly string[],
  context: Context,
): Plan<Result<TakeDownStep>> {
  const some = endpoints.slice(0, endpointsPerStep).map((text) => ({ family: workloadEndpoints, text }))
  view.prefetch(some)
  const found = some.map((key) => ({ key, endpoint: endpointOn(view, node, key) }))
  const stored = view.get(nodeKey(node))
  const tunnels = stored.kind === 'value' ? stored.value.tunnelAddresses : []
  const holders = new Holders(view, context)
  holders.prefetch([...found.flatMap(({ endpoint }) => endpoint?.addresses ?? []), ...tunnels])

  const released: Address[] = []
  const removed: Write[] = []
  /** Takes as many as there is room for; whether that is all. */
  const take = (addresses: readonly Address[]): boolean => {
    const room = addressesPerStep - released.length
    released.push(...addresses.slice(0, room))
    return addresses.length <= room
  }
  let settledCount = 0
  for (const { key, endpoint } of found) {
    if (endpoint !== undefined) {
      if (!take(endpoint.addresses.filter((address) => isOf(holders.of(address), endpoint)))) break
      removed.push(remove(key))
    }
    settledCount++
  }
  const isComplete =
    settledCount === endpoints.length &&
    take(tunnels.filter((address) => isTunnelHandle(holders.of(address)?.handle ?? '', node)))
  const { answer, writes } = planRelease(
    view,
    released.map((address) => ({ address })),
    context,
  )
  if (!answer.ok) return answerOnly(answer)
  return { answer: success({ settledCount, isComplete }), writes: [...writes, ...removed] }
}

/** What is stored as an endpoint, if it can be read and is on this node. */
function endpointOn(view: View, node: string, key: Key<WorkloadEndpoint>): WorkloadEndpoint | undefined {
  const lookup = view.get(key)
  return lookup.kind === 'value' && lookup.value.node === node ? lookup.value : undefined
}

/** Whether an address is held for the workload of this endpoint, by what its holder says. */
function isOf(holder: Attribute | undefined, { node, namespace, pod }: WorkloadEndpoint): boolean {
  const said = holder?.releasedAt === undefined ? holder?.secondary : undefined
  if (said === undefined || said['node'] !== node || said['pod'] !== pod) return false
  return pod === undefined || said['namespace'] === namespace
}

/** Who holds which address. */
class Holders {
  readonly #view: View
  readonly #locate: (address: Address) => ReturnType<typeof locateBlock>

  constructor(view: View, context: Context) {
    const pools = readPools(view)
    this.#view = view
    this.#locate = (address) => locateBlock(view, pools, address, context.blocks)
  }

  prefetch(addresses: readonly Address[]): void {
    this.#view.prefetch(addresses.flatMap((address) => this.#locate(address) ?? []).map(blockKey))
  }

  /** Undefined when nobody does, or nobody can tell. */
  of(address: Address): Attribute | undefined {
    const cidr = this.#locate(address)
    const lookup = cidr === undefined ? undefined : this.#view.get(blockKey(cidr))
    return lookup?.kind === 'value' ? attributeOf(lookup.value, ordinalOf(lookup.value.cidr, address)) : undefined
  }
}
