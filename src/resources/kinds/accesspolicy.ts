import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import { excessOf, type Rights, verbs } from '../../access/index.ts'
import {
  accessPolicies,
  type AccessPolicy,
  accessPolicyKey,
  accessPolicyOf,
  isHandleId,
  isJsonArray,
  type Json,
  type JsonObject,
  subjectKinds,
} from '../../model/index.ts'
import { type Cause, remove } from '../../plan/index.ts'
import { parseSelector } from '../../selector/index.ts'
import { derivedColumn } from '../columns.ts'
import { type Candidate, ippooldGroup, type ResourceKind } from '../kind.ts'
import {
  duplicate,
  forbidden,
  invalid,
  mapByKeys,
  notKnown,
  objectIn,
  quote,
  required,
  sameJson,
  setOfItems,
} from '../object/index.ts'
import { declarePlainStorage } from '../storage.ts'

/** The most entries of each list: rights are evaluated for every request. */
const subjectsMax = 1_000
const rulesMax = 100
const handlesMax = 100
/** The most characters of a user, a group, a handle or a selector. */
const textLengthMax = 1_024
/** Far more addresses than anybody has; a number that JSON and JavaScript express exactly. */
const addressesMax = 1_000_000_000

/** The resources of rules that are no kinds: those of `/ipam/v1`, and the metrics. */
const otherResources: readonly string[] = ['addresses', 'handles', 'affinities', 'metrics']

const AccessSubject = Type.Object(
  {
    kind: Type.String({
      enum: [...subjectKinds],
      title: 'AccessSubjectKind',
      description: 'The kind of the subject: one user, or the members of a group.',
    }),
    name: Type.String({ description: 'The name of the user or group.', examples: ['blue'] }),
  },
  { title: 'AccessSubject', additionalProperties: false, description: 'A user, or the members of a group.' },
)

const AccessRule = Type.Object(
  {
    verbs: Type.Array(Type.String(), {
      ...setOfItems,
      description: `The verbs that are allowed: ${[...verbs].join(', ')}; or \`*\` for all.`,
      examples: [['get', 'list', 'watch']],
    }),
    resources: Type.Array(Type.String(), {
      ...setOfItems,
      description: `Their resources: plurals of kinds, such as ippools; ${otherResources.join(', ')}; or \`*\` for all.`,
      examples: [['ippools']],
    }),
    poolSelector: Type.Optional(
      Type.String({
        description:
          'Only pools with labels that this selector selects, and only what belongs to such a pool. Unless given, the rule holds for all pools, and for what belongs to none.',
        examples: ["team == 'blue'"],
      }),
    ),
    handles: Type.Optional(
      Type.Array(Type.String(), {
        ...setOfItems,
        description:
          'Only these handles, and what they hold. An entry that ends with `*` stands for all handles that begin so. Unless given, the rule holds for all handles, and for what belongs to none.',
        examples: [['blue.*']],
      }),
    ),
    maxAddresses: Type.Optional(
      Type.Integer({
        format: 'int32',
        description:
          'The most addresses that may be held at once under this rule, counted for each subject of the policy. Only for a rule that allows to assign addresses.',
        examples: [500],
      }),
    ),
  },
  {
    title: 'AccessRule',
    additionalProperties: false,
    description: 'Verbs that the subjects may use on resources. An object must meet all conditions of the rule.',
  },
)

const perServer = 'on each server, counted for each subject of the policy; the members of a group share it'

const AccessLimits = Type.Object(
  {
    requestsPerSecond: Type.Optional(
      Type.Integer({
        format: 'int32',
        description: `The most calls that may begin in a second, on average, ${perServer}.`,
        examples: [100],
      }),
    ),
    burst: Type.Optional(
      Type.Integer({
        format: 'int32',
        description:
          'The most calls that may begin at once after a while without any. As many as requestsPerSecond unless given, and only beside it.',
        examples: [200],
      }),
    ),
    concurrentRequests: Type.Optional(
      Type.Integer({
        format: 'int32',
        description: `The most calls that may be in flight at once, ${perServer}. Watches do not count.`,
        examples: [20],
      }),
    ),
  },
  {
    title: 'AccessLimits',
    additionalProperties: false,
    description: 'The limits on the calls of the subjects. Members of ippoold:admins have no limits.',
  },
)

/** The spec of an access policy, as clients write it. */
const AccessPolicySpec = Type.Object(
  {
    subjects: Type.Optional(
      Type.Array(AccessSubject, { ...mapByKeys('kind', 'name'), description: 'The users and groups that it is for.' }),
    ),
    rules: Type.Optional(
      Type.Array(AccessRule, { description: 'The rights of the subjects. Each rule allows by itself.' }),
    ),
    limits: Type.Optional(AccessLimits),
  },
  { $id: 'AccessPolicySpec', additionalProperties: false, description: 'The rights of some users and groups.' },
)

/**
 * AccessPolicy, as `/apis/ippoold.io/v1/accesspolicies` serves it. `kinds` are the plurals of all kinds. A policy is refused with any
 * field that is not known, whatever the caller asks for: without a misspelt condition, a rule would allow more than was meant.
 * @see docs/access.md
 */
export function accesspolicyKind(kinds: readonly string[]): ResourceKind<AccessPolicy> {
  const resources = [...kinds, ...otherResources, '*']
  return {
    group: ippooldGroup,
    kind: 'AccessPolicy',
    plural: 'accesspolicies',
    singular: 'accesspolicy',
    shortNames: ['policy', 'policies'],
    description: 'The rights of some users and groups. Policies only allow; what no policy allows is refused.',
    example: {
      apiVersion: ippooldGroup.apiVersion,
      kind: 'AccessPolicy',
      metadata: { name: 'blue' },
      spec: {
        subjects: [{ kind: 'Group', name: 'blue' }],
        rules: [
          { verbs: ['get', 'list', 'watch'], resources: ['ippools'], poolSelector: "team == 'blue'" },
          {
            verbs: ['assign', 'release', 'get', 'list'],
            resources: ['addresses', 'handles'],
            poolSelector: "team == 'blue'",
            handles: ['blue.*'],
            maxAddresses: 500,
          },
        ],
      },
    },
    specSchema: AccessPolicySpec,
    statusSchema: undefined,
    columns: [
      derivedColumn('Subjects', 'The users and groups that the policy is for.', (object) => listSubjects(object)),
      derivedColumn('Rules', 'The number of its rules.', (object) => String(listIn(specIn(object), 'rules').length)),
      derivedColumn('Verbs', 'The verbs that its rules allow.', (object) => listVerbs(object), { isWide: true }),
    ],
    isReadOnly: false,
    names: 'path segment',
    isExact: true,
    isDeletedInSteps: false,
    storage: declarePlainStorage(accessPolicies, accessPolicyKey),
    finalizer: undefined,
    immutableFields: [],
    isStatusWritable: false,
    keepStatus: undefined,
    parse: accessPolicyOf,
    withDefaults: (spec) => spec,
    validate: (candidate) => validate(candidate, resources),
    findEscalation,
    admit: () => [],
    planRemoval: (_view, { value }) => ({ kind: 'gone', writes: [remove(accessPolicyKey(value.name))] }),
  }
}

/** Refuses to create a policy, or to change its subjects or rules, unless the caller has all rights that it gives. */
function findEscalation({ object, spec, old }: Candidate<AccessPolicy>, rights: Rights): string | undefined {
  if (old !== undefined && sameJson(objectIn(old.object, 'spec'), spec)) return undefined
  const policy = accessPolicyOf(object)
  assert(policy.ok, 'a valid policy can be read')
  const excess = excessOf(rights, policy.value.rules)
  if (excess === undefined) return undefined
  const { position, verb, resource } = excess
  return `spec.rules[${position}] allows to ${verb} ${resource}, a right that the caller lacks and so cannot give. User ${quote(rights.caller.user)} needs a policy that allows the same, under the same conditions or none, and without a limit.`
}

function validate({ spec }: Candidate<AccessPolicy>, resources: readonly string[]): readonly Cause[] {
  const subjects = listIn(spec, 'subjects')
  const rules = listIn(spec, 'rules')
  const crowded = [
    ...tooMany('spec.subjects', subjects, subjectsMax),
    ...tooMany('spec.rules', rules, rulesMax),
    ...rules.flatMap((rule, index) => {
      const known = [
        ['verbs', verbs.length + 1],
        ['resources', resources.length],
        ['handles', handlesMax],
      ] as const
      return known.flatMap(([field, max]) => tooMany(`spec.rules[${index}].${field}`, listIn(rule, field), max))
    }),
  ]
  if (crowded.length > 0) return crowded
  return [
    ...subjects.flatMap((subject, index) => subjectCauses(asObject(subject), `spec.subjects[${index}]`)),
    ...duplicates('spec.subjects', subjects, (subject) => `${textAt(subject, 'kind')} ${textAt(subject, 'name')}`),
    ...rules.flatMap((rule, index) => ruleCauses(asObject(rule), `spec.rules[${index}]`, resources)),
    ...callLimitCauses(objectIn(spec, 'limits')),
  ]
}

/** The most calls in a second, and at once: more than any server serves. */
const callsMax = 1_000_000

function callLimitCauses(limits: JsonObject): readonly Cause[] {
  const outside = Object.entries(limits).flatMap(([name, limit]) => {
    if (typeof limit !== 'number' || (limit >= 1 && limit <= callsMax)) return []
    return [invalid(`spec.limits.${name}`, limit, `must be 1 to ${callsMax}`)]
  })
  const isAlone = limits['burst'] !== undefined && limits['requestsPerSecond'] === undefined
  return isAlone ? [...outside, forbidden('spec.limits.burst', 'is only for requestsPerSecond')] : outside
}

function subjectCauses({ kind, name }: JsonObject, path: string): readonly Cause[] {
  return [
    ...(kind === undefined ? [required(`${path}.kind`, subjectKinds.join(' or '))] : []),
    ...(kind !== undefined && !subjectKinds.some((known) => known === kind)
      ? [notKnown(`${path}.kind`, kind, subjectKinds)]
      : []),
    ...textCauses(name, `${path}.name`, `the name of the ${kind === 'Group' ? 'group' : 'user'}`),
  ]
}

function ruleCauses(rule: JsonObject, path: string, resources: readonly string[]): readonly Cause[] {
  const { poolSelector, handles, maxAddresses } = rule
  return [
    ...wordCauses(rule, 'verbs', [...verbs, '*'], path),
    ...wordCauses(rule, 'resources', resources, path),
    ...(poolSelector === undefined ? [] : selectorCauses(poolSelector, `${path}.poolSelector`)),
    ...(handles === undefined ? [] : handleCauses(listIn(rule, 'handles'), `${path}.handles`)),
    ...(typeof maxAddresses === 'number' ? limitCauses(rule, maxAddresses, `${path}.maxAddresses`) : []),
  ]
}

/** Checks a list of words. None is an error: such a rule would allow nothing. */
function wordCauses(rule: JsonObject, field: string, known: readonly string[], path: string): readonly Cause[] {
  const words = listIn(rule, field)
  const where = `${path}.${field}`
  if (words.length === 0) return [required(where, `one or more of ${known.join(', ')}`)]
  const unknown = words.flatMap((word, index) =>
    typeof word === 'string' && known.includes(word) ? [] : [notKnown(`${where}[${index}]`, word, known)],
  )
  return [...unknown, ...duplicates(where, words)]
}

function selectorCauses(text: Json, path: string): readonly Cause[] {
  const wanted = "must be a selector such as team == 'blue'; leave it out to select everything"
  if (typeof text !== 'string' || text.trim() === '') return [invalid(path, text, wanted)]
  if (text.length > textLengthMax) return [tooLong(path, text)]
  const parsed = parseSelector(text)
  return parsed.ok ? [] : [invalid(path, text, `must be a selector such as team == 'blue': ${parsed.error.message}`)]
}

function handleCauses(handles: readonly Json[], path: string): readonly Cause[] {
  if (handles.length === 0) return [required(path, 'one or more handles; leave the field out for all handles')]
  const wrong = handles.flatMap((pattern, index) => {
    const where = `${path}[${index}]`
    if (typeof pattern === 'string' && pattern.length > textLengthMax) return [tooLong(where, pattern)]
    const wanted = 'must be a handle, or the beginning of handles and one *, such as blue.*'
    return isHandlePattern(pattern) ? [] : [invalid(where, pattern, wanted)]
  })
  return [...wrong, ...duplicates(path, handles)]
}

function isHandlePattern(pattern: Json): boolean {
  if (typeof pattern !== 'string' || pattern === '*') return pattern === '*'
  const beginning = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern
  return isHandleId(beginning) && !beginning.includes('*')
}

function limitCauses(rule: JsonObject, limit: number, path: string): readonly Cause[] {
  const has = (field: string, word: string): boolean => listIn(rule, field).some((one) => one === word || one === '*')
  if (limit < 0 || limit > addressesMax) return [invalid(path, limit, `must be 0 to ${addressesMax}`)]
  if (has('verbs', 'assign') && has('resources', 'addresses')) return []
  return [forbidden(path, 'is only for a rule with the verb assign and the resource addresses')]
}

function textCauses(text: Json | undefined, path: string, what: string): readonly Cause[] {
  if (typeof text !== 'string' || text === '') return [required(path, what)]
  if (text.length > textLengthMax) return [tooLong(path, text)]
  return /^\P{C}+$/u.test(text) ? [] : [invalid(path, text, 'must be printable')]
}

function tooLong(path: string, text: string): Cause {
  return invalid(path, text, `must be at most ${textLengthMax} characters long`)
}

function tooMany(path: string, list: readonly Json[], max: number): readonly Cause[] {
  return list.length > max ? [invalid(path, list.length, `must be at most ${max} entries`)] : []
}

function duplicates(
  path: string,
  list: readonly Json[],
  identify: (item: Json) => Json = (item) => item,
): readonly Cause[] {
  const seen = new Set<Json>()
  return list.flatMap((item, index) => {
    const identity = identify(item)
    const isNew = !seen.has(identity)
    seen.add(identity)
    return isNew ? [] : [duplicate(`${path}[${index}]`, item)]
  })
}

function listSubjects(object: JsonObject): string {
  const subjects = listIn(specIn(object), 'subjects')
  const [first] = subjects
  if (first === undefined) return '<none>'
  const shown = `${textAt(first, 'kind')}:${textAt(first, 'name')}`
  return subjects.length === 1 ? shown : `${shown} + ${subjects.length - 1} more...`
}

function listVerbs(object: JsonObject): string {
  const all = listIn(specIn(object), 'rules').flatMap((rule) => listIn(rule, 'verbs'))
  return [...new Set(all.filter((verb) => typeof verb === 'string'))].join(',')
}

function specIn(object: JsonObject): JsonObject {
  return objectIn(object, 'spec')
}

function asObject(json: Json): JsonObject {
  return objectIn({ json }, 'json')
}

function listIn(json: Json, field: string): readonly Json[] {
  const list = asObject(json)[field]
  return isJsonArray(list) ? list : []
}

function textAt(json: Json, field: string): string {
  const text = asObject(json)[field]
  return typeof text === 'string' ? text : ''
}
