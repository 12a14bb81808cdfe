import {
  type Affinity,
  type Block,
  affinityKey,
  blockKey,
  confirmedAffinity,
  handleKey,
  handles,
  type Now,
  type AffinityHost,
  hostOf,
  parseAffinityKey,
  parseBlockKey,
  isSameHost,
  setHandleCount,
  incrementSequenceNumber,
} from '../../model/index.ts'
import { type Cidr, formatCidr, parseCidr } from '../../net/index.ts'
import { type Lookup, type Plan, put, remove, type View } from '../../plan/index.ts'
import { isNodeGone, requireUnlocked } from '../surroundings.ts'
import { countByHandle } from './block-findings.ts'
import { planBlockRepair } from './block-repairs.ts'
import { type CheckCode, checkCodes, type Finding } from './finding.ts'
import { notFound, refused, type RepairAnswer, repaired } from './repair-answers.ts'

/**
 * Repairs one finding: looks for the fault again, in values that the commit compares, and changes nothing else. Refuses findings with
 * the policy `None`.
 */
export function planRepair(view: View, found: Finding, now: Now): Plan<RepairAnswer> {
  const unlocked = requireUnlocked(view)
  if (!unlocked.ok) return refused(unlocked.refusal.message)
  if (found.repair === 'None') return refused('There is no automatic repair for this.')
  if (found.key.startsWith(handles.prefix)) return planHandleRepair(view, found)
  const affinity = parseAffinityKey(found.key)
  if (affinity !== undefined) return planAffinityRepair(view, found, affinity)
  const cidr = parseBlockKey(found.key)
  return cidr === undefined ? refused('There is no repair for this key.') : planBlockRepair(view, found, cidr, now)
}

/** True if the key was written since the check and the finding may be only the moment between two writes of another client. */
function isRewritten(found: Finding, lookup: Lookup<unknown>): boolean {
  return checkCodes[found.code].isMomentary && (lookup.kind === 'absent' ? 0n : lookup.revision) !== found.revision
}

/** Sets the handle's count for one block to the number of addresses that it holds there. */
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
  const held = block?.kind === 'value' ? (countByHandle(block.value).get(id) ?? 0) : 0
  const counted = handle?.blocks.get(found.subject)
  const isTooLow = (counted ?? 0) < held
  // A count of 0 means nothing, and should not be stored.
  const isTooHigh = counted !== undefined && (counted > held || held === 0)
  if (checkCodes[found.code].isMomentary ? !isTooHigh : !isTooLow) return notFound()
  const after = setHandleCount(handle, found.subject, held)
  const message = `The handle counts ${held} in ${found.subject}.`
  return after === undefined
    ? repaired('The handle holds nothing, and is deleted.', [remove(key)])
    : repaired(message, [put(key, after)])
}

/** Makes the affinity agree with the block. */
function planAffinityRepair(
  view: View,
  found: Finding,
  { host, cidr }: { readonly host: AffinityHost; readonly cidr: Cidr },
): Plan<RepairAnswer> {
  const key = affinityKey(host, cidr)
  const stored = view.get(key)
  if (stored.kind === 'unreadable') return refused(`The affinity cannot be read: ${stored.problem}`)
  if (isRewritten(found, stored)) return notFound('The affinity was written meanwhile.')
  const block = view.get(blockKey(cidr))
  if (block.kind === 'unreadable') return refused(`The block cannot be read: ${block.problem}`)
  const affinity = stored.kind === 'value' ? stored.value : undefined
  const fault = findFault(affinity, block.kind === 'value' ? block.value : undefined, host)
  // The block may have been deleted since, by another repair for example: the affinity should not exist in either case.
  if (fault !== found.code && !(isStale(fault) && isStale(found.code))) return notFound()
  if (block.kind !== 'value' || isStale(fault)) return repaired('The affinity is deleted.', [remove(key)])
  if (host.type === 'host' && isNodeGone(view, host.name)) {
    return refused(`The node ${host.name} is not registered, while others are: register it, or remove what it has.`)
  }
  if (affinity === undefined) return repaired('The affinity is written.', [put(key, confirmedAffinity)])
  // The block is written as well, so that a client that was about to release it fails.
  const writes = [
    put(key, { ...affinity, state: 'confirmed' as const }),
    put(blockKey(cidr), incrementSequenceNumber(block.value)),
  ]
  return repaired('The affinity is confirmed.', writes)
}

/** True if the affinity leads to no block of its host. */
function isStale(fault: CheckCode | undefined): boolean {
  return fault === 'AffinityOfOther' || fault === 'AffinityWithoutBlock'
}

/** Finds how an affinity and its block disagree; undefined if they agree. */
function findFault(
  affinity: Affinity | undefined,
  block: Block | undefined,
  host: AffinityHost,
): CheckCode | undefined {
  const blockOwner = block === undefined ? undefined : hostOf(block)
  const isOurs = blockOwner !== undefined && isSameHost(blockOwner, host)
  if (affinity === undefined) return isOurs ? 'AffinityMissing' : undefined
  if (block === undefined) return 'AffinityWithoutBlock'
  if (!isOurs) return 'AffinityOfOther'
  return affinity.state === 'confirmed' ? undefined : 'AffinityUnfinished'
}
