import { compareAddresses, type IpFamily, formatCidr } from '../../net/index.ts'
import { type View, type Cause, refuse, type Result, success } from '../../plan/index.ts'
import { heldBy } from '../read/index.ts'
import type { Allocation, AssignRequest, Context } from '../request.ts'

/** What is left of a request when its handle may hold only so many addresses. */
export interface Capped {
  /** What is still to be assigned. */
  readonly request: AssignRequest
  /** What the handle holds already, and is given again. */
  readonly again: readonly Allocation[]
}

/**
 * Keeps a handle within `maxPerHandle` addresses of each family. Where a request would go beyond it, nothing new is given: the handle
 * gets what it holds already, if that is as much as it asks for, and is refused otherwise; so that such a call can be repeated. What
 * counts are the addresses, not the counts of the handle, which may be too high. @see docs/calico/ipam.md sections 1.10 and 2
 */
export function capHandle(view: View, request: AssignRequest, context: Context): Result<Capped> {
  const { maxPerHandle, handle } = request
  if (maxPerHandle === undefined) return success({ request, again: [] })
  const held = heldBy(view, handle, context)
  if (!held.ok) return held
  const { allocations, unreadable } = held.value
  if (unreadable.length > 0) {
    const blocks = unreadable.map(formatCidr).join(', ')
    const message = `What ${JSON.stringify(handle)} holds is not known, as stored blocks cannot be read: ${blocks}`
    return refuse('Conflict', message)
  }
  const named = allocations.filter(({ address }) =>
    request.addresses.some((one) => compareAddresses(one, address) === 0),
  )
  const addresses = request.addresses.filter(
    (one) => !named.some(({ address }) => compareAddresses(one, address) === 0),
  )
  const counts = { ...request.counts }
  const again = [...named]
  const causes: Cause[] = []
  for (const family of [4, 6] as const) {
    const ofFamily = allocations.filter(({ address }) => address.family === family)
    const wanted = counts[family] + addresses.filter((address) => address.family === family).length
    if (wanted === 0 || ofFamily.length + wanted <= maxPerHandle) continue
    if (addresses.length > 0 || ofFamily.length < counts[family]) causes.push(beyond(family, ofFamily.length, request))
    again.push(...ofFamily.slice(0, counts[family]))
    counts[family] = 0
  }
  if (causes.length > 0) return refuse('Conflict', 'The handle would hold more addresses than it may.', causes)
  return success({ request: { ...request, addresses, counts }, again })
}

function beyond(family: IpFamily, count: number, { handle, maxPerHandle }: AssignRequest): Cause {
  const message = `${JSON.stringify(handle)} holds ${String(count)} IPv${String(family)} addresses, and may hold ${String(maxPerHandle)}`
  return { field: 'maxPerHandle', reason: 'HandleLimit', message }
}
