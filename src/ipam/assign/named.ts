import {
  type Block,
  assignOrdinal,
  blockKey,
  handleOf,
  isCooling,
  isWindowsReserved,
  newBlock,
  normalizeHandleId,
  type Pool,
  reserveForHost,
} from '../../model/index.ts'
import {
  type Address,
  addressAt,
  blockOf,
  type Cidr,
  formatAddress,
  formatCidr,
  hostCidr,
  type Ordinal,
  ordinalOf,
} from '../../net/index.ts'
import { type Cause, listSome, refuse, type Result, success } from '../../plan/index.ts'
import { allocationOf, holderOf } from '../allocation.ts'
import { affinityText } from '../draft.ts'
import { isNamed, notAllocatable } from '../eligible-pools.ts'
import { assigning, deniedIn, reachOf, reading, visiblePools } from '../reach.ts'
import type { Allocation, AssignRequest } from '../request.ts'
import { poolOf, type Pools, readPools } from '../surroundings.ts'
import type { Assignment } from './assignment.ts'

/**
 * Assigns the addresses that a request names. It ignores selectors, assignment mode, reservations and the block limit; it respects
 * disabled pools, strict affinity and, if the request names a use, `allowedUses`. @see docs/calico/ipam.md section 2
 */
export function assignNamed(
  assignment: Assignment,
  pools: Pools = readPools(assignment.draft.view),
): Result<readonly Allocation[]> {
  const { draft, request, host } = assignment
  const placed = placeAll(pools, assignment)
  if (!placed.ok) return placed
  draft.view.prefetch(placed.value.map(({ cidr }) => blockKey(cidr)))
  const { allowance } = assignment
  const allocations: Allocation[] = []
  const taken: Cause[] = []
  const exhausted = new Set<Pool>()
  for (const { address, field, pool, cidr: wanted } of placed.value) {
    const usable = usableBlock(assignment, wanted)
    if (!usable.ok) return usable
    // The block knows its spelling already.
    const { cidr } = usable.value
    const ordinal = ordinalOf(cidr, address)
    const assigned = assignOrdinal(usable.value, ordinal, holderOf(request))
    if (assigned === 'taken') {
      taken.push({
        field,
        reason: 'FieldValueInvalid',
        message: describeTaken(usable.value, ordinal, assignment, pools),
      })
      continue
    }
    if (allowance.roomIn(pool) === 0) {
      exhausted.add(pool)
      continue
    }
    if (!allowance.canCharge(pool, assigned)) {
      return refuse('Conflict', `The charges for addresses of the block ${formatCidr(cidr)} cannot be read.`)
    }
    draft.relyOn(pool)
    draft.setBlock(assigned)
    allowance.charge(pool, assigned, [ordinal])
    if (host !== undefined && assigned.affinity === affinityText(host)) draft.confirmAffinity(host, cidr)
    draft.addToHandle(request.handle, cidr, 1)
    allocations.push(allocationOf(assigned, ordinal, pool.name))
  }
  const isEnough = (taken.length === 0 && exhausted.size === 0) || (request.partial && allocations.length > 0)
  if (isEnough) return success(allocations)
  const refusal = taken.length > 0 ? undefined : allowance.refusal([...exhausted], request.addresses.length)
  if (refusal !== undefined) return { ok: false, refusal }
  const message = `${listSome(taken.map((cause) => cause.message))}; nothing was assigned.`
  return refuse('AddressInUse', message, taken)
}

/** Describes why a request cannot get an address. Names its holder if the caller may see it. */
function describeTaken(block: Block, ordinal: Ordinal, { request, rights }: Assignment, pools: Pools): string {
  const at = addressAt(block.cidr, ordinal)
  const address = formatAddress(at)
  if (isCooling(block, ordinal)) return `${address} was released and is cooling down`
  const holder = handleOf(block, ordinal)
  if (!reachOf(rights, pools, ...reading.addresses, assigning).includes(hostCidr(at), holder))
    return `${address} is in use`
  if (holder === undefined) return `${address} is assigned without a handle`
  if (isWindowsReserved(holder)) return `${address} is reserved for the Windows host of its block`
  const again = holder === normalizeHandleId(request.handle) ? ' already' : ''
  return `${address} is held by the handle ${JSON.stringify(holder)}${again}`
}

/** A named address, the field that names it, and the pool that it lies in. */
interface PlacedAddress {
  readonly address: Address
  readonly field: string
  readonly pool: Pool
  /** Its block. */
  readonly cidr: Cidr
}

/** Finds the pool of every address. Refused with a cause for each address that has none, and if the caller may not use one of the pools. */
function placeAll(pools: Pools, assignment: Assignment): Result<readonly PlacedAddress[]> {
  const { request, rights } = assignment
  const visible = new Set(visiblePools(rights, pools, assigning).all)
  const reach = reachOf(rights, pools, assigning)
  const placed: PlacedAddress[] = []
  const causes: Cause[] = []
  for (const [index, address] of request.addresses.entries()) {
    const field = `addresses[${index}]`
    const pool = findPool(pools, visible, address, request)
    if (typeof pool === 'string') causes.push(invalidAddress(field, address, pool))
    else placed.push({ address, field, pool, cidr: blockOf(address, pool.blockSize) })
  }
  if (causes.length > 0) {
    return refuse('Invalid', `${listSome(causes.map(({ message }) => message))}; nothing was assigned.`, causes)
  }
  const forbidden = placed.find(({ pool }) => !reach.includesPool(pool, request.handle))
  if (forbidden === undefined) return success(placed)
  return { ok: false, refusal: deniedIn(rights, assigning, forbidden.pool, request.handle) }
}

/** Finds the pool to assign an address from; gives the reason as text if there is none. Says nothing of pools that are not `visible`. */
function findPool(pools: Pools, visible: ReadonlySet<Pool>, address: Address, request: AssignRequest): Pool | string {
  const pool = poolOf(pools, address, ({ isAllocatable }) => isAllocatable)
  if (pool === undefined) {
    const other = poolOf(pools, address)
    return other === undefined || !visible.has(other)
      ? 'lies in no pool'
      : `lies in no enabled pool: ${notAllocatable(other).message}`
  }
  if (!visible.has(pool)) return 'lies in no pool'
  if (request.pools.length > 0 && !request.pools.some((reference) => isNamed(pool, reference))) {
    return `lies in pool ${pool.name}, which is not one of the requested pools`
  }
  if (request.use !== undefined && !pool.allowedUses.includes(request.use)) {
    return `lies in pool ${pool.name}, which allows ${pool.allowedUses.join(', ')}; the use is ${request.use}`
  }
  return pool
}

/** The block to assign from; a new one if none is stored. Refused if strict affinity keeps the block for another host. */
function usableBlock({ draft, request, config, blocks, rights, host }: Assignment, cidr: Cidr): Result<Block> {
  const isReadable = (block: Cidr): boolean =>
    reachOf(rights, readPools(draft.view), ...reading.blocks).includes(block, undefined)
  if (config.strictAffinity && host === undefined) return refuseStrict(cidr, 'the request names no node')
  const found = draft.block(cidr)
  switch (found.kind) {
    case 'unreadable':
      return refuse('Conflict', `The stored block ${formatCidr(cidr)} cannot be read: ${found.problem}`)
    case 'absent': {
      const other = blocks.ofOtherSize(cidr)
      if (other !== undefined) {
        const name = isReadable(other.cidr)
          ? `The stored block ${formatCidr(other.cidr)}`
          : 'A stored block of another size'
        return refuse('Conflict', `${name} overlaps the block ${formatCidr(cidr)} of the pool.`)
      }
      const reserved = request.hostReserved?.[cidr.family] ?? { start: 0, end: 0 }
      return success(reserveForHost(newBlock(cidr, host ?? null, draft.now), reserved))
    }
    case 'block': {
      const { block } = found
      if (!config.strictAffinity || block.affinity === affinityText(host)) return success(block)
      if (block.affinity === null) return refuseStrict(cidr, 'it has no affinity')
      return refuseStrict(cidr, `it belongs to ${isReadable(cidr) ? block.affinity : 'another node'}`)
    }
  }
}

function refuseStrict(cidr: Cidr, why: string): Result<never> {
  const message = `strict affinity is on, and the block ${formatCidr(cidr)} cannot be used by this request: ${why}`
  return refuse('Conflict', message, [{ field: 'node', reason: 'StrictAffinity', message }])
}

function invalidAddress(field: string, address: Address, why: string): Cause {
  return { field, reason: 'FieldValueInvalid', message: `${formatAddress(address)} ${why}` }
}
