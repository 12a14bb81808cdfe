import t from 'tap'
import {
  type Json,
  type JsonObject,
  jsonObject,
  type Pool,
  stringifyJson,
  JsonNumber,
} from '../../../src/model/index.ts'
import type { Result } from '../../../src/plan/index.ts'
import type { ObjectDraft } from '../../../src/resources/object/draft.ts'
import { draftObject, draftStatus, jsonOf, readObject, refuseCauses } from '../../../src/resources/object/index.ts'
import { context, mustPool, poolBody, poolKind, strict } from '../fixtures.ts'

const kind = poolKind()

function mustDraft(drafted: Result<ObjectDraft<Pool>>): ObjectDraft<Pool> {
  if (!drafted.ok) throw new Error(drafted.refusal.message)
  return drafted.value
}

function fieldsOf({ causes }: ObjectDraft<Pool>): readonly string[] {
  return causes.map(({ field }) => field)
}

t.test('any body becomes JSON', (t) => {
  const rows: readonly (readonly [unknown, string])[] = [
    [undefined, 'null'],
    [null, 'null'],
    ['x', '"x"'],
    [1.5, '1.5'],
    [true, 'true'],
    [Infinity, '"Infinity"'],
    [Number.NaN, '"NaN"'],
    [Symbol('x'), 'null'],
    [{ a: [1, { b: undefined }] }, '{"a":[1,{"b":null}]}'],
    [JSON.parse('{"__proto__":{"polluted":true}}'), '{"__proto__":{"polluted":true}}'],
  ]
  for (const [body, text] of rows) t.equal(stringifyJson(jsonOf(body)), text)
  t.equal(stringifyJson(jsonOf({ a: [new JsonNumber('1.10')] })), '{"a":[1.10]}')
  t.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  t.end()
})

t.test('a body of another kind or apiVersion is refused', (t) => {
  const rows: readonly (readonly [name: string, body: Json, isRight: boolean])[] = [
    ['an object', {}, true],
    ['its kind', { kind: 'IPPool' }, true],
    ['another kind', { kind: 'IPReservation' }, false],
    ['a kind that is none', { kind: 1 }, false],
    ['no kind', { kind: null }, true],
    ['its version', { apiVersion: 'projectcalico.org/v3' }, true],
    ['another version', { apiVersion: 'crd.projectcalico.org/v1' }, false],
    ['a list', [], false],
    ['a text', 'x', false],
    ['nothing', null, false],
  ]
  for (const [name, body, isRight] of rows) {
    const read = readObject(kind, body)
    t.equal(read.ok, isRight, name)
    if (!read.ok) t.equal(read.refusal.reason, 'BadRequest', name)
  }
  t.match(readObject(kind, { kind: 'Pool' }), {
    refusal: { message: 'kind: must be "IPPool" here, found "Pool"', causes: [{ field: 'kind' }] },
  })
  t.end()
})

t.test('a new object gets the members that the server sets', (t) => {
  const { candidate, causes, warnings } = mustDraft(
    draftObject(kind, { ...poolBody(), status: { conditions: [{ type: 'Allocatable' }] } }, undefined, context, {
      isComplete: false,
    }),
  )
  t.equal(candidate.name, 'pool-a')
  t.equal(candidate.object['kind'], 'IPPool')
  t.equal(candidate.object['apiVersion'], 'projectcalico.org/v3')
  t.equal(candidate.object['status'], undefined, 'the status is not for clients to give')
  t.match(candidate.object['metadata'], { uid: context.uid, creationTimestamp: '2026-11-23T03:59:00Z' })
  t.match(candidate.spec, { blockSize: 26, assignmentMode: 'Automatic' })
  t.equal(candidate.old, undefined)
  t.strictSame([causes, warnings], [[], []])
  t.end()
})

t.test('all problems are reported at once', (t) => {
  const body = {
    metadata: { name: 'A', labels: { a: 1 }, annotations: { 'b c': '' } },
    spec: {
      cidr: 10,
      blockSize: '26',
      vxlanMode: 'x',
      ipipMode: 'y',
      nodeSelector: '=',
      allowedUses: ['Z', 'Z'],
      disabled: 1,
    },
  }
  t.strictSame(fieldsOf(mustDraft(draftObject(kind, body, undefined, context, { isComplete: false }))).toSorted(), [
    'metadata.annotations',
    'metadata.labels.a',
    'metadata.name',
    'spec.allowedUses[0]',
    'spec.allowedUses[1]',
    'spec.blockSize',
    'spec.cidr',
    'spec.disabled',
    'spec.ipipMode',
    'spec.nodeSelector',
    'spec.vxlanMode',
  ])
  t.end()
})

t.test('parts of the wrong type are reported once', (t) => {
  const rows: readonly (readonly [JsonObject, readonly string[]])[] = [
    [{ metadata: 'x', spec: { cidr: '10.0.0.0/24' } }, ['metadata']],
    [{ metadata: { name: 'x' }, spec: [] }, ['spec']],
    [{ metadata: { name: 'x' } }, ['spec.cidr']],
  ]
  for (const [body, fields] of rows)
    t.strictSame(fieldsOf(mustDraft(draftObject(kind, body, undefined, context, { isComplete: false }))), fields)
  t.end()
})

t.test('a problem in a field, in a part of it or in its container makes it unsound', (t) => {
  const sound = (body: JsonObject) =>
    mustDraft(draftObject(kind, body, undefined, context, { isComplete: false })).candidate.isSound
  t.ok(sound(poolBody())('spec.cidr', 'spec.allowedUses'))
  const isSound = sound(poolBody({ allowedUses: ['Workload', 1], blockSize: 99 }))
  t.notOk(isSound('spec.allowedUses'))
  t.notOk(isSound('spec.cidr', 'spec.blockSize'))
  t.ok(isSound('spec.cidr'))
  t.ok(isSound('spec.allowed'), 'the name of another field is no part of it')
  t.notOk(sound({ metadata: { name: 'x', labels: { a: 1 } } })('metadata'))
  t.notOk(sound({ metadata: { name: 'x' }, spec: 'x' })('spec.cidr'))
  t.end()
})

t.test('a thousand problems are reported in time', (t) => {
  const annotations = jsonObject(Array.from({ length: 1_000 }, (_, index) => [`k${String(index)}`, index]))
  const ownerReferences = Array.from({ length: 1_000 }, () => ({}))
  const body = poolBody({}, { annotations, ownerReferences })
  const startedAt = performance.now()
  const { causes } = mustDraft(draftObject(kind, body, undefined, context, { isComplete: false }))
  const ms = performance.now() - startedAt
  t.equal(causes.length, 5 * 1_000)
  t.ok(ms < 5_000, `${String(Math.round(ms))} ms`)
  t.end()
})

t.test('a message does not repeat a name or a value at length', (t) => {
  const long = 'x'.repeat(100_000)
  const [kindOf, nameOf, fieldOf] = [
    readObject(kind, { kind: long }),
    refuseCauses(kind, long, []),
    draftObject(kind, poolBody({ [long]: 1 }), undefined, strict, { isComplete: false }),
  ]
  for (const refused of [kindOf, nameOf, fieldOf]) t.ok(!refused.ok && refused.refusal.message.length < 1_000)
  t.end()
})

t.test('unknown fields are refused, dropped with a warning, or dropped', (t) => {
  const body = { ...poolBody({ bogus: 1 }, { colour: 'red' }), more: {} }
  const options = { isComplete: false }
  t.strictSame(mustDraft(draftObject(kind, body, undefined, context, options)).warnings, [
    'unknown field "more"',
    'unknown field "metadata.colour"',
    'unknown field "spec.bogus"',
  ])
  t.strictSame(
    mustDraft(draftObject(kind, body, undefined, { ...context, fieldValidation: 'Ignore' }, options)).warnings,
    [],
  )
  t.match(draftObject(kind, body, undefined, strict, options), {
    ok: false,
    refusal: {
      reason: 'BadRequest',
      message:
        'IPPool in version "v3" cannot be handled as a IPPool: strict decoding error: unknown field "more", unknown field "metadata.colour", unknown field "spec.bogus"',
      causes: [
        { field: 'more' },
        { field: 'metadata.colour' },
        { field: 'spec.bogus', reason: 'FieldValueForbidden', message: 'unknown field "spec.bogus"' },
      ],
    },
  })
  const many = poolBody(Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`x${String(index)}`, 1])))
  t.match(draftObject(kind, many, undefined, strict, options), { refusal: { message: /"spec\.x9", and 2 more$/ } })
  t.match(mustDraft(draftObject(kind, body, undefined, context, options)).candidate.object, {
    spec: { bogus: undefined },
    more: undefined,
  })
  t.end()
})

t.test(
  'a field of a new object that looks like a misspelt immutable one is refused, unless it is given or validation is off',
  (t) => {
    const options = { isComplete: false }
    const draft = (spec: Readonly<Record<string, Json>>, fieldValidation: 'Warn' | 'Ignore' = 'Warn') =>
      draftObject(kind, poolBody(spec), undefined, { ...context, fieldValidation }, options)
    t.match(draft({ blokSize: 28 }), {
      ok: false,
      refusal: {
        reason: 'BadRequest',
        message: /^IPPool has no field "spec\.blokSize"; spec\.blockSize, which cannot be changed later, may be meant$/,
        causes: [{ field: 'spec.blokSize', reason: 'FieldValueForbidden' }],
      },
    })
    t.ok(draft({ blokSize: 28 }, 'Ignore').ok)
    t.ok(draft({ blokSize: 28, blockSize: 28 }).ok)
    t.ok(draft({ natOutgoin: true }).ok, 'this field can be set later')
    const stored = kind.parse({ ...poolBody(), kind: 'IPPool', apiVersion: 'projectcalico.org/v3' })
    if (!stored.ok) throw new Error(stored.problem)
    t.ok(draftObject(kind, poolBody({ blokSize: 28 }), stored.value, context, options).ok, 'nor can a change set it')
    t.end()
  },
)

t.test('a change keeps the status, unknown fields and the name', (t) => {
  const parsed = kind.parse({
    ...poolBody({ future: 1 }, { uid: 'u', futureMeta: 2 }),
    status: { conditions: [] },
    futurePart: 3,
  })
  if (!parsed.ok) throw new Error(parsed.problem)
  const given = { spec: { cidr: '10.10.0.0/24', natOutgoing: true }, status: { conditions: [1] } }
  const { candidate, causes } = mustDraft(draftObject(kind, given, parsed.value, context, { isComplete: false }))
  t.strictSame(causes, [])
  t.match(candidate.object, {
    metadata: { name: 'pool-a', uid: 'u', futureMeta: 2 },
    spec: { cidr: '10.10.0.0/24', natOutgoing: true, future: 1 },
    status: { conditions: [] },
    futurePart: 3,
  })
  t.end()
})

t.test('a patch that removes an unknown field gets a warning', (t) => {
  const { warnings } = mustDraft(draftObject(kind, poolBody(), mustPool({ future: 1 }), context, { isComplete: true }))
  t.strictSame(warnings, ['unknown field "spec.future"'])
  t.end()
})

t.test('a refusal has one cause for each field, the first', (t) => {
  const cause = (field: string, message: string) => ({ field, reason: 'FieldValueInvalid', message }) as const
  t.match(refuseCauses(kind, 'x', [cause('spec.cidr', 'one')]), {
    ok: false,
    refusal: {
      reason: 'Invalid',
      message: 'IPPool.projectcalico.org "x" is invalid: spec.cidr: one',
      causes: [cause('spec.cidr', 'one')],
    },
  })
  const two = refuseCauses(kind, 'x', [cause('a', 'one'), cause('b', 'two'), cause('a', 'three')])
  t.match(two, { refusal: { message: 'IPPool.projectcalico.org "x" is invalid: [a: one, b: two]' } })
  t.strictSame(!two.ok && two.refusal.causes, [cause('a', 'one'), cause('b', 'two')])
  const many = refuseCauses(
    kind,
    'x',
    Array.from({ length: 12 }, (_, index) => cause(`f${String(index)}`, 'no')),
  )
  t.match(many, { refusal: { message: /f9: no, and 2 more\]$/ } })
  t.equal(!many.ok && many.refusal.causes.length, 12, 'all of them are in the causes')
  t.end()
})

t.test('unknown fields of a status are refused, dropped with a warning, or dropped', (t) => {
  const old = mustPool()
  const given = { status: { conditions: [], future: 1 } }
  const { statusSchema } = kind
  t.ok(statusSchema)
  const closedKind = { ...kind, statusSchema: { ...statusSchema, additionalProperties: false } } as typeof kind
  t.match(draftStatus(closedKind, given, old, strict, { isComplete: false }), { refusal: { reason: 'BadRequest' } })
  t.strictSame(mustDraft(draftStatus(closedKind, given, old, context, { isComplete: false })).warnings, [
    'unknown field "status.future"',
  ])
  const ignoring = { ...context, fieldValidation: 'Ignore' } as const
  t.strictSame(mustDraft(draftStatus(closedKind, given, old, ignoring, { isComplete: false })).warnings, [])
  t.end()
})
