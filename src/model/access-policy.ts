import type { Decoded, Key } from '../plan/index.ts'
import { parseSelector, type Selector } from '../selector/index.ts'
import { type Json, type JsonObject, mismatch, readArray, readInteger, readObject, readString } from './json/index.ts'
import { type ResourceFamily, resourceFamily, resourceKey, resourceOf } from './resource.ts'

/** An AccessPolicy: what some users and groups may do. It only allows; what no policy allows is refused. */
export interface AccessPolicy {
  /** The complete stored object. */
  readonly object: JsonObject
  readonly name: string
  readonly subjects: readonly AccessSubject[]
  readonly rules: readonly AccessRule[]
  /** The limits on the calls of each subject; undefined if there are none. */
  readonly limits: AccessLimits | undefined
  /** True if it is being deleted, and stays only until its finalizers are removed. */
  readonly isTerminating: boolean
}

/** The limits on the calls that each subject of a policy sends to one server. The members of a group share its limits. */
export interface AccessLimits {
  /** Calls that may begin in a second, on average. */
  readonly requestsPerSecond: number | undefined
  /** Calls that may begin at once after a while without any; `requestsPerSecond` unless given. */
  readonly burst: number | undefined
  /** Calls that may be in flight at once. Watches do not count. */
  readonly concurrentRequests: number | undefined
}

/** The kinds of subjects. */
export const subjectKinds = ['User', 'Group'] as const

/** A user or a group that a policy is for. */
export interface AccessSubject {
  readonly kind: (typeof subjectKinds)[number]
  readonly name: string
}

/** An entry of a policy: verbs, resources and conditions. */
export interface AccessRule {
  /** Verbs, or `*` for all. */
  readonly verbs: readonly string[]
  /** Plurals of kinds, or `*` for all. */
  readonly resources: readonly string[]
  /** Only in pools whose labels this selects, and only what belongs to a pool. */
  readonly poolSelector: Selector | undefined
  /** Only what belongs to one of these handles; an entry that ends with `*` stands for all that begin so. */
  readonly handles: readonly string[] | undefined
  /** The most addresses that each subject may hold at once under this rule. */
  readonly maxAddresses: number | undefined
}

/** The policies. */
export const accessPolicies: ResourceFamily<AccessPolicy> = resourceFamily({
  name: 'accesspolicies',
  plural: 'accesspolicies',
  prefix: '/ippoold/v1/accesspolicies/',
  specFields: ['subjects', 'rules', 'limits'],
  read: ({ object, name, metadata, spec }) => ({
    object,
    name,
    subjects: objectsIn(spec['subjects'], 'spec.subjects').map(readSubject),
    rules: objectsIn(spec['rules'], 'spec.rules').map(readRule),
    limits: readLimits(readObject(spec['limits'], 'spec.limits')),
    isTerminating: (readString(metadata['deletionTimestamp'], 'metadata.deletionTimestamp') ?? '') !== '',
  }),
})

/** The policy that reading returns after `object` is stored; a problem if it cannot be read. */
export function accessPolicyOf(object: JsonObject): Decoded<AccessPolicy> {
  return resourceOf(accessPolicies, object)
}

/** The key of a policy. */
export function accessPolicyKey(name: string): Key<AccessPolicy> {
  return resourceKey(accessPolicies, name)
}

function readSubject(subject: JsonObject, index: number): AccessSubject {
  const path = `spec.subjects[${index}]`
  const kind = subjectKinds.find((known) => known === subject['kind'])
  if (kind === undefined) throw mismatch(`${path}.kind`, subjectKinds.join(' or '), subject['kind'] ?? null)
  return { kind, name: readString(subject['name'], `${path}.name`) ?? '' }
}

const ruleFields = ['verbs', 'resources', 'poolSelector', 'handles', 'maxAddresses']

/**
 * A condition that cannot be read, or that only a newer version knows, makes the whole policy unreadable: without it, the rule would allow
 * more.
 */
function readRule(rule: JsonObject, index: number): AccessRule {
  const path = `spec.rules[${index}]`
  for (const [name, value] of Object.entries(rule)) {
    if (!ruleFields.includes(name)) throw mismatch(`${path}.${name}`, 'a condition that this version knows', value)
    if (value === null) throw mismatch(`${path}.${name}`, 'a value', value)
  }
  const selector = readString(rule['poolSelector'], `${path}.poolSelector`)
  const limit = rule['maxAddresses']
  return {
    verbs: textsIn(rule['verbs'], `${path}.verbs`) ?? [],
    resources: textsIn(rule['resources'], `${path}.resources`) ?? [],
    poolSelector: selector === undefined ? undefined : readSelector(selector, `${path}.poolSelector`),
    handles: textsIn(rule['handles'], `${path}.handles`),
    maxAddresses: limit === undefined ? undefined : readInteger(limit, `${path}.maxAddresses`),
  }
}

const limitFields = ['requestsPerSecond', 'burst', 'concurrentRequests']

/** Strict as {@link readRule}. */
function readLimits(limits: JsonObject | undefined): AccessLimits | undefined {
  if (limits === undefined) return undefined
  const read = (name: string): number | undefined => {
    const limit = limits[name]
    return limit === undefined ? undefined : readInteger(limit, `spec.limits.${name}`)
  }
  for (const [name, value] of Object.entries(limits)) {
    if (!limitFields.includes(name)) throw mismatch(`spec.limits.${name}`, 'a limit that this version knows', value)
  }
  return {
    requestsPerSecond: read('requestsPerSecond'),
    burst: read('burst'),
    concurrentRequests: read('concurrentRequests'),
  }
}

function readSelector(text: string, path: string): Selector {
  const parsed = parseSelector(text)
  if (parsed.ok) return parsed.selector
  throw mismatch(path, `a selector (${parsed.error.message})`, text)
}

function objectsIn(json: Json | undefined, path: string): readonly JsonObject[] {
  return (readArray(json, path) ?? []).map((entry, index) =>
    required(readObject, entry, `${path}[${index}]`, 'an object'),
  )
}

function textsIn(json: Json | undefined, path: string): readonly string[] | undefined {
  return readArray(json, path)?.map((entry, index) => required(readString, entry, `${path}[${index}]`, 'a string'))
}

/** Reads an entry of a list, which must not be null. */
function required<Value>(
  read: (json: Json, path: string) => Value | undefined,
  entry: Json,
  path: string,
  wanted: string,
): Value {
  const value = read(entry, path)
  if (value === undefined) throw mismatch(path, wanted, entry)
  return value
}
