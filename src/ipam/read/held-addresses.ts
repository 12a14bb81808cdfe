import { type Attribute, attributeOf, type Block, blockKey, handleKey, ordinalsOfHandle } from '../../model/index.ts'
import {
  type Address,
  type Cidr,
  firstAddress,
  formatAddress,
  formatCidr,
  type Ordinal,
  ordinalOf,
  parseCidr,
} from '../../net/index.ts'
import { answerOnly, type Plan, type View, type Refusal, refuse, type Result, success } from '../../plan/index.ts'
import { allocationOf } from '../allocation.ts'
import { Draft } from '../draft.ts'
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
  const held = findHeldAddress(draft, pools, address, context)
  if (!held.ok) return held
  return success(allocationOf(held.value.block, held.value.ordinal, poolOf(pools, address)?.name))
}

/** An assigned address: its block, its place in the block, and what is stored of its holder. */
export interface HeldAddress {
  readonly block: Block
  readonly ordinal: Ordinal
  readonly attribute: Attribute
}

/** Finds an assigned address in any pool or outside of all pools. Refused with `NotFound` if the address is not assigned. */
export function findHeldAddress(
  draft: Draft,
  pools: Pools,
  address: Address,
  context: IpamContext,
): Result<HeldAddress> {
  const cidr = locateBlock(draft.view, pools, address, context.blocks)
  const free = refuse('NotFound', `${formatAddress(address)} is not assigned.`)
  if (cidr === undefined) return free
  const found = draft.block(cidr)
  if (found.kind === 'absent') return free
  if (found.kind === 'unreadable') {
    return refuse('Conflict', `The stored block ${formatCidr(cidr)} cannot be read: ${found.problem}`)
  }
  const { block } = found
  const ordinal = ordinalOf(cidr, address)
  const attribute = attributeOf(block, ordinal)
  if (attribute === undefined) return free
  if (attribute.releasedAt !== undefined) {
    return refuse('NotFound', `${formatAddress(address)} is not assigned: it was released and is cooling down.`)
  }
  return success({ block, ordinal, attribute })
}

function readHandle(view: View, handle: string, context: IpamContext): Result<AssignAnswer> {
  if (view.get(handleKey(handle)).kind === 'absent') {
    return refuse('NotFound', `No handle ${JSON.stringify(handle)} exists.`)
  }
  const held = readReadableHoldings(view, handle, context)
  return held.ok ? success({ handle, addresses: held.value.allocations }) : held
}

/**
 * Reads every address that a handle holds, block by block; none if the handle does not exist, which the commit proves. Refused with
 * `Conflict` if one of its blocks cannot be read.
 */
export function readHoldings(view: View, handle: string, context: IpamContext): Result<readonly Allocation[]> {
  const held = readReadableHoldings(view, handle, context)
  if (!held.ok) return held
  const { allocations, unreadable } = held.value
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
