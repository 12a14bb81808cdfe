import { Scan } from '../../datastore/index.ts'
import { type Context, planTakeDownNode } from '../../ipam/index.ts'
import { type BlockIndex, workloadEndpoints, workloadEndpointsInPages } from '../../model/index.ts'
import { answerOnly, type Plan, type View, type Result, success } from '../../plan/index.ts'
import type { Store } from '../ipam/index.ts'

/** Carries out one step of a deletion; throws its refusal, which it is also when there is nothing to delete any more. */
export type CarryOutStep = <Answer>(
  plan: (view: View, context: Pick<Context, 'now'>) => Plan<Result<Answer>>,
) => Promise<Answer>

/** What has to go before an object is deleted, and is too much to be in memory. */
export type TakeDown = (name: string, carryOut: CarryOutStep) => Promise<void>

/**
 * Takes down a node that is to be deleted: its workload endpoints with their addresses, and the addresses of its tunnels. In steps, each
 * of which leaves everything in order; whoever begins again goes on where the last one ended.
 * @see docs/calico/formats.md section 4.3, Delete
 */
export function nodeTakeDown(store: Pick<Store, 'page'>, blocks: BlockIndex): TakeDown {
  return async (node, carryOut) => {
    // Before everything is read, it is known whether there is something to delete.
    await carryOut(() => answerOnly(success(undefined)))
    let endpoints = await endpointsOn(store, node)
    for (let isComplete = false; !isComplete; ) {
      const left = endpoints
      const step = await carryOut((view, { now }) => planTakeDownNode(view, node, left, { now, blocks }))
      endpoints = left.slice(step.settledCount)
      isComplete = step.isComplete
    }
  }
}

/** The keys of all endpoints on a node. Their names begin with that of the node, but the namespace comes first. */
async function endpointsOn(store: Pick<Store, 'page'>, node: string): Promise<readonly string[]> {
  const scan = await Scan.begin(store, workloadEndpoints)
  const keys: string[] = []
  for await (const page of scan.entries(workloadEndpointsInPages)) {
    for (const entry of page) if (entry.kind === 'value' && entry.value.node === node) keys.push(entry.key)
  }
  return keys
}
