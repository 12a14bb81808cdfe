import {
  accessPolicies,
  type AccessLimits,
  type AccessPolicy,
  type AccessRule,
  type AccessSubject,
} from '../model/index.ts'
import { type Observer, type Refusal, shorten } from '../plan/index.ts'
import { matches } from '../selector/index.ts'
import { adminGroup, anonymous, type Caller, unchecked } from './caller.ts'

/** The verbs of rules. `get`, `list` and `watch` read; `assign` and `release` are for addresses, `check` and `repair` for all data. */
export const verbs = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'assign',
  'release',
  'check',
  'repair',
] as const

/** One of the {@link verbs}. */
export type Verb = (typeof verbs)[number]

/** A verb, and the resource that it applies to: the plural of a kind, or `addresses`, `handles`, `affinities`, `metrics`. */
export interface Action {
  readonly verb: Verb
  readonly resource: string
}

/** The object of an action. A condition about a member that the object lacks is not met. */
export interface AccessedObject {
  /** The labels of the pool that it is, or belongs to. */
  readonly poolLabels?: Readonly<Record<string, string>> | undefined
  /** The handle that it is, or belongs to. */
  readonly handle?: string | undefined
}

/** A rule that applies to a caller. */
export interface Grant {
  readonly policy: string
  /** The position of the rule in its policy. */
  readonly position: number
  /** The subject of the policy that the caller is, or belongs to. */
  readonly subject: AccessSubject
  readonly rule: AccessRule
}

/** The limits of a policy on calls, for a subject that the caller is or belongs to. */
export interface CallLimit {
  readonly policy: string
  readonly subject: AccessSubject
  readonly limits: AccessLimits
}

/** The rights of one caller, by all policies. */
export interface Rights {
  readonly caller: Caller
  /** True if the caller may do everything, so that there is no need to ask for each object. */
  readonly isUnlimited: boolean
  /** The rules that allow the action, at least for some objects; none if {@link isUnlimited}. */
  grantsFor(action: Action): readonly Grant[]
  /** All rules that apply to the caller; none if {@link isUnlimited}. */
  readonly grants: readonly Grant[]
  /** The limits on the caller's calls, all in force; none if {@link isUnlimited}. */
  readonly limits: readonly CallLimit[]
  /** Calls `callback` once the policies for the caller have changed: these rights are outdated. Calling the result unsubscribes. */
  onOutdated(callback: () => void): () => void
}

const nothingMore = { limits: [], grants: [], grantsFor: () => [], onOutdated: () => () => undefined } as const

/** The rights to do nothing. */
export const noRights: Rights = { ...nothingMore, caller: anonymous, isUnlimited: false }

/** The rights to do everything, of the server itself and of every caller of a server that asks for no credentials. */
export const unlimited: Rights = { ...nothingMore, caller: unchecked, isUnlimited: true }

/** True if the caller may do this to some objects at least. */
export function maySometimes(rights: Rights, action: Action): boolean {
  return rights.isUnlimited || rights.grantsFor(action).length > 0
}

/** True if the caller may do this to all objects of the resource, whatever they belong to. */
export function mayAlways(rights: Rights, action: Action): boolean {
  return may(rights, action, {})
}

/** True if the caller may do this to the object. */
export function may(rights: Rights, action: Action, object: AccessedObject): boolean {
  return rights.isUnlimited || rights.grantsFor(action).some(({ rule }) => covers(rule, object))
}

/** True if the object meets all conditions of the rule. */
export function covers(rule: AccessRule, { poolLabels, handle }: AccessedObject): boolean {
  return coversPool(rule, poolLabels) && coversHandle(rule, handle)
}

/** True if a pool with these labels meets the rule's condition about pools. Undefined stands for an object that belongs to no pool. */
export function coversPool({ poolSelector }: AccessRule, labels: AccessedObject['poolLabels']): boolean {
  return poolSelector === undefined || (labels !== undefined && matches(poolSelector, labels))
}

/** True if the handle meets the rule's condition about handles. Undefined stands for an object that belongs to no handle. */
export function coversHandle({ handles }: AccessRule, handle: string | undefined): boolean {
  return handles === undefined || (handle !== undefined && handles.some((pattern) => isLike(handle, pattern)))
}

/**
 * Refuses an action. Says what would be needed, and nothing about any object that the caller did not name.
 *
 * @param what the objects, in words
 */
export function denied({ caller }: Rights, { verb, resource }: Action, what = `these ${resource}`): Refusal {
  const user = shorten(JSON.stringify(caller.user))
  const message = `User ${user} may not ${verb} ${what}; an AccessPolicy with the verb ${verb} and the resource ${resource} would allow it.`
  return { reason: 'Forbidden', message, causes: [] }
}

/** True if the text equals the pattern, or begins with it if the pattern ends with `*`. */
function isLike(text: string, pattern: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
}

/** Callers whose rights are remembered. */
const callersMax = 10_000

/** A caller with a longer key is not remembered: a review may ask about a caller with as many groups as a body holds. */
const keyLengthMax = 32_768

/** The part of a policy that is for one subject. */
interface Clause {
  readonly grants: readonly Grant[]
  readonly limit: CallLimit | undefined
}

/** The clauses for one subject, by the names of their policies. A change of one replaces this object. */
interface SubjectRules {
  readonly byPolicy: Map<string, Clause>
}

/**
 * All policies, by subject: finding the rights of a caller costs the same with any number of policies. The rights of a caller are computed
 * once, and again after a policy for the caller has changed.
 */
export class Policies {
  readonly #policies = new Map<string, AccessPolicy>()
  readonly #bySubject = new Map<string, SubjectRules>()
  readonly #known = new Map<string, { readonly rights: Rights; isCurrent(): boolean }>()
  readonly #changed = new Set<() => void>()

  constructor(policies: Iterable<AccessPolicy> = []) {
    for (const policy of policies) this.change(policy.name, policy)
  }

  /** Keeps the policies up to date with the datastore. A policy that cannot be read allows nothing; the store logs it. */
  readonly observer: Observer<AccessPolicy> = {
    changed: (key, lookup) => {
      this.change(key.slice(accessPolicies.prefix.length), lookup.kind === 'value' ? lookup.value : undefined)
    },
  }

  /**
   * Takes over a policy that was created or changed; undefined if it was deleted, or cannot be read. A policy that is being deleted allows
   * nothing: a finalizer must not keep in force a right that was taken away.
   */
  change(name: string, policy: AccessPolicy | undefined): void {
    for (const subject of this.#policies.get(name)?.subjects ?? []) this.#setClause(subject, name, undefined)
    this.#policies.delete(name)
    if (policy !== undefined && !policy.isTerminating) {
      this.#policies.set(name, policy)
      for (const subject of policy.subjects) this.#setClause(subject, name, clauseOf(policy, subject))
    }
    for (const callback of [...this.#changed]) callback()
  }

  /** Returns the rights of the caller by these policies. */
  rightsOf(caller: Caller): Rights {
    if (caller.groups.includes(adminGroup)) return { ...unlimited, caller }
    const key = JSON.stringify([caller.user, caller.uid, caller.groups, caller.credentialId])
    const known = this.#known.get(key)
    if (known?.isCurrent() === true) return known.rights
    const made = this.#workOut(caller)
    this.#known.delete(key)
    if (key.length > keyLengthMax) return made.rights
    this.#known.set(key, made)
    const [oldest] = this.#known.keys()
    if (this.#known.size > callersMax && oldest !== undefined) this.#known.delete(oldest)
    return made.rights
  }

  #setClause(subject: AccessSubject, policy: string, clause: Clause | undefined): void {
    const key = keyOf(subject)
    const byPolicy = this.#bySubject.get(key)?.byPolicy ?? new Map<string, Clause>()
    if (clause === undefined) byPolicy.delete(policy)
    else byPolicy.set(policy, clause)
    if (byPolicy.size === 0) this.#bySubject.delete(key)
    else this.#bySubject.set(key, { byPolicy })
  }

  #workOut(caller: Caller): { readonly rights: Rights; isCurrent(): boolean } {
    const keys = new Set([
      keyOf({ kind: 'User', name: caller.user }),
      ...caller.groups.map((name) => keyOf({ kind: 'Group', name })),
    ])
    const used = [...keys].map((key) => ({ key, rules: this.#bySubject.get(key) }))
    const isCurrent = (): boolean => used.every(({ key, rules }) => this.#bySubject.get(key) === rules)
    const clauses = used.flatMap(({ rules }) => [...(rules?.byPolicy.values() ?? [])])
    const grants = clauses.flatMap((clause) => clause.grants)
    const byAction = new Map<string, readonly Grant[]>()
    const rights: Rights = {
      caller,
      isUnlimited: false,
      grants,
      limits: clauses.flatMap(({ limit }) => limit ?? []),
      grantsFor: ({ verb, resource }) => {
        const key = `${verb} ${resource}`
        const found = byAction.get(key) ?? grants.filter(({ rule }) => isAbout(rule, verb, resource))
        byAction.set(key, found)
        return found
      },
      onOutdated: (callback) => {
        const look = (): void => {
          if (isCurrent()) return
          this.#changed.delete(look)
          callback()
        }
        this.#changed.add(look)
        return () => this.#changed.delete(look)
      },
    }
    return { rights, isCurrent }
  }
}

function clauseOf({ name: policy, rules, limits }: AccessPolicy, subject: AccessSubject): Clause {
  return {
    grants: rules.map((rule, position) => ({ policy, position, subject, rule })),
    limit: limits && { policy, subject, limits },
  }
}

function isAbout({ verbs: allowed, resources }: AccessRule, verb: Verb, resource: string): boolean {
  return [verb, '*'].some((name) => allowed.includes(name)) && [resource, '*'].some((name) => resources.includes(name))
}

function keyOf({ kind, name }: AccessSubject): string {
  return `${kind}:${name}`
}
