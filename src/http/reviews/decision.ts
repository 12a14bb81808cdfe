import { coversHandle, type Grant, mayAlways, maySometimes, type Rights, verbs } from '../../access/index.ts'
import type { JsonObject } from '../../model/index.ts'

/** The action that a review asks about: Kubernetes' `resourceAttributes`. */
export interface ResourceAttributes {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly name: string
}

/** The answer to a review: yes or no, and the rule that decides. */
export interface Decision {
  readonly allowed: boolean
  readonly reason: string
}

const anything = '*'

/** Returns the verb that an action needs: `delete` for `deletecollection`, otherwise its own. */
export function verbOf(verb: string): string {
  return verb === 'deletecollection' ? 'delete' : verb
}

/**
 * Decides whether an action is allowed, to some objects at least. A rule with conditions allows it to some, and the reason says so.
 * `mayToNamed` is the answer for the object that the review names, where that is known.
 */
export function decide(rights: Rights, attributes: ResourceAttributes, mayToNamed: boolean | undefined): Decision {
  const { caller, isUnlimited } = rights
  const { resource, name } = attributes
  const verb = verbOf(attributes.verb)
  if (isUnlimited) return { allowed: true, reason: 'everything is allowed to administrators' }
  const refused: Decision = {
    allowed: false,
    reason: `no AccessPolicy allows User ${JSON.stringify(caller.user)} this`,
  }
  const known = verbs.find((one) => one === verb)
  if (known === undefined || resource === anything) {
    const grant = rights.grants.find(
      ({ rule }) => isWhole(rule.verbs, verb) && isWhole(rule.resources, resource) && !isConditional({ rule }),
    )
    return grant === undefined ? refused : allowedBy(grant)
  }
  const action = { verb: known, resource }
  if (!maySometimes(rights, action) || mayToNamed === false) return refused
  const grants = rights.grantsFor(action)
  if (resource === 'handles' && name !== '') {
    const grant = grants.find(({ rule }) => coversHandle(rule, name))
    return grant === undefined ? refused : allowedBy(grant)
  }
  const [first] = mayAlways(rights, action) ? grants.filter((grant) => !isConditional(grant)) : grants
  return first === undefined ? refused : allowedBy(first)
}

function allowedBy(grant: Grant): Decision {
  const rule = `rule ${grant.position} of the AccessPolicy ${JSON.stringify(grant.policy)}`
  return {
    allowed: true,
    reason: isConditional(grant) ? `allowed by ${rule}, under its conditions` : `allowed by ${rule}`,
  }
}

/** True if the words of a rule cover `word`. Only `*` covers `*`. */
function isWhole(words: readonly string[], word: string): boolean {
  return words.includes(anything) || (word !== anything && words.includes(word))
}

function isConditional({ rule }: Pick<Grant, 'rule'>): boolean {
  return rule.poolSelector !== undefined || rule.handles !== undefined
}

/**
 * Returns the status of a SelfSubjectRulesReview. Kubernetes has no place for conditions about pools: with such rules, the list says that
 * it is not complete, and names them.
 */
export function listRules(rights: Rights, groupOf: (resource: string) => string): JsonObject {
  const everyPath = [
    '/api',
    '/api/*',
    '/apis',
    '/apis/*',
    '/openapi/*',
    '/version',
    '/livez',
    '/readyz',
    '/docs',
    '/docs/*',
  ]
  const nonResourceRules = [{ verbs: ['get'], nonResourceURLs: rights.isUnlimited ? ['*'] : everyPath }]
  if (rights.isUnlimited) {
    const resourceRules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]
    return { resourceRules, nonResourceRules, incomplete: false }
  }
  const resourceRules = rights.grants.map(({ rule }) => ({
    verbs: rule.verbs,
    apiGroups: [...new Set(rule.resources.map((resource) => (resource === anything ? anything : groupOf(resource))))],
    resources: rule.resources,
    ...(rule.handles !== undefined && { resourceNames: rule.handles }),
  }))
  const limited = rights.grants.filter(({ rule }) => rule.poolSelector !== undefined || rule.maxAddresses !== undefined)
  const described = limited.map(({ policy, position }) => `rule ${position} of ${JSON.stringify(policy)}`)
  return {
    resourceRules,
    nonResourceRules,
    incomplete: limited.length > 0,
    ...(limited.length > 0 && {
      evaluationError: `some rules apply to some pools only, or up to a limit: ${described.join(', ')}`,
    }),
  }
}
