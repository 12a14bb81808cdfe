import t from 'tap'
import { breakingChanges } from '../../sdk/breaking-changes.ts'
import { unlisted } from '../../sdk/breaking-changelog.ts'
import { openapiDocument } from '../../sdk/openapi-document.ts'
import { isJsonObject, type Json, type JsonObject, parseJson } from '../../src/model/index.ts'

const parsed = parseJson(await openapiDocument('1.2.3'))
if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error('the document is not an object')
const document = parsed.value

/** A field of the document, by its names from the outside to the inside, and what it becomes; undefined: it is gone. */
type Change = readonly [path: readonly string[], become: (value: Json | undefined) => Json | undefined]

const assign = ['paths', '/ipam/v1/assign', 'post']
const schema = (...path: readonly string[]): readonly string[] => ['components', 'schemas', ...path]
const gone = (): undefined => undefined
const is = (json: Json) => (): Json => json
const without = (left: Json) => (value: Json | undefined) =>
  Array.isArray(value) ? value.filter((one) => one !== left) : value
const and = (more: Json) => (value: Json | undefined) => [...(Array.isArray(value) ? (value as Json[]) : []), more]

const dryRun = { name: 'wet', in: 'query', required: true, schema: { type: 'string' } }

const breaking: readonly (readonly [name: string, change: Change, told: readonly string[]])[] = [
  ['a removed operation', [assign, gone], ['assignAddresses: POST /ipam/v1/assign is gone']],
  ['a removed path', [['paths', '/livez'], gone], ['readLiveness: GET /livez is gone']],
  ['a renamed operation', [[...assign, 'operationId'], is('give')], ['assignAddresses: the operation is called give']],
  [
    'an operation of another class',
    [[...assign, 'tags'], is(['server'])],
    ['assignAddresses: the operation has moved from ipam to server'],
  ],
  [
    'a removed parameter',
    [[...assign, 'parameters'], gone],
    [
      'assignAddresses: the query parameter dryRun is gone',
      'assignAddresses: the header parameter Idempotency-Key is gone',
    ],
  ],
  [
    'a new required parameter',
    [[...assign, 'parameters'], and(dryRun)],
    ['assignAddresses: the query parameter wet is new and required'],
  ],
  [
    'a parameter that is required',
    [[...assign, 'parameters', '0', 'required'], is(true)],
    ['assignAddresses: the query parameter dryRun is required'],
  ],
  [
    'a parameter of another type',
    [[...assign, 'parameters', '0', 'schema', 'type'], is('integer')],
    ['assignAddresses: the query parameter dryRun: is integer, not string'],
  ],
  ['a removed body', [[...assign, 'requestBody'], gone], ['assignAddresses: the body is gone']],
  [
    'a body that is required',
    [['paths', '/ipam/v1/check', 'get', 'requestBody'], is({ required: true })],
    ['checkAddresses: a body is required'],
  ],
  [
    'a removed media type',
    [[...assign, 'requestBody', 'content', 'application/yaml'], gone],
    ['assignAddresses: the body is not to be had as application/yaml'],
  ],
  [
    'a body of another type',
    [
      [...assign, 'requestBody', 'content', 'application/json', 'schema', '$ref'],
      is('#/components/schemas/EnsureRequest'),
    ],
    ['assignAddresses: the body as application/json: is of type EnsureRequest, not AssignRequest'],
  ],
  ['a removed status', [[...assign, 'responses', '409'], gone], ['assignAddresses: the answer 409 is gone']],
  [
    'a removed header',
    [[...assign, 'responses', '503', 'headers'], gone],
    ['assignAddresses: the header Retry-After of the answer 503 is gone'],
  ],
  [
    'a removed media type of an answer',
    [['paths', '/ipam/v1/check', 'get', 'responses', '200', 'content', 'application/x-ndjson'], gone],
    ['checkAddresses: the answer 200 is not to be had as application/x-ndjson'],
  ],
  ['a removed type', [schema('Condition'), gone], ['Condition: the type is gone']],
  ['a removed field', [schema('Release', 'properties', 'failed'), gone], ['Release: the field failed is gone']],
  [
    'a new required field of a request',
    [schema('AssignRequest', 'required'), is(['node'])],
    ['AssignRequest: the field node is required'],
  ],
  [
    'a field that may be missing in an answer',
    [schema('Release', 'required'), without('failed')],
    ['Release: the field failed may be missing'],
  ],
  ['a removed value', [schema('PoolUse', 'enum'), without('Tunnel')], ['PoolUse: the value "Tunnel" is gone']],
  [
    'a new value of an answer',
    [schema('StatusReason', 'enum'), and('Tired')],
    ['StatusReason: the value "Tired" is new, and may be answered'],
  ],
  [
    'a renamed value',
    [schema('PoolUse', 'x-enum-varnames', '0'), is('LOAD')],
    ['PoolUse: the value "LoadBalancer" is called LOAD, not LOAD_BALANCER'],
  ],
  [
    'any value where there were a few',
    [schema('FieldValidation', 'enum'), gone],
    ['FieldValidation: can be any value, not one of a few'],
  ],
  [
    'a few values where there was any',
    [schema('AssignRequest', 'properties', 'node', 'enum'), is(['a'])],
    ['AssignRequest.node: is one of a few values'],
  ],
  [
    'a narrowed type',
    [schema('Allocation', 'properties', 'node', 'type'), is('string')],
    ['Allocation.node: is string, not null or string'],
  ],
  [
    'another format',
    [schema('ObjectMeta', 'properties', 'creationTimestamp', 'format'), gone],
    ['ObjectMeta.creationTimestamp: is string, not string, date-time'],
  ],
  [
    'a type where there was a reference',
    [schema('IPPool', 'properties', 'spec'), is({ type: 'object' })],
    ['IPPool.spec: is of type object, not IPPoolSpec'],
  ],
  [
    'another type of items',
    [schema('RepairRequest', 'properties', 'codes', 'items', '$ref'), is('#/components/schemas/CheckCode')],
    ['RepairRequest.codes[]: is of type CheckCode, not RepairableCode'],
  ],
  [
    'another type of the values of a map',
    [schema('UsageRequest', 'properties', 'attributes', 'additionalProperties', 'type'), is('integer')],
    ['UsageRequest.attributes[]: is integer, not string'],
  ],
  [
    'a lower bound',
    [schema('SplitRequest', 'properties', 'parts', 'minimum'), is(3)],
    ['SplitRequest.parts: minimum is 3'],
  ],
  [
    'an upper bound',
    [schema('AssignRequest', 'properties', 'handle', 'maxLength'), is(9)],
    ['AssignRequest.handle: maxLength is 9'],
  ],
  [
    'a new pattern',
    [schema('ClaimRequest', 'properties', 'cidr', 'pattern'), is('^a')],
    ['ClaimRequest.cidr: pattern is "^a"'],
  ],
  [
    'items that are to be unique',
    [schema('AssignRequest', 'properties', 'pools', 'uniqueItems'), is(true)],
    ['AssignRequest.pools: items must be unique'],
  ],
  [
    'a closed object',
    [schema('MergePatch', 'additionalProperties'), is(false)],
    ['MergePatch: other fields are refused'],
  ],
  [
    'a removed alternative',
    [schema('ReleaseAddress', 'anyOf'), is([{ type: 'string' }])],
    ['ReleaseAddress: ReleaseItem is not in anyOf'],
  ],
  [
    'a new alternative in an answer',
    [schema('NodeDeletion', 'anyOf'), and({ type: 'string' })],
    ['NodeDeletion: string is new in anyOf'],
  ],
]

const harmless: readonly (readonly [name: string, change: Change])[] = [
  ['nothing', [['info', 'version'], is('2.0.0')]],
  ['a new path', [['paths', '/new'], is({ get: { operationId: 'readNew' } })]],
  [
    'a new optional parameter',
    [[...assign, 'parameters'], and({ name: 'wet', in: 'query', schema: { type: 'string' } })],
  ],
  ['a new media type', [[...assign, 'requestBody', 'content', 'application/cbor'], is({})]],
  ['a new status', [[...assign, 'responses', '418'], is({ description: 'Tea.' })]],
  ['a new type', [schema('Tea'), is({ type: 'string' })]],
  ['a new optional field of a request', [schema('AssignRequest', 'properties', 'tea'), is({ type: 'string' })]],
  ['a new field of an answer', [schema('Release', 'properties', 'tea'), is({ type: 'string' })]],
  ['a new value of a request', [schema('FieldValidation', 'enum'), and('Tea')]],
  ['a wider bound', [schema('SplitRequest', 'properties', 'parts', 'minimum'), is(1)]],
  ['a bound of an answer', [schema('PoolUtilization', 'properties', 'blockSize', 'maximum'), is(64)]],
  ['a new alternative in a request', [schema('ReleaseAddress', 'anyOf'), and({ type: 'integer' })]],
  ['other words', [schema('Release', 'description'), is('Tea.')]],
]

t.test('a planted change that breaks programs is named, and nothing else', (t) => {
  t.ok(breaking.length > 0)
  for (const [name, change, told] of breaking) t.strictSame(breakingChanges(document, changed(change)), told, name)
  t.end()
})

t.test('a change that breaks nobody is not named', (t) => {
  t.ok(harmless.length > 0)
  for (const [name, change] of harmless) {
    t.notSame(changed(change), document, `${name} is a change`)
    t.strictSame(breakingChanges(document, changed(change)), [], name)
  }
  t.end()
})

t.test('the changelog has to have the very change, under Breaking of what is not released', (t) => {
  const one = 'AssignRequest: the field node is required'
  const line = '- `AssignRequest: the field\n  node is required`: name one.'
  const cases: readonly (readonly [changelog: string, left: readonly string[]])[] = [
    [`# Changelog\n\n## [Unreleased]\n\n### Breaking\n\n${line}\n\n### Added\n`, []],
    [`## [Unreleased]\n\n### Added\n\n- Tea.\n\n### Breaking\n\n${line}\n`, []],
    [`## [Unreleased]\n\n### Breaking\n\n- Tea.\n\n### Added\n\n${line}\n`, [one]],
    [`## [Unreleased]\n\n## [1.0.0]\n\n### Breaking\n\n${line}\n`, [one]],
    ['', [one]],
  ]
  for (const [changelog, left] of cases) t.strictSame(unlisted([one], changelog), left)
  t.end()
})

/** The document with one change. */
function changed([path, become]: Change): JsonObject {
  const copy = structuredClone(document) as Record<string, Json | undefined>
  const last = path.at(-1) ?? ''
  const holder = path.slice(0, -1).reduce((found, name) => found[name] as unknown as typeof copy, copy)
  const value = become(holder[last])
  if (value === undefined) Reflect.deleteProperty(holder, last)
  else holder[last] = value
  return copy as JsonObject
}
