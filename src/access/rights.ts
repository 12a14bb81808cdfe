import type { AccessPolicy, AccessRule, AccessSubject } from '../model/index.ts'
import { type Refusal, shorten } from '../plan/index.ts'
import { matches } from '../selector/index.ts'
import { adminGroup, anonymous, type Caller, unchecked } from './caller.ts'

/** What can be done. `get`, `list` and `watch` are to read; `assign` and `release` are for addresses, `check` and `repair` for all data. */
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

/** What is done, and to what kind of thing: the plural of a kind, or `addresses`, `handles`, `affinities`. */
export interface Action {
  readonly verb: Verb
  readonly resource: string
}

/** The object of an action. A condition of a rule that is about something which the object does not have is not met. */
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

/** What one caller may do. */
export interface Rights {
  readonly caller: Caller
  /** True if the caller may do everything, so that there is no need to ask for each object. */
  readonly isUnlimited: boolean
  /** The rules that allow the action, at least for some objects; none if {@link isUnlimited}. */
  grantsFor(action: Action): readonly Grant[]
}

/** May do nothing. */
export const noRights: Rights = { caller: anonymous, isUnlimited: false, grantsFor: () => [] }

/** The rights to do everything, of the server itself and of every caller of a server that asks for no credentials. */
export const unlimited: Rights = { caller: unchecked, isUnlimited: true, grantsFor: () => [] }

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

/** True if the conditions of the rule are met by the object. */
export function covers(rule: AccessRule, { poolLabels, handle }: AccessedObject): boolean {
  return coversPool(rule, poolLabels) && coversHandle(rule, handle)
}

/** True if the condition of the rule about pools is met by a pool with these labels; undefined: by what belongs to no pool. */
export function coversPool({ poolSelector }: AccessRule, labels: AccessedObject['poolLabels']): boolean {
  return poolSelector === undefined || (labels !== undefined && matches(poolSelector, labels))
}

/** True if the condition of the rule about handles is met by this handle; undefined: by what belongs to no handle. */
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

/** True if the text is the pattern, or begins as a pattern that ends with `*`. */
function isLike(text: string, pattern: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
}

/** All policies, by whom they are for, so that the rights of a caller cost the same however many policies there are. */
export class Policies {
  readonly #bySubject = new Map<string, Grant[]>()

  constructor(policies: Iterable<AccessPolicy>) {
    for (const { name: policy, subjects, rules } of policies) {
      for (const subject of subjects) {
        const key = keyOf(subject)
        const grants = this.#bySubject.get(key) ?? []
        grants.push(...rules.map((rule, position) => ({ policy, position, subject, rule })))
        this.#bySubject.set(key, grants)
      }
    }
  }

  /** What the caller may do by these policies. */
  rightsOf(caller: Caller): Rights {
    if (caller.groups.includes(adminGroup)) return { caller, isUnlimited: true, grantsFor: () => [] }
    const subjects = [
      { kind: 'User', name: caller.user } as const,
      ...caller.groups.map((name) => ({ kind: 'Group', name }) as const),
    ]
    const grants = subjects.flatMap((subject) => this.#bySubject.get(keyOf(subject)) ?? [])
    const known = new Map<string, readonly Grant[]>()
    return {
      caller,
      isUnlimited: false,
      grantsFor: ({ verb, resource }) => {
        const key = `${verb} ${resource}`
        const found = known.get(key) ?? grants.filter(({ rule }) => isAbout(rule, verb, resource))
        known.set(key, found)
        return found
      },
    }
  }
}

function isAbout({ verbs: allowed, resources }: AccessRule, verb: Verb, resource: string): boolean {
  return [verb, '*'].some((name) => allowed.includes(name)) && [resource, '*'].some((name) => resources.includes(name))
}

function keyOf({ kind, name }: AccessSubject): string {
  return `${kind}:${name}`
}
