import AjvCompiler from '@fastify/ajv-compiler'
import type { TSchema } from '@sinclair/typebox'
import type { FastifySchema, FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify'
import type { Cause, CauseReason } from '../../plan/index.ts'
import { type RefusalError, refuseFields, quotePath, quoteValue } from '../wire/index.ts'

/**
 * Two validators: bodies must have the very types of their schema, while everything else in a request is text and is converted.
 * Neither removes, adds or changes anything, and both report all that is wrong. The first request that needs a schema compiles it:
 * compiling those of all routes takes half of a start.
 *
 * @param sharedSchemas the schemas that others refer to, by `$id`
 */
export function validatorCompiler(sharedSchemas: readonly TSchema[]): FastifySchemaCompiler<FastifySchema> {
  const shared = Object.fromEntries<TSchema>(sharedSchemas.map((schema) => [schema.$id ?? '', schema]))
  const compilerWith = (coerceTypes: false | 'array') =>
    once(() => AjvCompiler()(shared, { customOptions: { ...options, coerceTypes } }))
  const ofBodies = compilerWith(false)
  const ofTexts = compilerWith('array')
  return (route) => {
    const compiler = route.httpPart === 'body' ? ofBodies : ofTexts
    const validator = once(() => compiler()(route))
    return (data: unknown) => {
      const validate = validator()
      if (validate(data) === true) return true
      return { error: (validate.errors ?? []).map((finding) => ({ ...finding, message: finding.message ?? '' })) }
    }
  }
}

const options = {
  removeAdditional: false,
  useDefaults: false,
  allErrors: true,
  verbose: true,
  // Only the OpenAPI document uses these.
  keywords: ['x-enum-varnames'],
  // The check of the OpenAPI document checks the schemas themselves; no start has to.
  meta: false,
  validateSchema: false,
} satisfies AjvCompiler.Options

/** Makes a value when it is asked for first, and keeps it. */
function once<Value extends object>(make: () => Value): () => Value {
  let made: Value | undefined
  return () => (made ??= make())
}

/** An error that Ajv found. Its option `verbose` adds the value and the schema. */
interface Finding extends FastifySchemaValidationError {
  readonly data?: unknown
  readonly parentSchema?: Readonly<Record<string, unknown>>
}

/** Keywords whose violation means that the request does not have the static type of its schema. All others are about values. */
const malformed: ReadonlySet<string> = new Set(['type', 'required', 'additionalProperties', 'anyOf'])

/**
 * Returns the refusal of a part of a request (`body`, `params`, `querystring`, `headers`) that violates its schema, with one cause for
 * each wrong field: `Invalid` if only values are wrong, so that the static types hold; else `BadRequest`.
 */
export function refuseBySchema(findings: readonly FastifySchemaValidationError[], part: string): RefusalError {
  const problems = mergeUnions(findings)
  const isReadable = !problems.some(({ keyword }) => malformed.has(keyword))
  return refuseProblems(problems, part, isReadable ? 'Invalid' : 'BadRequest')
}

/** As {@link refuseBySchema}, but `BadRequest` for each wrong query and header: so do Kubernetes' servers. */
export function refuseAsKubernetes(findings: readonly FastifySchemaValidationError[], part: string): RefusalError {
  if (part === 'body' || part === 'params') return refuseBySchema(findings, part)
  return refuseProblems(mergeUnions(findings), part, 'BadRequest')
}

function refuseProblems(problems: readonly Finding[], part: string, reason: 'BadRequest' | 'Invalid'): RefusalError {
  // One cause for each field: the first one, which is about the type if the type is wrong.
  const causes = new Map<string, Cause>()
  for (const cause of problems.map((problem) => causeOf(problem, part))) {
    if (!causes.has(cause.field)) causes.set(cause.field, cause)
  }
  return refuseFields(reason, [...causes.values()])
}

/**
 * Ajv reports every branch of a union that did not match, then the union itself. This keeps the findings of the branch whose type the
 * value has; if the value has none of the types, one finding names them all.
 */
function mergeUnions(findings: readonly Finding[]): readonly Finding[] {
  const merged: Finding[] = []
  for (const finding of findings) {
    if (finding.keyword !== 'anyOf') {
      merged.push(finding)
      continue
    }
    const at = finding.instancePath
    const isInside = ({ instancePath }: Finding): boolean => instancePath === at || instancePath.startsWith(`${at}/`)
    const branches = merged.splice(merged.findLastIndex((other) => !isInside(other)) + 1)
    const isOtherType = ({ keyword, instancePath }: Finding): boolean => keyword === 'type' && instancePath === at
    const closest = branches.filter((branch) => !isOtherType(branch))
    const types = branches.filter(isOtherType).map(({ params }) => params['type'])
    merged.push(...(closest.length > 0 ? closest : [{ ...finding, keyword: 'type', params: { type: types } }]))
  }
  return merged
}

function causeOf(finding: Finding, part: string): Cause {
  const path = finding.instancePath
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
  const { params } = finding
  switch (finding.keyword) {
    case 'required': {
      const field = quotePath([...path, String(params['missingProperty'])], part)
      return { field, reason: 'FieldValueRequired', message: 'is missing and must be given' }
    }
    case 'additionalProperties': {
      const field = quotePath([...path, String(params['additionalProperty'])], part)
      const known = Object.keys(finding.parentSchema?.['properties'] ?? {}).join(', ')
      return { field, reason: 'FieldValueForbidden', message: `is not known here; known are: ${known || 'none'}` }
    }
    default:
      return { field: quotePath(path, part), ...explainValue(finding) }
  }
}

function explainValue({ keyword, params, data, parentSchema = {}, message }: Finding): Omit<Cause, 'field'> {
  const refused = (right: string, reason: CauseReason = 'FieldValueInvalid'): Omit<Cause, 'field'> => ({
    reason,
    message: `${quoteValue(data)} is not allowed; ${right}`,
  })
  switch (keyword) {
    case 'type':
      return {
        reason: 'FieldValueTypeInvalid',
        message: `${typeof data === 'object' ? 'this' : quoteValue(data)} is ${kindOf(data)}; give ${kindNames(params['type'])}`,
      }
    case 'enum':
    case 'const':
      return refused(`give ${listNames(params['allowedValues'] ?? params['allowedValue'])}`, 'FieldValueNotSupported')
    case 'minimum':
    case 'maximum':
      return refused(`give ${range(parentSchema['minimum'], parentSchema['maximum'])}`)
    case 'minLength':
    case 'maxLength':
      return refused(`give ${range(parentSchema['minLength'], parentSchema['maxLength'])} characters`)
    case 'minItems':
    case 'maxItems':
      return refused(`give ${range(parentSchema['minItems'], parentSchema['maxItems'])} items`)
    case 'minProperties':
    case 'maxProperties':
      return refused(`give ${range(parentSchema['minProperties'], parentSchema['maxProperties'])} entries`)
    case 'pattern':
      return refused(`give ${ruleOf(parentSchema) ?? `what matches ${quoteValue(params['pattern'])}`}`)
    default:
      return refused(`it ${message ?? `breaks the rule ${keyword}`}`)
  }
}

const kinds: Readonly<Record<string, string>> = {
  null: 'null',
  boolean: 'a boolean',
  number: 'a number',
  integer: 'an integer',
  string: 'a string',
  array: 'a list',
  object: 'an object',
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return (Array.isArray(value) ? kinds['array'] : kinds[typeof value]) ?? typeof value
}

function kindNames(type: unknown): string {
  return [type]
    .flat()
    .map((name) => kinds[String(name)] ?? String(name))
    .join(' or ')
}

function listNames(values: unknown): string {
  return [values].flat().map(String).join(' or ')
}

function range(low: unknown, high: unknown): string {
  if (low === undefined) return `at most ${quoteValue(high)}`
  return high === undefined ? `at least ${quoteValue(low)}` : `${quoteValue(low)} to ${quoteValue(high)}`
}

/** The rule of a pattern in words: the `$comment` of the schema. */
function ruleOf({ $comment }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof $comment === 'string' ? $comment : undefined
}
