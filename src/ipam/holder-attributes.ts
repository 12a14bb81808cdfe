import { type Action, denied } from '../access/index.ts'
import {
  type Attribute,
  normalizeHandleId,
  handleOf,
  type Holders,
  replaceAttribute,
  sequenceNumberOf,
  setHolders,
} from '../model/index.ts'
import { type Address, formatAddress, hostCidr } from '../net/index.ts'
import { answerOnly, type Plan, type View, type Cause, refuse, type Result, success } from '../plan/index.ts'
import { printHolderAttributes, type HolderAttributes, readHolderAttributes } from './allocation.ts'
import { Draft } from './draft.ts'
import { reachOf, reading } from './reach.ts'
import { findHeldAddress, type HeldAddress } from './read/index.ts'
import type { IpamContext } from './request.ts'
import { readCooldown, readPools, requireUnlocked } from './surroundings.ts'

/** The attributes of the holders of an address. During a live migration there are two holders. */
export interface AddressHolders {
  readonly address: Address
  readonly handle: string | undefined
  readonly sequenceNumber: bigint
  /** Those of the holder that uses it now; Calico's `secondary`. */
  readonly active: HolderAttributes
  /** Those of the holder that used it, or will use it; Calico's `alternateOwnerAttrs`. */
  readonly alternate: HolderAttributes
}

/** A change of the attributes, and its preconditions. Attributes that are undefined stay; as a precondition, they may be anything. */
export interface HolderChange {
  readonly address: Address
  readonly change:
    | { readonly kind: 'set'; readonly active?: HolderAttributes; readonly alternate?: HolderAttributes }
    | { readonly kind: 'swap' }
  readonly handle?: string
  readonly sequenceNumber?: bigint
  readonly expected: ExpectedHolders
}

/** The holder attributes that must be stored for a change to be made. */
interface ExpectedHolders {
  /** Everything that is named here must be stored; if nothing is named, nothing must be stored, not even a node. */
  readonly active?: HolderAttributes
  readonly alternate?: HolderAttributes
  /** If true, nothing but a node must be stored for the active holder. */
  readonly noActive?: boolean
  /** The same for the alternate holder. */
  readonly noAlternate?: boolean
}

/** Reads the attributes of the holders of an address. Refused with `NotFound` if the address is not held. */
export function planReadHolders(view: View, address: Address, context: IpamContext): Plan<Result<AddressHolders>> {
  const found = find(view, address, context, [reading.addresses[0]])
  return answerOnly(found.ok ? success(holdersOf(address, found.value.held)) : found)
}

/**
 * Changes the attributes of the holders of an address. Its handle and its number stay, and so do other addresses that were assigned in the
 * same call and share an entry with it. Refused with `Conflict` if a precondition does not hold; the causes name all of them.
 * @see docs/calico/ipam.md section 8
 */
export function planChangeHolders(
  view: View,
  change: HolderChange,
  context: IpamContext,
): Plan<Result<AddressHolders>> {
  const unlocked = requireUnlocked(view)
  if (!unlocked.ok) return answerOnly(unlocked)
  const { address } = change
  const found = find(view, address, context, [...reading.addresses, updating])
  if (!found.ok) return answerOnly(found)
  const { draft, held } = found.value
  const holder = handleOf(held.block, held.ordinal)
  if (!reachOf(context.rights, readPools(view), updating).includes(hostCidr(address), holder)) {
    return answerOnly({ ok: false, refusal: denied(context.rights, updating, `the address ${formatAddress(address)}`) })
  }
  const causes = brokenPreconditions(change, held)
  if (causes.length > 0) {
    const message = `${formatAddress(change.address)} is not as the request expects; nothing was changed.`
    return answerOnly(refuse('Conflict', message, causes))
  }
  const { block, ordinal } = held
  const attribute = setHolders(held.attribute, changed(held.attribute, change.change))
  const after = replaceAttribute(block, ordinal, attribute)
  if (after !== block) draft.setBlock(after)
  return { answer: success(holdersOf(change.address, { block: after, ordinal, attribute })), writes: draft.writes() }
}

const updating = { verb: 'update', resource: 'addresses' } as const

function find(
  view: View,
  address: Address,
  context: IpamContext,
  actions: readonly Action[],
): Result<{ readonly draft: Draft; readonly held: HeldAddress }> {
  const draft = new Draft(view, context.now, readCooldown(view))
  const held = findHeldAddress(draft, readPools(view), address, context, actions)
  return held.ok ? success({ draft, held: held.value }) : held
}

function holdersOf(address: Address, { block, ordinal, attribute }: HeldAddress): AddressHolders {
  return {
    address,
    handle: handleOf(block, ordinal),
    sequenceNumber: sequenceNumberOf(block, ordinal),
    active: readHolderAttributes(attribute.active),
    alternate: readHolderAttributes(attribute.alternate),
  }
}

function changed({ active: before, alternate: alternateBefore }: Attribute, change: HolderChange['change']): Holders {
  if (change.kind === 'swap') return { active: alternateBefore, alternate: before }
  const { active, alternate } = change
  return {
    active: active === undefined ? before : printHolderAttributes(active),
    alternate: alternate === undefined ? alternateBefore : printHolderAttributes(alternate),
  }
}

function brokenPreconditions(change: HolderChange, held: HeldAddress): readonly Cause[] {
  const { handle, sequenceNumber, expected } = change
  const { block, ordinal, attribute } = held
  const stored = sequenceNumberOf(block, ordinal)
  const causes: Cause[] = []
  if (handle !== undefined && normalizeHandleId(handle) !== (handleOf(block, ordinal) ?? '')) {
    const message = `the address is not held by the handle ${JSON.stringify(handle)}`
    causes.push({ field: 'handle', reason: 'HandleMismatch', message })
  }
  if (sequenceNumber !== undefined && sequenceNumber !== stored) {
    const message = `the address has the sequence number ${String(stored)}, not ${String(sequenceNumber)}`
    causes.push({ field: 'sequenceNumber', reason: 'SequenceNumberMismatch', message })
  }
  for (const [side, usage, none, isNone, map = {}] of [
    ['active', expected.active, 'noActive', expected.noActive, attribute.active],
    ['alternate', expected.alternate, 'noAlternate', expected.noAlternate, attribute.alternate],
  ] as const) {
    const message = `the attributes of the ${side} holder are ${JSON.stringify(map)}`
    if (usage !== undefined && !isExpected(printHolderAttributes(usage), map))
      causes.push({ field: `expected.${side}`, reason: 'OwnerMismatch', message })
    if (isNone === true && Object.keys(readHolderAttributes(map).attributes).length > 0)
      causes.push({ field: `expected.${none}`, reason: 'OwnerMismatch', message })
  }
  return causes
}

function isExpected(expected: Readonly<Record<string, string>>, map: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(expected)
  if (names.length === 0) return Object.keys(map).length === 0
  return names.every((name) => Object.hasOwn(map, name) && map[name] === expected[name])
}
