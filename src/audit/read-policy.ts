import { type AuditPolicy, type AuditRule, type Level, levels, type ResourceSet, type Stage, stages } from './policy.ts'

/** A policy, or all that is wrong with it, each problem with its path. */
export type PolicyReading =
  | { readonly ok: true; readonly policy: AuditPolicy }
  | { readonly ok: false; readonly problems: readonly string[] }

const apiVersion = 'audit.k8s.io/v1'

/**
 * Reads a policy in the form of Kubernetes' `audit.k8s.io/v1 Policy`. An unknown field is refused: a rule without it would match other
 * calls than its author meant.
 * @see https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
 */
export function readAuditPolicy(document: unknown): PolicyReading {
  const reader = new Reader()
  const top = reader.object(document, '', [
    ...['apiVersion', 'kind', 'metadata'],
    ...['rules', 'omitStages', 'omitManagedFields'],
  ])
  reader.require(top['apiVersion'] === apiVersion, 'apiVersion', `must be ${apiVersion}`)
  reader.require(top['kind'] === 'Policy', 'kind', 'must be Policy')
  const rules = reader.list(top['rules'], 'rules') ?? []
  reader.require(rules.length > 0, 'rules', 'must have at least one rule: without one, nothing is recorded')
  const policy: AuditPolicy = {
    rules: rules.map((rule, index) => readRule(reader, rule, `rules[${index}]`)),
    omitStages: reader.choices(top['omitStages'], 'omitStages', stages),
    omitManagedFields: reader.boolean(top['omitManagedFields'], 'omitManagedFields') ?? false,
  }
  return reader.problems.length === 0 ? { ok: true, policy } : { ok: false, problems: reader.problems }
}

const ruleFields = [
  ...['level', 'users', 'userGroups', 'verbs', 'resources', 'nonResourceURLs'],
  ...['omitStages', 'omitManagedFields'],
]

function readRule(reader: Reader, given: unknown, path: string): AuditRule {
  const rule = reader.object(given, path, ruleFields)
  const level = levels.find((known) => known === rule['level'])
  reader.require(level !== undefined, `${path}.level`, `must be one of ${levels.join(', ')}`)
  const resources = reader.list(rule['resources'], `${path}.resources`)
  const urls = reader.texts(rule['nonResourceURLs'], `${path}.nonResourceURLs`)
  for (const [index, url] of (urls ?? []).entries()) {
    const isRight = url === '*' || /^\/[^*]*\*?$/.test(url)
    reader.require(isRight, `${path}.nonResourceURLs[${index}]`, 'must begin with / and have a * at its end only')
  }
  const isAboutOneKind = resources === undefined || urls === undefined
  reader.require(isAboutOneKind, path, 'must not have both resources and nonResourceURLs: no call matches both')
  return {
    level: level ?? ('None' satisfies Level),
    users: reader.texts(rule['users'], `${path}.users`),
    userGroups: reader.texts(rule['userGroups'], `${path}.userGroups`),
    verbs: reader.texts(rule['verbs'], `${path}.verbs`),
    resources: resources?.map((set, index) => readResources(reader, set, `${path}.resources[${index}]`)),
    nonResourceURLs: urls,
    omitStages: reader.choices(rule['omitStages'], `${path}.omitStages`, stages),
    omitManagedFields: reader.boolean(rule['omitManagedFields'], `${path}.omitManagedFields`),
  }
}

function readResources(reader: Reader, given: unknown, path: string): ResourceSet {
  const set = reader.object(given, path, ['group', 'resources', 'resourceNames'])
  const { group = '' } = set
  reader.require(typeof group === 'string', `${path}.group`, 'must be a text')
  const resources = reader.texts(set['resources'], `${path}.resources`) ?? []
  const resourceNames = reader.texts(set['resourceNames'], `${path}.resourceNames`) ?? []
  const isNamed = resourceNames.length === 0 || resources.length > 0
  reader.require(isNamed, `${path}.resourceNames`, 'needs resources')
  return { group: String(group), resources, resourceNames }
}

/** Reads values, and collects what is wrong with them. */
class Reader {
  readonly problems: string[] = []

  require(isRight: boolean, path: string, problem: string): void {
    if (!isRight) this.problems.push(`${path === '' ? 'the document' : path}: ${problem}`)
  }

  object(given: unknown, path: string, known: readonly string[]): Readonly<Record<string, unknown>> {
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
    this.require(isObject, path, 'must be an object')
    const members = isObject ? Object.entries(given) : []
    for (const [name] of members) {
      const advice = name === 'namespaces' ? 'ippoold has no namespaces' : `known are ${known.join(', ')}`
      this.require(known.includes(name), path === '' ? name : `${path}.${name}`, `unknown field; ${advice}`)
    }
    return Object.fromEntries(members)
  }

  /** Undefined if nothing is given, or an empty list: as in Kubernetes, both mean that there is no condition. */
  list(given: unknown, path: string): readonly unknown[] | undefined {
    if (given === undefined || given === null) return undefined
    this.require(Array.isArray(given), path, 'must be a list')
    return Array.isArray(given) && given.length > 0 ? given : undefined
  }

  texts(given: unknown, path: string): readonly string[] | undefined {
    return this.list(given, path)?.map((entry, index) => {
      this.require(typeof entry === 'string', `${path}[${index}]`, 'must be a text')
      return String(entry)
    })
  }

  choices(given: unknown, path: string, known: readonly Stage[]): readonly Stage[] {
    return (this.list(given, path) ?? []).flatMap((entry, index) => {
      const choice = known.find((one) => one === entry)
      this.require(choice !== undefined, `${path}[${index}]`, `must be one of ${known.join(', ')}`)
      return choice ?? []
    })
  }

  boolean(given: unknown, path: string): boolean | undefined {
    this.require(given === undefined || typeof given === 'boolean', path, 'must be true or false')
    return typeof given === 'boolean' ? given : undefined
  }
}
