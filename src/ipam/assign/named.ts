import {
  type Block,
  type BlockIndex,
  assignOrdinal,
  blockKey,
  type HostReserved,
  type IpamConfig,
  isCooling,
  newBlock,
  type Owner,
  type Pool,
  withHostReserved,
} from '../../model/index.ts'
import { type Address, blockOf, type Cidr, formatAddress, formatCidr, ordinalOf } from '../../net/index.ts'
import { type Cause, refuse, type Result, success } from '../../plan/index.ts'
import { allocationOf, holderOf } from '../allocation.ts'
import { affinityText, type Draft } from '../draft.ts'
import { isNamed, notAllocatable } from '../eligible-pools.ts'
import type { Allocation, AssignRequest } from '../request.ts'
import { poolOf, type Pools, readPools } from '../surroundings.ts'
import { ownerFor } from './owner.ts'

/** A named address with the pool that it is in. */
interface Placed {
  readonly address: Address
  readonly field: string
  readonly pool: Pool
}

/**
 * Assigns the very addresses that a request names. Selectors, assignment mode, reservations and the block limit do not count;
 * disabled pools, strict affinity and, when the request names a use, `allowedUses` do. @see docs/calico/ipam.md section 2
 */
export function assignNamed(
  draft: Draft,
  request: AssignRequest,
  config: IpamConfig,
  blocks: BlockIndex,
): Result<readonly Allocation[]> {
  const placed = placeAll(readPools(draft.view), request)
  if (!placed.ok) return placed
  const owner = ownerFor(request.node, request.use)
  draft.view.prefetch(placed.value.map(({ address, pool }) => blockKey(blockOf(address, pool.blockSize))))
  const allocations: Allocation[] = []
  const taken: Cause[] = []
  for (const { address, field, pool } of placed.value) {
    const cidr = blockOf(address, pool.blockSize)
    const usable = usableBlock(draft, cidr, owner, config, blocks, request.hostReserved?.[cidr.family])
    if (!usable.ok) return usable
    const ordinal = ordinalOf(cidr, address)
    const assigned = assignOrdinal(usable.value, ordinal, holderOf(request))
    if (assigned === 'taken') {
      const why = isCooling(usable.value, ordinal)
        ? 'was released a moment ago and is cooling down'
        : 'is held by somebody'
      taken.push({ field, reason: 'FieldValueInvalid', message: `Invalid value: "${formatAddress(address)}": ${why}` })
      continue
    }
    draft.relyOn(pool)
    draft.setBlock(assigned)
    if (owner !== undefined && assigned.affinity === affinityText(owner)) draft.confirmAffinity(owner, cidr)
    draft.addToHandle(request.handle, cidr, 1)
    allocations.push(allocationOf(assigned, ordinal, pool.name))
  }
  const isEnough = taken.length === 0 || (request.partial && allocations.length > 0)
  if (isEnough) return success(allocations)
  return refuse(
    'AddressInUse',
    `${String(taken.length)} of the addresses asked for are in use; nothing was assigned.`,
    taken,
  )
}

/** Finds the pool of every address; refused with one cause for each that has none. */
function placeAll(pools: Pools, request: AssignRequest): Result<readonly Placed[]> {
  const placed: Placed[] = []
  const causes: Cause[] = []
  for (const [index, address] of request.addresses.entries()) {
    const field = `addresses[${String(index)}]`
    const pool = poolFor(pools, address, request)
    if (typeof pool !== 'string') placed.push({ address, field, pool })
    else {
      const message = `Invalid value: "${formatAddress(address)}": ${pool}`
      causes.push({ field, reason: 'FieldValueInvalid', message })
    }
  }
  return causes.length === 0
    ? success(placed)
    : refuse('Invalid', 'An address cannot be assigned from any pool.', causes)
}

/** The pool to assign an address from, or why there is none. */
function poolFor(pools: Pools, address: Address, request: AssignRequest): Pool | string {
  const pool = poolOf(pools, address, ({ isAllocatable }) => isAllocatable)
  if (pool === undefined) {
    const other = poolOf(pools, address)
    return other === undefined ? 'lies in no pool' : `lies in no enabled pool: ${notAllocatable(other).message}`
  }
  if (request.pools.length > 0 && !request.pools.some((reference) => isNamed(pool, reference))) {
    return `lies in pool ${pool.name}, which is not among the pools asked for`
  }
  if (request.use !== undefined && !pool.allowedUses.includes(request.use)) {
    return `lies in pool ${pool.name}, which allows ${pool.allowedUses.join(', ')}; the use is ${request.use}`
  }
  return pool
}

/** The block to assign from, made when there is none yet; refused when strict affinity keeps it for somebody else. */
function usableBlock(
  draft: Draft,
  cidr: Cidr,
  owner: Owner | undefined,
  config: IpamConfig,
  blocks: BlockIndex,
  reserved: HostReserved = { start: 0, end: 0 },
): Result<Block> {
  if (config.strictAffinity && owner === undefined) return refuseStrict(cidr, 'no node is named')
  const found = draft.block(cidr)
  switch (found.kind) {
    case 'unreadable':
      return refuse('Conflict', `The stored block ${formatCidr(cidr)} cannot be read: ${found.problem}`)
    case 'absent': {
      const other = blocks.ofOtherSize(cidr)
      return other === undefined
        ? success(withHostReserved(newBlock(cidr, owner ?? null, draft.now), reserved))
        : refuse(
            'Conflict',
            `The stored block ${formatCidr(other.cidr)} overlaps the block ${formatCidr(cidr)} of the pool.`,
          )
    }
    case 'block':
      return config.strictAffinity && found.block.affinity !== affinityText(owner)
        ? refuseStrict(cidr, `it belongs to ${found.block.affinity ?? 'nobody'}`)
        : success(found.block)
  }
}

function refuseStrict(cidr: Cidr, why: string): Result<never> {
  const message = `strict affinity is on, and the block ${formatCidr(cidr)} cannot be used by this request: ${why}`
  return refuse('Conflict', message, [{ field: 'node', reason: 'StrictAffinity', message }])
}
