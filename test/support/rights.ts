import assert from 'node:assert/strict'
import { type Caller, type Gatekeeper, Policies, type Rights, unlimited } from '../../src/access/index.ts'
import { accessPolicies, type AccessPolicy, accessPolicyKey } from '../../src/model/index.ts'

/** A rule as it is written in a policy. */
export interface WrittenRule {
  readonly verbs: readonly string[]
  readonly resources: readonly string[]
  readonly poolSelector?: string
  readonly handles?: readonly string[]
  readonly maxAddresses?: number
}

/** The policy of this name for these groups, as it is read. */
export function policyOf(name: string, groups: readonly string[], rules: readonly WrittenRule[]): AccessPolicy {
  const subjects = groups.map((group) => ({ kind: 'Group', name: group }))
  const text = JSON.stringify({ metadata: { name }, spec: { subjects, rules } })
  const policy = accessPolicies.decode(accessPolicyKey(name).text, text)
  assert(policy.ok, 'a policy can be read')
  return policy.value
}

/** What somebody in the group `tenants` may do by one policy with these rules. */
export function rightsBy(...rules: readonly WrittenRule[]): Rights {
  return new Policies([policyOf('tenant', ['tenants'], rules)]).rightsOf({ user: 'ann', groups: ['tenants'] })
}

/** The right to do everything in the pools of a team; to some handles only, if they are given. */
export function everythingOf(team: string, handles?: readonly string[]): WrittenRule {
  return { verbs: ['*'], resources: ['*'], poolSelector: `team == '${team}'`, ...(handles && { handles }) }
}

/** A gatekeeper that believes the user that a request names: `Bearer <user>`, in the group of the same name; `root` may do everything. */
export function gateBy(policies: readonly AccessPolicy[]): Gatekeeper {
  const known = new Policies(policies)
  const rights = new Map<string, Rights>()
  return {
    identify({ authorization }) {
      const user = /^Bearer (.+)$/.exec(authorization ?? '')?.[1]
      return user === undefined
        ? { ok: false, reason: 'missing', problem: 'no user' }
        : { ok: true, caller: { user, groups: [user.replace(/-.*/, '')] } }
    },
    rightsOf(caller: Caller) {
      if (caller.user === 'root') return { ...unlimited, caller }
      const found = rights.get(caller.user) ?? known.rightsOf(caller)
      rights.set(caller.user, found)
      return found
    },
  }
}
