import type { Action } from '../../access/index.ts'
import {
  type Attribute,
  attributeOf,
  type Block,
  blockKey,
  handleKey,
  handleOf,
  ordinalsOfHandle,
} from '../../model/index.ts'
import {
  type Address,
  type Cidr,
  firstAddress,
  formatAddress,
  formatCidr,
  hostCidr,
  type Ordinal,
  ordinalOf,
  parseCidr,
} from '../../net/index.ts'
import { answerOnly, type Plan, type View, type Refusal, refuse, type Result, success } from '../../plan/index.ts'
import { allocationOf } from '../allocation.ts'
import { Draft } from '../draft.ts'
import { assigning, type Reach, reachOf, reading, releasing } from '../reach.ts'
import type { Allocation, AssignAnswer, HandleSnapshot, IpamContext } from '../request.ts'
import { locateBlock, poolOf, type Pools, readCooldown, readPools } from '../surroundings.ts'

/** Reads who holds an address. Refused with `NotFound` if the address is not assigned. */
export function planReadAddress(view: View, address: Address, context: IpamContext): Plan<Result<Allocation>> {
  return answerOnly(readAddress(view, address, context))
}

/** Reads every address that a handle holds, block by block. Refused with `NotFound` if the handle does not exist. */
export function planReadHandle(view: View, handle: string, context: IpamContext): Plan<Result<AssignAnswer>> {
  return answerOnly(readHandle(view, handle, context))
}

function readAddress(view: View, address: Address, context: IpamContext): Result<Allocation> {
  const draft = new Draft(view, context.now, readCooldown(view))
  const pools = readPools(view)
  const held = findHeldAddress(draft, pools, address, context, [reading.addresses[0]])
  if (!held.ok) return held
  return success(allocationOf(held.value.block, held.value.ordinal, poolOf(pools, address)?.name))
}

/** An assigned address: its block, its place in the block, and what is stored of its holder. */
export interface HeldAddress {
  readonly block: Block
  readonly ordinal: Ordinal
  readonly attribute: Attribute
}

/**
 * Finds an assigned address in any pool or outside of all pools. Refused with `NotFound` if the address is not assigned, and if the caller
 * may do none of the `actions` to it.
 */
export function findHeldAddress(
  draft: Draft,
  pools: Pools,
  address: Address,
  { blocks, rights }: IpamContext,
  actions: readonly Action[],
): Result<HeldAddress> {
  const cidr = locateBlock(draft.view, pools, address, blocks)
  const free = refuse('NotFound', `${formatAddress(address)} is not assigned.`)
  if (cidr === undefined) return free
  const found = draft.block(cidr)
  if (found.kind === 'absent') return free
  const isReachable = reachOf(rights, pools, ...actions).handlesIn(hostCidr(address))
  if (isReachable === undefined) return free
  if (found.kind === 'unreadable') {
    return refuse('Conflict', `The stored block ${formatCidr(cidr)} cannot be read: ${found.problem}`)
  }
  const { block } = found
  const ordinal = ordinalOf(cidr, address)
  const attribute = attributeOf(block, ordinal)
  if (attribute === undefined || !isReachable(handleOf(block, ordinal))) return free
  if (attribute.releasedAt !== undefined) {
    return refuse('NotFound', `${formatAddress(address)} is not assigned: it was released and is cooling down.`)
  }
  return success({ block, ordinal, attribute })
}

function readHandle(view: View, handle: string, context: IpamContext): Result<AssignAnswer> {
  const absent = refuse('NotFound', `No handle ${JSON.stringify(handle)} exists.`)
  if (view.get(handleKey(handle)).kind === 'absent') return absent
  const reach = reachOf(context.rights, readPools(view), { verb: 'get', resource: 'handles' })
  if (reach.includesHandle(handle)) {
    const held = readReadableHoldings(view, handle, context)
    return held.ok ? success({ handle, addresses: held.value.allocations }) : held
  }
  if (!reach.touchesHandle(handle)) return absent
  const held = readReadableHoldings(view, handle, context)
  const addresses = held.ok ? reachable(held.value.allocations, handle, reach) : []
  return addresses.length === 0 ? absent : success({ handle, addresses })
}

/** Selects those addresses of a handle that are in reach. */
export function reachable(allocations: readonly Allocation[], handle: string, reach: Reach): readonly Allocation[] {
  if (reach.isUnlimited) return allocations
  return allocations.filter(({ address }) => reach.includes(hostCidr(address), handle))
}

/** Selects those of the held addresses that the caller may read or release. */
export function selectReadable(
  view: View,
  allocations: readonly Allocation[],
  { rights }: IpamContext,
): readonly Allocation[] {
  if (rights.isUnlimited) return allocations
  const reach = reachOf(rights, readPools(view), ...reading.addresses, releasing)
  return allocations.filter(({ address, handle }) => reach.includes(hostCidr(address), handle))
}

/**
 * Reads the addresses of a handle as they exist for a caller who wants to assign: those that may be read, released or assigned. None if the
 * handle does not exist, which the commit proves. Refused with `Conflict` if one of its blocks cannot be read.
 */
export function readHoldings(view: View, handle: string, context: IpamContext): Result<readonly Allocation[]> {
  const held = readReadableHoldings(view, handle, context)
  if (!held.ok || context.rights.isUnlimited) return held.ok ? completeHoldings(held.value, handle) : held
  const reach = reachOf(context.rights, readPools(view), ...reading.addresses, ...ownActions)
  const { allocations, unreadable } = held.value
  const seen = {
    allocations: reachable(allocations, handle, reach),
    unreadable: unreadable.filter((cidr) => reach.touches(cidr)),
  }
  return completeHoldings(seen, handle)
}

const ownActions = [{ verb: 'get', resource: 'handles' }, assigning, releasing] as const

/** Refused with `Conflict` if a block of the handle cannot be read. */
function completeHoldings(
  { allocations, unreadable }: ReadableHoldings,
  handle: string,
): Result<readonly Allocation[]> {
  if (unreadable.length === 0) return success(allocations)
  const blocks = unreadable.map(formatCidr).join(', ')
  const message = `Not all addresses of the handle ${JSON.stringify(handle)} are known: these stored blocks cannot be read: ${blocks}`
  return refuse('Conflict', message)
}

/** Refuses a plan whose {@link HandleSnapshot} is outdated: read it again. */
export const handleChanged: Refusal = {
  reason: 'Conflict',
  message: 'What the handle holds changed while it was read; send the call again.',
  causes: [],
}

function proveHeld(view: View, held: HandleSnapshot): Result<ReadableHoldings> {
  const stored = view.get(handleKey(held.handle), { awaitCommit: true })
  const isSame = stored.kind !== 'absent' && stored.revision === held.revision
  return isSame ? success(held) : { ok: false, refusal: handleChanged }
}

/** The addresses of a handle in the blocks that can be read, and its other blocks. */
interface ReadableHoldings {
  readonly allocations: readonly Allocation[]
  readonly unreadable: readonly Cidr[]
}

function readReadableHoldings(view: View, handle: string, context: IpamContext): Result<ReadableHoldings> {
  if (context.held?.handle === handle) return proveHeld(view, context.held)
  const stored = view.get(handleKey(handle), { assumeAbsent: true })
  if (stored.kind === 'absent') return success({ allocations: [], unreadable: [] })
  if (stored.kind === 'unreadable') {
    return refuse('Conflict', `The stored handle ${JSON.stringify(handle)} cannot be read: ${stored.problem}`)
  }
  const draft = new Draft(view, context.now, readCooldown(view))
  const pools = readPools(view)
  const cidrs = [...stored.value.blocks.keys()].flatMap((text) => parseCidr(text) ?? [])
  view.prefetch(cidrs.map((cidr) => blockKey(cidr)))
  const allocations: Allocation[] = []
  const unreadable: Cidr[] = []
  for (const cidr of cidrs) {
    const found = draft.block(cidr)
    if (found.kind === 'unreadable') unreadable.push(cidr)
    if (found.kind !== 'block') continue
    const pool = poolOf(pools, firstAddress(cidr))?.name
    allocations.push(
      ...ordinalsOfHandle(found.block, handle).map((ordinal) => allocationOf(found.block, ordinal, pool)),
    )
  }
  return success({ allocations, unreadable })
}
