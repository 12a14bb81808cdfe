import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { DatastoreUnavailable } from '../../datastore/index.ts'
import {
  type Context,
  planRelease,
  planReleaseHandle,
  type ReleaseItem,
  type HandleReleaseAnswer,
} from '../../ipam/index.ts'
import { compareAddresses, formatAddress, mustParseAddress } from '../../net/index.ts'
import { answerOnly, type Plan, type View, type Result, success } from '../../plan/index.ts'
import { failedReasons, type Release } from '../schemas/index.ts'
import { printRelease, readHoldings } from './addresses/index.ts'
import { type ChangeMode, carryOutChange } from './idempotency.ts'
import type { IpamOptions } from './ipam-operation.ts'

/**
 * A release of very much takes several transactions; each address is answered for itself anyway. A part is what one of them did. When
 * the call is to take effect once, each part does: a repetition finds those that are done, and carries out the others.
 */
const Part = Type.Object({
  released: Type.Array(Type.String()),
  unallocated: Type.Array(Type.String()),
  failed: Type.Array(
    Type.Object({
      address: Type.String(),
      reason: Type.Union(failedReasons.map((reason) => Type.Literal(reason))),
      message: Type.String(),
    }),
  ),
  /** Whether it was the last part. */
  isComplete: Type.Boolean(),
})
type Part = Static<typeof Part>

/** Addresses of one part: each may need its block, its handle, its node and its claim, of the 128 keys of a transaction. */
const addressesPerPart = 30

/**
 * Takes back addresses, the parts side by side; the first goes ahead if the call is to take effect once. Addresses of a part that
 * did not come about are told as failed; throws its fault when none came about.
 */
export async function releaseAddresses(
  options: IpamOptions,
  items: readonly ReleaseItem[],
  mode: ChangeMode,
): Promise<Release> {
  const shares = Array.from({ length: Math.ceil(items.length / addressesPerPart) }, (_, part) =>
    items.slice(part * addressesPerPart, (part + 1) * addressesPerPart),
  )
  const release = (share: readonly ReleaseItem[], part: number): Promise<Part> =>
    releasePart(options, mode, part, (view, context) => planItems(view, share, context))
  const [first = [], ...others] = shares
  const leading = release(first, 0)
  // Whether the key is free for this call shows by the first part, before any other may do something.
  if (mode.once !== undefined) await leading
  const outcomes = await Promise.allSettled([leading, ...others.map((share, index) => release(share, index + 1))])
  const isAnyDone = outcomes.some(({ status }) => status === 'fulfilled')
  return merge(
    outcomes.map((outcome, part) => {
      if (outcome.status === 'fulfilled') return outcome.value
      if (isAnyDone && isHarmless(outcome.reason)) return notDone(shares[part] ?? [], outcome.reason)
      throw outcome.reason
    }),
  )
}

/** Takes back everything of a handle, part after part. Throws a refusal `NotFound` when there is no such handle. */
export async function releaseHandle(options: IpamOptions, handle: string, mode: ChangeMode): Promise<Release> {
  const plan = (view: View, context: Context): Plan<Result<HandleReleaseAnswer>> =>
    planReleaseHandle(view, handle, context)
  const parts = [await releasePart(options, mode, 0, plan)]
  if (parts[0]?.isComplete === false && mode.dryRun === 'All') {
    // A part that is not written has no next one, but all parts together would take back what the handle holds.
    const { addresses } = await readHoldings(options, handle)
    return printRelease({ released: addresses.map(({ address }) => address), unallocated: [], failed: [] })
  }
  while (parts.at(-1)?.isComplete === false) {
    parts.push(await releasePart(options, mode, parts.length, (view, context) => restOfHandle(plan(view, context))))
  }
  return merge(parts)
}

async function releasePart(
  options: IpamOptions,
  mode: ChangeMode,
  part: number,
  plan: (view: View, context: Context) => Plan<Result<HandleReleaseAnswer>>,
): Promise<Part> {
  const print = (answer: HandleReleaseAnswer): Part => ({ ...printRelease(answer), isComplete: answer.isComplete })
  const done: unknown = JSON.parse(await carryOutChange(options, mode, plan, print, part))
  Value.Assert(Part, done)
  return done
}

function planItems(view: View, items: readonly ReleaseItem[], context: Context): Plan<Result<HandleReleaseAnswer>> {
  const { answer, writes } = planRelease(view, items, context)
  return { answer: answer.ok ? success({ ...answer.value, isComplete: true }) : answer, writes }
}

/** A part after the first finds no such handle when somebody else released the rest, which is no refusal any more. */
function restOfHandle(planned: Plan<Result<HandleReleaseAnswer>>): Plan<Result<HandleReleaseAnswer>> {
  if (planned.answer.ok || planned.answer.refusal.reason !== 'NotFound') return planned
  return answerOnly(success({ released: [], unallocated: [], failed: [], isComplete: true }))
}

/** Whether it is certain that nothing was changed. */
function isHarmless(fault: unknown): fault is DatastoreUnavailable {
  return fault instanceof DatastoreUnavailable && fault.code !== 'OutcomeUnknown'
}

function notDone(items: readonly ReleaseItem[], { message }: DatastoreUnavailable): Part {
  const failed = items.map(({ address }) => ({
    address: formatAddress(address),
    reason: 'Unavailable' as const,
    message,
  }))
  return { released: [], unallocated: [], failed, isComplete: true }
}

function merge(parts: readonly Part[]): Release {
  const ascending = (one: string, other: string): number =>
    compareAddresses(mustParseAddress(one), mustParseAddress(other))
  return {
    released: parts.flatMap(({ released }) => released).sort(ascending),
    unallocated: parts.flatMap(({ unallocated }) => unallocated).sort(ascending),
    failed: parts.flatMap(({ failed }) => failed).sort((one, other) => ascending(one.address, other.address)),
  }
}
