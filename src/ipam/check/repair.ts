import {
  type Affinity,
  type Block,
  affinityKey,
  blockKey,
  confirmedAffinity,
  handleKey,
  handles,
  type Now,
  type Owner,
  ownerOf,
  parseAffinityKey,
  parseBlockKey,
  sameOwner,
  setHandleCount,
  touch,
} from '../../model/index.ts'
import { type Cidr, formatCidr, parseCidr } from '../../net/index.ts'
import { type Lookup, type Plan, put, remove, type View } from '../../plan/index.ts'
import { isNodeGone, requireUnlocked } from '../surroundings.ts'
import { planBlockRepair } from './block-repairs.ts'
import { type CheckCode, checkCodes, type Finding } from './finding.ts'
import { handleCounts } from './handle-counts.ts'
import { notFound, refused, type RepairAnswer, repaired } from './repair-answers.ts'

/**
 * Mends one finding: looks for the fault anew, in what the commit compares, and changes nothing but what it is about. Codes whose
 * `repair` is `None` are refused.
 */
export function planRepair(view: View, found: Finding, now: Now): Plan<RepairAnswer> {
  const unlocked = requireUnlocked(view)
  if (!unlocked.ok) return refused(unlocked.refusal.message)
  if (found.repair === 'None') return refused('Somebody has to decide.')
  if (found.key.startsWith(handles.prefix)) return planHandleRepair(view, found)
  const claim = parseAffinityKey(found.key)
  if (claim !== undefined) return planClaimRepair(view, found, claim)
  const cidr = parseBlockKey(found.key)
  return cidr === undefined ? refused('Nothing is known of such a key.') : planBlockRepair(view, found, cidr, now)
}

/** Whether what may be the moment between two writes of somebody else was written since it was found. */
function isRewritten(found: Finding, lookup: Lookup<unknown>): boolean {
  return checkCodes[found.code].isMomentary && (lookup.kind === 'absent' ? 0n : lookup.revision) !== found.revision
}

/** Sets what the handle counts in one block to what it holds there. */
function planHandleRepair(view: View, found: Finding): Plan<RepairAnswer> {
  const id = found.key.slice(handles.prefix.length)
  const key = handleKey(id)
  const stored = view.get(key)
  if (stored.kind === 'unreadable') return refused(`The handle cannot be read: ${stored.problem}`)
  if (isRewritten(found, stored)) return notFound('The handle was written meanwhile.')
  const handle = stored.kind === 'value' ? stored.value : undefined
  if (found.subject === undefined) {
    return handle?.blocks.size === 0 ? repaired('The handle is deleted.', [remove(key)]) : notFound()
  }
  const cidr = parseCidr(found.subject)
  const block = cidr !== undefined && formatCidr(cidr) === found.subject ? view.get(blockKey(cidr)) : undefined
  if (block?.kind === 'unreadable') return refused(`The block cannot be read: ${block.problem}`)
  const held = block?.kind === 'value' ? (handleCounts(block.value).get(id) ?? 0) : 0
  const counted = handle?.blocks.get(found.subject)
  const isTooLow = (counted ?? 0) < held
  // A count of 0 says nothing, and should not be there.
  const isTooHigh = counted !== undefined && (counted > held || held === 0)
  if (checkCodes[found.code].isMomentary ? !isTooHigh : !isTooLow) return notFound()
  const after = setHandleCount(handle, found.subject, held)
  const message = `${String(held)} are counted in ${found.subject}.`
  return after === undefined
    ? repaired('The handle holds nothing, and is deleted.', [remove(key)])
    : repaired(message, [put(key, after)])
}

/** Makes the claim say what the block says. */
function planClaimRepair(
  view: View,
  found: Finding,
  { owner, cidr }: { readonly owner: Owner; readonly cidr: Cidr },
): Plan<RepairAnswer> {
  const key = affinityKey(owner, cidr)
  const stored = view.get(key)
  if (stored.kind === 'unreadable') return refused(`The claim cannot be read: ${stored.problem}`)
  if (isRewritten(found, stored)) return notFound('The claim was written meanwhile.')
  const block = view.get(blockKey(cidr))
  if (block.kind === 'unreadable') return refused(`The block cannot be read: ${block.problem}`)
  const claim = stored.kind === 'value' ? stored.value : undefined
  if (faultOf(claim, block.kind === 'value' ? block.value : undefined, owner) !== found.code) return notFound()
  if (block.kind !== 'value' || found.code === 'AffinityOfOther')
    return repaired('The claim is deleted.', [remove(key)])
  if (owner.type === 'host' && isNodeGone(view, owner.name)) {
    return refused(`The node ${owner.name} is not registered, while others are: register it, or remove what it has.`)
  }
  if (claim === undefined) return repaired('The claim is written.', [put(key, confirmedAffinity)])
  // Written anew, the block turns away whoever was about to release it.
  const writes = [put(key, { ...claim, state: 'confirmed' as const }), put(blockKey(cidr), touch(block.value))]
  return repaired('The claim is confirmed.', writes)
}

/** What is wrong between a claim and its block. */
function faultOf(claim: Affinity | undefined, block: Block | undefined, owner: Owner): CheckCode | undefined {
  const blockOwner = block === undefined ? undefined : ownerOf(block)
  const isOurs = blockOwner !== undefined && sameOwner(blockOwner, owner)
  if (claim === undefined) return isOurs ? 'AffinityMissing' : undefined
  if (block === undefined) return 'AffinityWithoutBlock'
  if (!isOurs) return 'AffinityOfOther'
  return claim.state === 'confirmed' ? undefined : 'AffinityUnfinished'
}
