import { answerOnly, type Cause, type Plan, type Refusal, type Result, success, type View } from '../../plan/index.ts'
import { eligiblePools } from '../eligible-pools.ts'
import type { Allocation, AssignRequest, IpamContext } from '../request.ts'
import { readNodeLabels, readPools } from '../surroundings.ts'
import { planAssign } from './assign.ts'

/** What an assign would do, and why. */
export interface AssignExplanation {
  /** The addresses that it would assign; none if it would be refused. */
  readonly addresses: readonly Allocation[]
  readonly refusal: Refusal | undefined
  /** The names of the pools that may serve the request, in the order in which they are used; none for named addresses. */
  readonly eligible: readonly string[]
  /** Why the other pools do not serve the request, and why it would be refused. */
  readonly causes: readonly Cause[]
}

/** Explains what {@link planAssign} would do, pool by pool, also if it would succeed. Writes nothing, and is not refused. */
export function planExplainAssign(
  view: View,
  request: AssignRequest,
  context: IpamContext,
): Plan<Result<AssignExplanation>> {
  const { answer } = planAssign(view, request, context)
  const { eligible, causes } = poolsOf(view, request, context)
  return answerOnly(
    success({
      addresses: answer.ok ? answer.value.addresses : [],
      refusal: answer.ok ? undefined : answer.refusal,
      eligible,
      // A refusal has the causes of all pools already, and of full ones.
      causes: answer.ok ? causes : answer.refusal.causes,
    }),
  )
}

function poolsOf(
  view: View,
  request: AssignRequest,
  { rights }: IpamContext,
): Pick<AssignExplanation, 'eligible' | 'causes'> {
  const none = { eligible: [], causes: [] }
  const use = request.use ?? 'Workload'
  const isSelectedByNode = request.pools.length === 0 && use !== 'LoadBalancer'
  const nodeLabels = readNodeLabels(view, isSelectedByNode ? request.node : undefined)
  if (request.addresses.length > 0 || !nodeLabels.ok) return none
  const stored = readPools(view)
  const families = ([4, 6] as const).filter((family) => request.counts[family] > 0)
  const found = families.map((family) => eligiblePools(stored, family, request, use, nodeLabels.value, rights))
  return {
    eligible: found.flatMap((one) => (one.ok ? one.value.pools.map(({ name }) => name) : [])),
    causes: found.flatMap((one) => (one.ok ? one.value.causes : [])),
  }
}
