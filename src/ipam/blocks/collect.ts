import {
  affinities,
  affinityPrefix,
  blockKey,
  collectGarbage,
  isEmpty,
  nodeKey,
  nodes,
  type Now,
  ownerOf,
  touch,
} from '../../model/index.ts'
import type { Cidr } from '../../net/index.ts'
import { answerOnly, type Plan, type View } from '../../plan/index.ts'
import { Draft } from '../draft.ts'
import { readConfig, requireUnlocked } from '../surroundings.ts'

/** What became of a block. */
export type Collected = 'nothing' | 'cooled' | 'released'

/** How long a released address rests, in seconds; undefined when nothing may be collected at present. */
export function planReadCooldown(view: View): Plan<number | undefined> {
  const config = readConfig(view)
  return answerOnly(requireUnlocked(view).ok && config.ok ? config.value.ipCooldownSeconds : undefined)
}

/**
 * Frees the addresses of a block whose rest is over: nobody would, until the block is written for another reason. One that nobody owns
 * goes with its last address. @see docs/calico/ipam.md section 9.4
 */
export function planCollectCooled(view: View, cidr: Cidr, now: Now): Plan<Collected> {
  const config = readConfig(view)
  const stored = view.get(blockKey(cidr))
  if (!requireUnlocked(view).ok || !config.ok || stored.kind !== 'value') return answerOnly('nothing')
  const { ipCooldownSeconds } = config.value
  const after = collectGarbage(stored.value, now, ipCooldownSeconds)
  if (after === stored.value) return answerOnly('nothing')
  const draft = new Draft(view, now, ipCooldownSeconds)
  draft.setBlock(touch(after))
  return { answer: 'cooled', writes: draft.writes() }
}

/**
 * Takes back a block of a node that has been empty since it had the number `sequenceNumber`, which nobody has changed since then. A node
 * keeps its last block of a family, unless it is gone: not registered, while others are. @see docs/calico/ipam.md section 9.4
 */
export function planCollectEmpty(view: View, cidr: Cidr, sequenceNumber: bigint, now: Now): Plan<Collected> {
  const stored = view.get(blockKey(cidr))
  if (!requireUnlocked(view).ok || stored.kind !== 'value') return answerOnly('nothing')
  const block = stored.value
  const owner = ownerOf(block)
  if (owner?.type !== 'host' || !isEmpty(block) || block.sequenceNumber !== sequenceNumber) return answerOnly('nothing')
  const isGone = view.get(nodeKey(owner.name)).kind === 'absent' && view.list(nodes, 'hint').length > 0
  const claims = view.list(affinities, 'hint', affinityPrefix(owner, cidr.family))
  if (!isGone && claims.length < 2) return answerOnly('nothing')
  const draft = new Draft(view, now, 0)
  draft.deleteBlock(cidr, owner)
  return { answer: 'released', writes: draft.writes() }
}
