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
import { answerOnly, type Plan, type View, refuse, type Result, success } from '../../plan/index.ts'
import { allocationOf } from '../allocation.ts'
import { Draft } from '../draft.ts'
import type { Allocation, AssignAnswer, Context } from '../request.ts'
import { locateBlock, poolOf, type Pools, readConfig, readPools } from '../surroundings.ts'

/** Who holds an address. Refused with `NotFound` when nobody does. */
export function planReadAddress(view: View, address: Address, context: Context): Plan<Result<Allocation>> {
  return answerOnly(readAddress(view, address, context))
}

/** Everything that a handle holds, block by block. Refused with `NotFound` when there is no such handle. */
export function planReadHandle(view: View, handle: string, context: Context): Plan<Result<AssignAnswer>> {
  return answerOnly(readHandle(view, handle, context))
}

function readAddress(view: View, address: Address, context: Context): Result<Allocation> {
  const config = readConfig(view)
  if (!config.ok) return config
  const draft = new Draft(view, context.now, config.value.ipCooldownSeconds)
  const pools = readPools(view)
  const held = findHeld(draft, pools, address, context)
  if (!held.ok) return held
  return success(allocationOf(held.value.block, held.value.ordinal, poolOf(pools, address)?.name))
}

/** An address that somebody holds, where it is. */
export interface HeldAddress {
  readonly block: Block
  readonly ordinal: Ordinal
  /** What is stored of its holder. */
  readonly attribute: Attribute
}

/** Finds an address that somebody holds, in whatever pool. Refused with `NotFound` when nobody does. */
export function findHeld(draft: Draft, pools: Pools, address: Address, context: Context): Result<HeldAddress> {
  const cidr = locateBlock(draft.view, pools, address, context.blocks)
  const free = refuse('NotFound', `Nobody holds ${formatAddress(address)}.`)
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
    return refuse('NotFound', `Nobody holds ${formatAddress(address)}: it was released and is cooling down.`)
  }
  return success({ block, ordinal, attribute })
}

function readHandle(view: View, handle: string, context: Context): Result<AssignAnswer> {
  if (view.get(handleKey(handle)).kind === 'absent') {
    return refuse('NotFound', `No handle ${JSON.stringify(handle)} exists.`)
  }
  const held = heldBy(view, handle, context)
  return held.ok ? success({ handle, addresses: held.value.allocations }) : held
}

/** What a handle holds, as far as it can be read. */
export interface Holdings {
  readonly allocations: readonly Allocation[]
  /** Blocks in which the handle has addresses, and which cannot be read. */
  readonly unreadable: readonly Cidr[]
}

/** Everything that a handle holds, block by block; nothing when there is no such handle, which the commit proves. */
export function heldBy(view: View, handle: string, context: Context): Result<Holdings> {
  const stored = view.get(handleKey(handle), { assumeAbsent: true })
  if (stored.kind === 'absent') return success({ allocations: [], unreadable: [] })
  if (stored.kind === 'unreadable') {
    return refuse('Conflict', `The stored handle ${JSON.stringify(handle)} cannot be read: ${stored.problem}`)
  }
  const config = readConfig(view)
  if (!config.ok) return config
  const draft = new Draft(view, context.now, config.value.ipCooldownSeconds)
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
