import {
  type Block,
  blockKey,
  collectGarbage,
  formatTime,
  handleKey,
  handleOf,
  isBlockEmpty,
  isBlockOfNobody,
  type Now,
  hostOf,
  releaseOrdinals,
  incrementSequenceNumber,
} from '../../model/index.ts'
import { type Cidr, formatCidr, type Ordinal } from '../../net/index.ts'
import { Budget, type Plan, type View } from '../../plan/index.ts'
import { ordinalsOfNode } from '../allocation.ts'
import { releaseBlock } from '../blocks/index.ts'
import { Draft } from '../draft.ts'
import { isNodeGone, readConfig, readPools } from '../surroundings.ts'
import {
  futureReleases,
  countByHandle,
  highestNumberAhead,
  isFuture,
  ordinalsWithoutHandle,
  placeOf,
  unqueuedOrdinals,
  unusedAttributes,
} from './block-findings.ts'
import type { CheckCode, Finding } from './finding.ts'
import { notFound, refused, type RepairAnswer, repaired } from './repair-answers.ts'

/** The highest sequence number that a block can have: Calico's are unsigned, of 64 bits. */
const sequenceNumberMax = 2n ** 64n - 1n

/** Repairs a finding whose key is that of a block. */
export function planBlockRepair(view: View, found: Finding, cidr: Cidr, now: Now): Plan<RepairAnswer> {
  const budget = new Budget(view)
  const stored = budget.view.get(blockKey(cidr))
  if (stored.kind === 'absent') return notFound()
  if (stored.kind === 'unreadable') return refused(`The block cannot be read: ${stored.problem}`)
  const config = readConfig(budget.view)
  if (!config.ok) return refused(config.refusal.message)
  const cooldownSeconds = config.value.ipCooldownSeconds
  const draft = new Draft(budget.view, now, cooldownSeconds)
  const work: Work = { budget, draft, block: stored.value, now, cooldownSeconds }
  const repair = repairs[found.code]
  return repair === undefined ? refused('A block cannot be repaired for this code.') : repair(work, found)
}

/** One repair while it is planned. */
interface Work {
  readonly budget: Budget
  readonly draft: Draft
  readonly block: Block
  readonly now: Now
  readonly cooldownSeconds: number
}

/** The repair for each code whose key is that of a block. */
const repairs: Partial<Readonly<Record<CheckCode, (work: Work, found: Finding) => Plan<RepairAnswer>>>> = {
  BlockOutsidePools: deleteMisplaced,
  BlockSizeWrong: deleteMisplaced,
  QueueIncomplete: (work) => {
    const lost = unqueuedOrdinals(work.block)
    return rewrite(work, lost.length > 0 && { ...work.block, unallocated: [...work.block.unallocated, ...lost] })
  },
  AttributeUnused: (work) => {
    const { block, now, cooldownSeconds } = work
    return rewrite(work, unusedAttributes(block).length > 0 && collectGarbage(block, now, cooldownSeconds))
  },
  ReleasedInFuture: (work) => {
    const after = releasedNow(work.block, work.now)
    return rewrite(work, futureReleases(work.block, work.now).length > 0 && after)
  },
  SequenceNumberAhead: (work) => {
    const highest = highestNumberAhead(work.block)
    if (highest !== undefined && highest >= sequenceNumberMax)
      return refused('The sequence number is the highest that there is.')
    return rewrite(work, highest !== undefined && { ...work.block, sequenceNumber: highest })
  },
  BlockOwnerInvalid: ({ draft, block }) => {
    if (block.affinity === null || hostOf(block) !== undefined) return notFound()
    releaseBlock(draft, block)
    return repaired('The affinity is taken away.', draft.writes())
  },
  BlockOfNobody: ({ draft, block }) => {
    if (!isBlockOfNobody(block)) return notFound()
    draft.setBlock(block)
    return repaired('The block is deleted.', draft.writes())
  },
  OwnerUnknown: (work) => release(work, ordinalsWithoutHandle(work.block)),
  NodeGone: (work, { subject }) => (subject === undefined ? notFound() : releaseOfNode(work, subject)),
}

/** Stores the repaired block with the next sequence number; `after` is false if nothing is wrong with the block. */
function rewrite({ draft }: Work, after: Block | false): Plan<RepairAnswer> {
  if (after === false) return notFound()
  draft.setBlock(incrementSequenceNumber(after))
  return repaired('The block is corrected.', draft.writes())
}

function releasedNow(block: Block, now: Now): Block {
  const attributes = (block.attributes ?? []).map((attribute) =>
    attribute.releasedAt !== undefined && isFuture(attribute.releasedAt, now)
      ? { ...attribute, releasedAt: formatTime(now) }
      : attribute,
  )
  return { ...block, attributes }
}

function deleteMisplaced({ draft, block }: Work): Plan<RepairAnswer> {
  const pools = readPools(draft.view)
  if (placeOf(block.cidr, pools.all).kind === 'right') return notFound()
  if (pools.unreadable.length > 0) return refused('A pool cannot be read, and the block may lie in that.')
  if (!isBlockEmpty(block)) return refused('The block is not empty.')
  releaseBlock(draft, block)
  return repaired('The block is deleted.', draft.writes())
}

function releaseOfNode(work: Work, node: string): Plan<RepairAnswer> {
  return isNodeGone(work.draft.view, node) ? release(work, ordinalsOfNode(work.block, node)) : notFound()
}

/** Releases addresses, as many as have room: each may have a handle of its own. */
function release(
  { budget, draft, block: stored, now, cooldownSeconds }: Work,
  all: readonly Ordinal[],
): Plan<RepairAnswer> {
  if (all.length === 0) return notFound()
  const before = collectGarbage(stored, now, cooldownSeconds)
  const ids = new Set<string>()
  const ordinals: Ordinal[] = []
  for (const place of all) {
    const id = handleOf(before, place)
    if (id !== undefined && !ids.has(id)) {
      if (!budget.hasRoom(ids.size + 1)) break
      ids.add(id)
    }
    ordinals.push(place)
  }
  draft.view.prefetch([...ids].map((id) => handleKey(id)))
  const { block } = releaseOrdinals(before, ordinals, now, cooldownSeconds)
  draft.setBlock(block)
  const counts = countByHandle(block)
  for (const id of ids) draft.setHandleCounts(id, [[formatCidr(block.cidr), counts.get(id) ?? 0]])
  const next = ordinals.length < all.length ? 'the rest' : undefined
  return repaired(`${String(ordinals.length)} addresses are released.`, draft.writes(), next)
}
