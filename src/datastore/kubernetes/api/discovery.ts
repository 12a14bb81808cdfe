import { isJsonArray, isJsonObject } from '../../../model/index.ts'
import { type CalicoGroup, textAt } from '../forms/index.ts'
import type { ApiClient } from './client.ts'
import { describeRefusal } from './outcome.ts'

/** The names of the groups. */
const groupNames: Readonly<Record<CalicoGroup, string>> = { v1: 'crd.projectcalico.org', v3: 'projectcalico.org' }

/** Finds the group that holds Calico's data. Throws an Error if the API server does not answer, or has none of them. */
export async function discoverGroup(
  client: ApiClient,
  configured: string | undefined,
  timeoutMs: number,
): Promise<CalicoGroup> {
  const outcome = await client.send({ method: 'GET', path: '/apis', timeoutMs })
  if (outcome.kind === 'refused') throw new Error(describeRefusal(outcome.refusal))
  if (outcome.kind !== 'answered') throw outcome.error
  const { groups } = outcome.object
  const names = isJsonArray(groups) ? groups.filter(isJsonObject).map((group) => textAt(group, 'name')) : []
  const group = chooseGroup(names, configured)
  if (names.includes(groupNames[group])) return group
  throw new Error(`the API server has no group ${groupNames[group]}: Calico's definitions (CRDs) are not installed`)
}

/**
 * The group that Calico's own clients would choose: the configured one; else v3 if it is there and v1 is not. If both are, v3 is served by
 * Calico's API server, which keeps its data in v1.
 */
export function chooseGroup(groups: readonly string[], configured: string | undefined): CalicoGroup {
  if (configured !== undefined && configured !== '') return configured === 'projectcalico.org/v3' ? 'v3' : 'v1'
  return groups.includes(groupNames.v3) && !groups.includes(groupNames.v1) ? 'v3' : 'v1'
}
