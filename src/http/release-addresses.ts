import { DatastoreUnavailable } from '../datastore/index.ts'
import { planRelease, type FailedRelease, type ReleaseAnswer, type ReleaseItem } from '../ipam/index.ts'
import type { IpamOptions } from './ipam-operation.ts'
import { carryOut } from './ipam-operation.ts'

/** Addresses of one transaction: each may need its block, its handle and its claim, of the 128 keys that etcd allows. */
const perTransaction = 40

/**
 * Takes back addresses, as many transactions as it takes, side by side: each address is answered for itself anyway. Those of a
 * transaction that did not come about are told as failed; throws its fault when none came about.
 */
export async function releaseAddresses(
  options: IpamOptions,
  items: readonly ReleaseItem[],
  query: { readonly dryRun?: 'All' },
): Promise<ReleaseAnswer> {
  const parts = Array.from({ length: Math.ceil(items.length / perTransaction) }, (_, part) =>
    items.slice(part * perTransaction, (part + 1) * perTransaction),
  )
  const outcomes = await Promise.allSettled(
    parts.map((part) => carryOut(options, (view, context) => planRelease(view, part, context), query)),
  )
  const answers: ReleaseAnswer[] = []
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') answers.push(outcome.value)
    else if (isHarmless(outcome.reason) && outcomes.some(({ status }) => status === 'fulfilled')) {
      answers.push(notDone(parts[index] ?? [], outcome.reason))
    } else throw outcome.reason
  }
  return {
    released: answers.flatMap(({ released }) => released),
    unallocated: answers.flatMap(({ unallocated }) => unallocated),
    failed: answers.flatMap(({ failed }) => failed),
  }
}

/** Whether it is certain that nothing was changed. */
function isHarmless(fault: unknown): fault is DatastoreUnavailable {
  return fault instanceof DatastoreUnavailable && fault.code !== 'OutcomeUnknown'
}

function notDone(items: readonly ReleaseItem[], { message }: DatastoreUnavailable): ReleaseAnswer {
  const failed = items.map(({ address }): FailedRelease => ({ address, reason: 'Unavailable', message }))
  return { released: [], unallocated: [], failed }
}
