import { planReadHandle, planReleaseHandle } from '../ipam/index.ts'
import type { ReleaseAnswer } from '../ipam/index.ts'
import { RefusalError } from './errors.ts'
import type { IpamOptions } from './ipam-operation.ts'
import { carryOut } from './ipam-operation.ts'

/**
 * Takes back everything of a handle: one transaction for as many blocks as fit into one, until nothing is left. Throws a refusal
 * `NotFound` when there is no such handle.
 */
export async function releaseHandle(
  options: IpamOptions,
  handle: string,
  query: { readonly dryRun?: 'All' },
): Promise<ReleaseAnswer> {
  const first = await carryOut(options, (view, context) => planReleaseHandle(view, handle, context), query)
  if (first.isComplete) return first
  if (query.dryRun === 'All') {
    // A step that is not written has no next one, but all steps together would take back what the handle holds.
    const { addresses } = await carryOut(options, (view, context) => planReadHandle(view, handle, context))
    return { ...first, released: addresses.map(({ address }) => address) }
  }
  const steps: ReleaseAnswer[] = [first]
  for (let isComplete: boolean = first.isComplete; !isComplete; ) {
    const step = await carryOut(options, (view, context) => planReleaseHandle(view, handle, context)).catch(endOfHandle)
    steps.push(step)
    isComplete = step.isComplete
  }
  return {
    released: steps.flatMap(({ released }) => released),
    unallocated: steps.flatMap(({ unallocated }) => unallocated),
    failed: steps.flatMap(({ failed }) => failed),
  }
}

/** Somebody else released the rest. */
function endOfHandle(error: unknown): ReleaseAnswer & { readonly isComplete: boolean } {
  if (!(error instanceof RefusalError) || error.refusal.reason !== 'NotFound') throw error
  return { released: [], unallocated: [], failed: [], isComplete: true }
}
