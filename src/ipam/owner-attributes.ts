import {
  type Attribute,
  comparableHandle,
  handleOf,
  type Owners,
  replaceAttribute,
  sequenceNumberOf,
  withOwners,
} from '../model/index.ts'
import { type Address, formatAddress } from '../net/index.ts'
import { answerOnly, type Plan, type View, type Cause, refuse, type Result, success } from '../plan/index.ts'
import { mapOf, type Usage, usageIn } from './allocation.ts'
import { Draft } from './draft.ts'
import { findHeld, type HeldAddress } from './read/index.ts'
import type { Context } from './request.ts'
import { readConfig, readPools, requireUnlocked } from './surroundings.ts'

/** Who uses an address, and who did or will: during a live migration there are two. */
export interface Ownership {
  readonly address: Address
  readonly handle: string | undefined
  readonly sequenceNumber: bigint
  /** Who uses it now; Calico's `secondary`. */
  readonly active: Usage
  /** Who used it, or is to use it; Calico's `alternateOwnerAttrs`. */
  readonly alternate: Usage
}

/** A change of who uses an address, and what must hold before. What is undefined stays, or may be anything. */
export interface OwnerChange {
  readonly address: Address
  readonly change:
    | { readonly kind: 'set'; readonly active?: Usage; readonly alternate?: Usage }
    | { readonly kind: 'swap' }
  readonly handle?: string
  readonly sequenceNumber?: bigint
  /** Everything that is named here must be there; where nothing is named, there must be nothing. */
  readonly expected: { readonly active?: Usage; readonly alternate?: Usage }
}

/** Who uses an address. Refused with `NotFound` when nobody holds it. */
export function planReadOwners(view: View, address: Address, context: Context): Plan<Result<Ownership>> {
  const found = find(view, address, context)
  return answerOnly(found.ok ? success(ownershipOf(address, found.value.held)) : found)
}

/**
 * Changes who uses an address, without a change of its handle and its number: others that were assigned in the same call, and share an
 * entry with it, keep theirs. Every precondition is looked at before anything is changed; `Conflict` names all that do not hold.
 * @see docs/calico/ipam.md section 8
 */
export function planChangeOwners(view: View, wish: OwnerChange, context: Context): Plan<Result<Ownership>> {
  const unlocked = requireUnlocked(view)
  if (!unlocked.ok) return answerOnly(unlocked)
  const found = find(view, wish.address, context)
  if (!found.ok) return answerOnly(found)
  const { draft, held } = found.value
  const causes = brokenPreconditions(wish, held)
  if (causes.length > 0) {
    const message = `${formatAddress(wish.address)} is not as the request expects; nothing was changed.`
    return answerOnly(refuse('Conflict', message, causes))
  }
  const { block, ordinal } = held
  const attribute = withOwners(held.attribute, changed(held.attribute, wish.change))
  const after = replaceAttribute(block, ordinal, attribute)
  if (after !== block) draft.setBlock(after)
  return { answer: success(ownershipOf(wish.address, { block: after, ordinal, attribute })), writes: draft.writes() }
}

function find(
  view: View,
  address: Address,
  context: Context,
): Result<{ readonly draft: Draft; readonly held: HeldAddress }> {
  const config = readConfig(view)
  if (!config.ok) return config
  const draft = new Draft(view, context.now, config.value.ipCooldownSeconds)
  const held = findHeld(draft, readPools(view), address, context)
  return held.ok ? success({ draft, held: held.value }) : held
}

function ownershipOf(address: Address, { block, ordinal, attribute }: HeldAddress): Ownership {
  return {
    address,
    handle: handleOf(block, ordinal),
    sequenceNumber: sequenceNumberOf(block, ordinal),
    active: usageIn(attribute.secondary),
    alternate: usageIn(attribute.alternateOwner),
  }
}

function changed({ secondary, alternateOwner }: Attribute, change: OwnerChange['change']): Owners {
  if (change.kind === 'swap') return { secondary: alternateOwner, alternateOwner: secondary }
  const { active, alternate } = change
  return {
    secondary: active === undefined ? secondary : mapOf(active),
    alternateOwner: alternate === undefined ? alternateOwner : mapOf(alternate),
  }
}

function brokenPreconditions(wish: OwnerChange, held: HeldAddress): readonly Cause[] {
  const { handle, sequenceNumber, expected } = wish
  const { block, ordinal, attribute } = held
  const stored = sequenceNumberOf(block, ordinal)
  const causes: Cause[] = []
  if (handle !== undefined && comparableHandle(handle) !== (handleOf(block, ordinal) ?? '')) {
    const message = `the address is not held by the handle ${JSON.stringify(handle)}`
    causes.push({ field: 'handle', reason: 'HandleMismatch', message })
  }
  if (sequenceNumber !== undefined && sequenceNumber !== stored) {
    const message = `the address has the sequence number ${String(stored)}, not ${String(sequenceNumber)}`
    causes.push({ field: 'sequenceNumber', reason: 'SequenceNumberMismatch', message })
  }
  for (const [side, usage, map] of [
    ['active', expected.active, attribute.secondary],
    ['alternate', expected.alternate, attribute.alternateOwner],
  ] as const) {
    if (usage === undefined || isExpected(mapOf(usage), map ?? {})) continue
    const message = `the ${side} owner is ${JSON.stringify(map ?? {})}`
    causes.push({ field: `expected.${side}`, reason: 'OwnerMismatch', message })
  }
  return causes
}

function isExpected(expected: Readonly<Record<string, string>>, map: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(expected)
  if (names.length === 0) return Object.keys(map).length === 0
  return names.every((name) => Object.hasOwn(map, name) && map[name] === expected[name])
}
