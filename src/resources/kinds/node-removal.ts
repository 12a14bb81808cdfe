import {
  affinities,
  type Affinity,
  affinityPrefix,
  type Block,
  blockKey,
  clusterInformationKey,
  collectGarbage,
  defaultIpamConfig,
  formatOwner,
  ipamConfigKey,
  isEmpty,
  type Node,
  nodeKey,
  parseAffinityKey,
  withoutOwner,
} from '../../model/index.ts'
import type { Cidr } from '../../net/index.ts'
import { type Key, put, remove, type View, type Write, type Refusal } from '../../plan/index.ts'
import type { Context, Removal } from '../kind.ts'
import { releasedLengthMax, releasesMax } from './ippool-termination.ts'

/** Claims whose blocks cannot be read, which one step passes over at the most. */
const unreadableMax = 8

/**
 * Deletes a node together with its claims on blocks, as Calico does: a block without an address goes, one with addresses is
 * nobody's from then on. Addresses stay with their owners. Where one transaction does not hold them all, the node stays until the step
 * that comes to the last of them.
 * @see docs/calico/formats.md section 4.3, docs/calico/ipam.md sections 6.4 and 6.5
 */
export function planNodeRemoval(view: View, node: Node, { now }: Pick<Context, 'now'>): Removal<Node> {
  const owner = { type: 'host', name: node.name } as const
  const claims = ([4, 6] as const).flatMap((family) => view.list(affinities, 'created', affinityPrefix(owner, family)))
  const information = view.get(clusterInformationKey)
  if (claims.length > 0 && information.kind === 'value' && !information.value.isDatastoreReady) return locked(node)

  const config = view.get(ipamConfigKey)
  const { ipCooldownSeconds } = config.kind === 'value' ? config.value : defaultIpamConfig
  const load = (block: Block): Block =>
    config.kind === 'unreadable' ? block : collectGarbage(block, now, ipCooldownSeconds)
  view.prefetch(claims.slice(0, releasesMax).flatMap(({ key }) => blockKeysOf(key)))
  const writes: Write[] = []
  let releases = 0
  let unreadable = 0
  let length = 0
  for (const { key } of claims) {
    for (const block of blockKeysOf(key)) {
      if (releases === releasesMax || length > releasedLengthMax) return { kind: 'partly', writes }
      const released = release(view, { family: affinities, text: key }, block, formatOwner(owner), load)
      if (released === undefined && unreadable++ === unreadableMax) return tooManyUnreadable(node)
      if (released === undefined) continue
      releases++
      length += released.reduce((sum, write) => sum + (write.kind === 'put' ? write.encode().length : 0), 0)
      writes.push(...released)
    }
  }
  // Old versions of Calico marked each host that had blocks.
  const marker: Key<unknown> = { family: affinities, text: `${affinities.prefix}${node.name}` }
  const marked = view.get(marker).kind === 'absent' ? [] : [remove(marker)]
  return { kind: 'gone', writes: [...writes, ...marked, remove(nodeKey(node.name))] }
}

/** Takes the claim away, and the block from its owner. Undefined: a block that cannot be read is left alone, with the claim on it. */
function release(
  view: View,
  claim: Key<Affinity>,
  block: Key<Block>,
  affinity: string,
  load: (block: Block) => Block,
): readonly Write[] | undefined {
  const lookup = view.get(block)
  if (lookup.kind === 'unreadable') return undefined
  // Listing it does not prove that it is still there; reading it does.
  view.get(claim)
  const writes = [remove(claim)]
  if (lookup.kind === 'absent' || ![affinity, null].includes(lookup.value.affinity)) return writes
  const current = load(lookup.value)
  if (isEmpty(current)) return [...writes, remove(block)]
  return current.affinity === null ? writes : [...writes, put(block, withoutOwner(current))]
}

function blockKeysOf(claim: string): readonly ReturnType<typeof blockKey>[] {
  const cidr: Cidr | undefined = parseAffinityKey(claim)?.cidr
  return cidr === undefined ? [] : [blockKey(cidr)]
}

function tooManyUnreadable(node: Node): Removal<Node> {
  const message = `Node ${JSON.stringify(node.name)} has claims on more than ${String(unreadableMax)} blocks that cannot be read; mend or delete those first.`
  return refused({ reason: 'Conflict', message, causes: [] })
}

function locked(node: Node): Removal<Node> {
  const message = `The cluster is locked: datastoreReady of ClusterInformation "default" is false, and node ${JSON.stringify(node.name)} has claims on blocks.`
  return refused({ reason: 'ServiceUnavailable', message, causes: [] })
}

function refused(refusal: Refusal): Removal<Node> {
  return { kind: 'refused', refusal }
}
