import { type Key, put, remove, type View, type Write } from '../datastore/index.ts'
import {
  affinities,
  affinityPrefix,
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
  type Refusal,
  withoutOwner,
} from '../model/index.ts'
import type { Cidr } from '../net/index.ts'
import type { Context, Removal } from './kind.ts'
import { releasedLengthMax, releasesMax } from './ippool-termination.ts'

/**
 * Deletes a node together with its claims on blocks, as Calico does: a block without an address goes, one with addresses is
 * nobody's from then on. Addresses stay with their owners. All in one transaction, so a node with more blocks than one can hold
 * is refused until some are released.
 * @see calico-formats.md section 4.3, calico-ipam.md sections 6.4 and 6.5
 */
export function planNodeRemoval(view: View, node: Node, { now }: Pick<Context, 'now'>): Removal<Node> {
  const owner = { type: 'host', name: node.name } as const
  const claims = ([4, 6] as const).flatMap((family) => view.list(affinities, 'created', affinityPrefix(owner, family)))
  if (claims.length > releasesMax) return tooMany(node, claims.length)
  const information = view.get(clusterInformationKey)
  if (claims.length > 0 && information.kind === 'value' && !information.value.isDatastoreReady) return locked(node)

  const config = view.get(ipamConfigKey)
  const { ipCooldownSeconds } = config.kind === 'value' ? config.value : defaultIpamConfig
  const affinity = formatOwner(owner)
  view.prefetch(claims.flatMap(({ key }) => blockKeysOf(key)))
  const released = claims.flatMap(({ key }): readonly Write[] =>
    blockKeysOf(key).flatMap((block) => {
      const lookup = view.get(block)
      // What cannot be read is left alone, with the claim that leads to it.
      if (lookup.kind === 'unreadable') return []
      const claim = { family: affinities, text: key }
      // Listing it does not prove that it is still there; reading it does.
      view.get(claim)
      const writes = [remove(claim)]
      if (lookup.kind === 'absent' || ![affinity, null].includes(lookup.value.affinity)) return writes
      const current = config.kind === 'unreadable' ? lookup.value : collectGarbage(lookup.value, now, ipCooldownSeconds)
      if (isEmpty(current)) return [...writes, remove(block)]
      return current.affinity === null ? writes : [...writes, put(block, withoutOwner(current))]
    }),
  )
  const length = released.reduce((sum, write) => sum + (write.kind === 'put' ? write.encode().length : 0), 0)
  if (length > releasedLengthMax) return tooMany(node, claims.length)

  // Old versions of Calico marked each host that had blocks.
  const marker: Key<unknown> = { family: affinities, text: `${affinities.prefix}${node.name}` }
  const marked = view.get(marker).kind === 'absent' ? [] : [remove(marker)]
  return { kind: 'gone', writes: [...released, ...marked, remove(nodeKey(node.name))] }
}

function blockKeysOf(claim: string): readonly ReturnType<typeof blockKey>[] {
  const cidr: Cidr | undefined = parseAffinityKey(claim)?.cidr
  return cidr === undefined ? [] : [blockKey(cidr)]
}

function tooMany(node: Node, count: number): Removal<Node> {
  const message = `Node ${JSON.stringify(node.name)} has claims on ${String(count)} blocks, more than are released at once; release some of them first.`
  return refused({ reason: 'Conflict', message, causes: [] })
}

function locked(node: Node): Removal<Node> {
  const message = `The cluster is locked: datastoreReady of ClusterInformation "default" is false, and node ${JSON.stringify(node.name)} has claims on blocks.`
  return refused({ reason: 'ServiceUnavailable', message, causes: [] })
}

function refused(refusal: Refusal): Removal<Node> {
  return { kind: 'refused', refusal }
}
