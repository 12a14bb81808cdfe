import assert from 'node:assert/strict'
import { unlimited } from '../access/index.ts'
import { builtInPolicyMarkKey, type JsonObject } from '../model/index.ts'
import { type Plan, put, type View, type Write } from '../plan/index.ts'
import { planCreate } from './changes/index.ts'
import { objectIn, textIn } from './object/index.ts'
import { ippooldGroup, type ServedKind, type StoredObject, type WriteContext } from './kind.ts'

const reading = ['get', 'list', 'watch']
const changing = ['create', 'update', 'patch', 'delete']

/** The resources that can be changed, and those that can only be read. Policies and tokens are left to administrators. */
const changeable = ['ippools', 'ipreservations', 'ipamconfigurations', 'nodes', 'affinities']
const shown = ['blockaffinities', 'ipamblocks', 'ipamhandles', 'clusterinformations', 'addresses', 'handles']

const viewRules = [
  { verbs: reading, resources: [...changeable, ...shown] },
  { verbs: ['check'], resources: ['addresses'] },
  { verbs: ['get'], resources: ['metrics'] },
]
const editRules = [
  { verbs: changing, resources: changeable },
  { verbs: ['assign', 'release', 'update', 'repair'], resources: ['addresses', 'handles'] },
]

/** The policies that every server has, for the groups of the same names. */
const builtInPolicies: readonly JsonObject[] = [
  builtIn('ippoold:view', 'May look at everything but policies and tokens.', viewRules),
  builtIn('ippoold:edit', 'May also change it, and assign and release addresses.', [...viewRules, ...editRules]),
]

function builtIn(name: string, description: string, rules: readonly JsonObject[]): JsonObject {
  return {
    apiVersion: ippooldGroup.apiVersion,
    kind: 'AccessPolicy',
    metadata: { name, annotations: { description } },
    spec: { subjects: [{ kind: 'Group', name }], rules },
  }
}

/**
 * Makes the built-in policies that were never made on this datastore, and returns their names. One that was changed stays as it is, and
 * one that was deleted stays away. Servers that start at once agree: the marks are proved in the transaction.
 */
export function planBuiltInPolicies(
  view: View,
  kinds: readonly ServedKind<StoredObject>[],
  { now, newUid }: { readonly now: WriteContext['now']; readonly newUid: () => string },
): Plan<readonly string[]> {
  const kind = kinds.find(({ plural }) => plural === 'accesspolicies')
  assert(kind?.isReadOnly === false, 'policies can be written')
  const made: string[] = []
  const writes: Write[] = []
  for (const policy of builtInPolicies) {
    const name = nameOf(policy)
    const mark = builtInPolicyMarkKey(name)
    if (view.get(mark).kind !== 'absent') continue
    writes.push(put(mark, { isMade: true }))
    const context: WriteContext = {
      ...{ now, uid: newUid(), manager: 'ippoold', rights: unlimited },
      ...({ subresource: '', fieldValidation: 'Strict' } as const),
    }
    const plan = planCreate(view, kind, policy, context)
    // A policy of this name may have been created before the first server with this built-in policy started.
    if (!plan.answer.ok) continue
    made.push(name)
    writes.push(...plan.writes)
  }
  return { answer: made, writes }
}

function nameOf(policy: JsonObject): string {
  return textIn(objectIn(policy, 'metadata'), 'name')
}
