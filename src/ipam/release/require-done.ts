import { type Address, compareAddresses, formatAddress } from '../../net/index.ts'
import { type Cause, listSome, type Plan, refuse, type Result, success, type View } from '../../plan/index.ts'
import type { FailedRelease, IpamContext, ReleaseAnswer, ReleaseItem } from '../request.ts'
import { planRelease } from './release.ts'

/** The outcome of a release, also of one whose transactions did not all succeed. */
export interface OutcomeOfRelease {
  readonly released: readonly Address[]
  readonly unallocated: readonly Address[]
  readonly failed: readonly (Omit<FailedRelease, 'reason'> & {
    readonly reason: FailedRelease['reason'] | 'Unavailable'
  })[]
}

/** The part of an item that an address failed for. */
type FailedPart = 'address' | 'handle' | 'sequenceNumber'

const partOf: Readonly<Record<FailedRelease['reason'], FailedPart>> = {
  HandleMismatch: 'handle',
  SequenceNumberMismatch: 'sequenceNumber',
  Unreadable: 'address',
}

/**
 * Refuses with `Conflict` a release in which no address is as the caller says, so that it did nothing at all. If only some are not, the
 * outcome says so for each. `fieldOf` names the field of the `index`-th item in the request.
 */
export function requireAnyDone<Outcome extends OutcomeOfRelease>(
  items: readonly ReleaseItem[],
  outcome: Outcome,
  fieldOf: (index: number, part: FailedPart) => string,
): Result<Outcome> {
  const { released, unallocated, failed } = outcome
  const causes = failed.flatMap(({ address, reason, message }): readonly Cause[] => {
    if (reason === 'Unavailable') return []
    const index = items.findIndex((item) => compareAddresses(item.address, address) === 0)
    return [{ field: fieldOf(index, partOf[reason]), reason, message }]
  })
  const isAnyDone = released.length + unallocated.length > 0 || causes.length < failed.length
  if (isAnyDone || causes.length === 0) return success(outcome)
  return refuse('Conflict', `${listSome(causes.map(({ message }) => message))}; nothing was released.`, causes)
}

/**
 * Releases one address. Refused with `NotFound` if it is not assigned, and with `Conflict` if it is not held as the item says.
 */
export function planReleaseAddress(view: View, item: ReleaseItem, context: IpamContext): Plan<Result<ReleaseAnswer>> {
  const { answer, writes } = planRelease(view, [item], context)
  if (!answer.ok) return { answer, writes }
  if (answer.value.unallocated.length > 0) {
    return { answer: refuse('NotFound', `${formatAddress(item.address)} is not assigned.`), writes }
  }
  return { answer: requireAnyDone([item], answer.value, (_, part) => (part === 'address' ? 'ip' : part)), writes }
}
