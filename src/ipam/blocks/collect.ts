import {
  affinities,
  affinityPrefix,
  blockKey,
  collectGarbage,
  isBlockEmpty,
  type Now,
  hostOf,
  incrementSequenceNumber,
} from '../../model/index.ts'
import type { Cidr } from '../../net/index.ts'
import { answerOnly, type Plan, type View } from '../../plan/index.ts'
import { Draft } from '../draft.ts'
import { isNodeGone, readConfig, requireUnlocked } from '../surroundings.ts'
import { releaseBlock } from './release-blocks.ts'

/** The outcome for one block. */
export type Collected = 'nothing' | 'cooled' | 'released'

/** The cooldown of released addresses in seconds; undefined while nothing may be collected. */
export function planReadCooldown(view: View): Plan<number | undefined> {
  const config = readConfig(view)
  return answerOnly(requireUnlocked(view).ok && config.ok ? config.value.ipCooldownSeconds : undefined)
}

/**
 * Frees the addresses of a block whose cooldown is over; otherwise they would wait until the block is written for another reason. A block
 * without an affinity is deleted with its last address. @see docs/calico/ipam.md section 9.4
 */
export function planCollectCooled(view: View, cidr: Cidr, now: Now): Plan<Collected> {
  const config = readConfig(view)
  const stored = view.get(blockKey(cidr))
  if (!requireUnlocked(view).ok || !config.ok || stored.kind !== 'value') return answerOnly('nothing')
  const { ipCooldownSeconds } = config.value
  const after = collectGarbage(stored.value, now, ipCooldownSeconds)
  if (after === stored.value) return answerOnly('nothing')
  const draft = new Draft(view, now, ipCooldownSeconds)
  draft.setBlock(incrementSequenceNumber(after))
  return { answer: 'cooled', writes: draft.writes() }
}

/**
 * Releases a block of a node if it is empty and still has the number `sequenceNumber`, so that it has not been written since. A node keeps
 * its last block of a family, unless the node is gone. @see docs/calico/ipam.md section 9.4
 */
export function planCollectEmpty(view: View, cidr: Cidr, sequenceNumber: bigint, now: Now): Plan<Collected> {
  const stored = view.get(blockKey(cidr))
  if (!requireUnlocked(view).ok || stored.kind !== 'value') return answerOnly('nothing')
  const block = stored.value
  const host = hostOf(block)
  if (host?.type !== 'host' || !isBlockEmpty(block) || block.sequenceNumber !== sequenceNumber)
    return answerOnly('nothing')
  const others = view.list(affinities, 'hint', affinityPrefix(host, cidr.family))
  if (!isNodeGone(view, host.name) && others.length < 2) return answerOnly('nothing')
  const draft = new Draft(view, now, 0)
  releaseBlock(draft, block)
  return { answer: 'released', writes: draft.writes() }
}
