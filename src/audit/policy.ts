import type { Caller } from '../access/index.ts'

/** The parts of a call that are recorded: nothing; metadata; also the body of the request; also that of the answer. */
export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type Level = (typeof levels)[number]

/**
 * The moments of a call that have an event: when the caller is known, when the head of a watch or report is sent, when the answer is
 * complete, and when the server has panicked. ippoold has no event for the last one: a bug is an answer with status 500.
 */
export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const
export type Stage = (typeof stages)[number]

/** The rules for which calls are recorded, and how much of them: the fields of Kubernetes' `Policy` that apply here. */
export interface AuditPolicy {
  /** The first one that matches decides. A call that none matches is not recorded. */
  readonly rules: readonly AuditRule[]
  readonly omitStages: readonly Stage[]
  readonly omitManagedFields: boolean
}

/** A rule of an {@link AuditPolicy}. A condition that is undefined is met by every call. */
export interface AuditRule {
  readonly level: Level
  readonly users?: readonly string[] | undefined
  readonly userGroups?: readonly string[] | undefined
  readonly verbs?: readonly string[] | undefined
  /** Met by calls about objects only. */
  readonly resources?: readonly ResourceSet[] | undefined
  /** Paths, or beginnings of paths with `*` at their ends. Met by calls about no object only. */
  readonly nonResourceURLs?: readonly string[] | undefined
  /** More stages to omit. */
  readonly omitStages: readonly Stage[]
  /** Takes precedence over the one of the policy. */
  readonly omitManagedFields?: boolean | undefined
}

/** Some resources of one API group. */
export interface ResourceSet {
  /** Empty for the resources below `/ipam/v1`: addresses, handles, affinities. */
  readonly group: string
  /** `ippools`, `ippools/status`, `ippools/*` for all parts, `*` + `/status` for this part of all; `*` or an empty list for everything. */
  readonly resources: readonly string[]
  /** Names of objects; empty for all. */
  readonly resourceNames: readonly string[]
}

/** The object of a call, as events name it. */
export interface ObjectReference {
  readonly resource: string
  readonly name?: string | undefined
  readonly apiGroup?: string | undefined
  readonly apiVersion: string
  readonly subresource?: string | undefined
}

/** The facts about a call that rules match. */
export interface MatchedCall {
  /** Undefined if the caller is unknown. */
  readonly caller: Caller | undefined
  readonly verb: string
  /** Undefined if the call is about no object. */
  readonly object: ObjectReference | undefined
  readonly path: string
}

/** The outcome of a policy for one call. */
export interface Decision {
  readonly level: Level
  readonly omitStages: readonly Stage[]
  readonly omitManagedFields: boolean
}

/** The policy unless one is given: records metadata of all calls but probes and documents. */
export const defaultPolicy: AuditPolicy = {
  rules: [
    {
      level: 'None',
      nonResourceURLs: ['/', '/livez', '/readyz', '/version', '/docs*', '/openapi*', '/ui*'],
      omitStages: [],
    },
    { level: 'Metadata', omitStages: [] },
  ],
  omitStages: ['RequestReceived'],
  omitManagedFields: false,
}

/** Decides how much of a call is recorded. */
export function decide(policy: AuditPolicy, call: MatchedCall): Decision {
  const rule = policy.rules.find((one) => matchesRule(one, call))
  if (rule === undefined) return { level: 'None', omitStages: stages, omitManagedFields: true }
  return {
    level: rule.level,
    omitStages: [...policy.omitStages, ...rule.omitStages],
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields,
  }
}

function matchesRule(rule: AuditRule, { caller, verb, object, path }: MatchedCall): boolean {
  const { users, userGroups, verbs, resources, nonResourceURLs } = rule
  if (users !== undefined && (caller === undefined || !users.includes(caller.user))) return false
  if (userGroups !== undefined && caller?.groups.some((group) => userGroups.includes(group)) !== true) return false
  if (verbs !== undefined && !verbs.includes(verb)) return false
  if (resources !== undefined) return object !== undefined && resources.some((set) => contains(set, object))
  if (nonResourceURLs !== undefined) return object === undefined && nonResourceURLs.some((one) => isLike(path, one))
  return true
}

function contains({ group, resources, resourceNames }: ResourceSet, object: ObjectReference): boolean {
  if (group !== (object.apiGroup ?? '')) return false
  if (resourceNames.length > 0 && !resourceNames.includes(object.name ?? '')) return false
  return resources.length === 0 || resources.some((pattern) => isPart(object, pattern))
}

/** As in Kubernetes, a resource without a part does not include its parts. */
function isPart({ resource, subresource }: ObjectReference, pattern: string): boolean {
  if (pattern === '*') return true
  if (subresource === undefined) return pattern === resource
  return [`${resource}/${subresource}`, `${resource}/*`, `*/${subresource}`].includes(pattern)
}

function isLike(path: string, pattern: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
}
