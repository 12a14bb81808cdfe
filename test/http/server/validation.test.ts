import { Type, type TSchema } from '@sinclair/typebox'
import t from 'tap'
import { refuseAsKubernetes, refuseBySchema, validatorCompiler } from '../../../src/http/server/validation.ts'

/** The refusal of `data`, as the server's own validator finds it. */
function refusalOf(
  schema: TSchema,
  data: unknown,
  part = 'body',
): { readonly reason: string; readonly causes: readonly (readonly [string, string, string])[] } | undefined {
  const validation = validatorCompiler([])({ schema, method: 'POST', url: '/', httpPart: 'body' })(data)
  if (typeof validation === 'boolean' || !('error' in validation) || !Array.isArray(validation.error)) return undefined
  const { reason, causes } = refuseBySchema(validation.error, part).refusal
  return { reason, causes: causes.map(({ field, reason, message }) => [field, reason, message] as const) }
}

const closed = { additionalProperties: false }
const Thing = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 2, maxLength: 4 })),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })),
    least: Type.Optional(Type.Integer({ minimum: 1 })),
    most: Type.Optional(Type.Integer({ maximum: 9 })),
    colour: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: ['red', 'blue'] })),
    code: Type.Optional(Type.String({ pattern: '^[a-z]$', $comment: 'one lower-case letter' })),
    raw: Type.Optional(Type.String({ pattern: '^[a-z]$' })),
    list: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 2 })),
    map: Type.Optional(
      Type.Unsafe<Record<string, string>>({
        type: 'object',
        additionalProperties: { type: 'string' },
        maxProperties: 1,
      }),
    ),
    either: Type.Optional(
      Type.Union([
        Type.String({ pattern: '^[0-9]+$', $comment: 'digits' }),
        Type.Integer({ minimum: 0 }),
        Type.Object({ a: Type.String() }, closed),
      ]),
    ),
    even: Type.Optional(Type.Integer({ multipleOf: 2 })),
  },
  closed,
)

t.test('each wrong field has one cause, which says what would be right', (t) => {
  const invalid = 'FieldValueInvalid'
  const cases: readonly (readonly [unknown, string, string, string])[] = [
    [{ name: 'a' }, 'name', invalid, '"a" is not allowed; give 2 to 4 characters'],
    [{ count: 0 }, 'count', invalid, '0 is not allowed; give 1 to 9'],
    [{ count: 10 }, 'count', invalid, '10 is not allowed; give 1 to 9'],
    [{ least: 0 }, 'least', invalid, '0 is not allowed; give at least 1'],
    [{ most: 10 }, 'most', invalid, '10 is not allowed; give at most 9'],
    [{ colour: 'green' }, 'colour', 'FieldValueNotSupported', '"green" is not allowed; give red or blue'],
    [{ code: 'A' }, 'code', invalid, '"A" is not allowed; give one lower-case letter'],
    [{ raw: 'A' }, 'raw', invalid, '"A" is not allowed; give what matches "^[a-z]$"'],
    [{ list: [] }, 'list', invalid, 'a list of 0 is not allowed; give 1 to 2 items'],
    [{ map: { a: '', b: '' } }, 'map', invalid, 'an object of 2 entries is not allowed; give at most 1 entries'],
    [{ either: 'x' }, 'either', invalid, '"x" is not allowed; give digits'],
    [{ either: -1 }, 'either', invalid, '-1 is not allowed; give at least 0'],
    [{ even: 3 }, 'even', invalid, '3 is not allowed; it must be multiple of 2'],
  ]
  for (const [data, ...cause] of cases) t.strictSame(refusalOf(Thing, data), { reason: 'Invalid', causes: [cause] })
  t.end()
})

t.test('what is malformed is a bad request', (t) => {
  const wrong = 'FieldValueTypeInvalid'
  const cases: readonly (readonly [unknown, string, string, string])[] = [
    [{ count: '5' }, 'count', wrong, '"5" is a string; give an integer'],
    [{ count: 5.5 }, 'count', wrong, '5.5 is a number; give an integer'],
    [{ name: null }, 'name', wrong, 'this is null; give a string'],
    [{ name: ['a'] }, 'name', wrong, 'this is a list; give a string'],
    [{ list: ['a', true] }, 'list[1]', wrong, 'true is a boolean; give a string'],
    [{ map: { 'a/~b': 1 } }, 'map[a/~b]', wrong, '1 is a number; give a string'],
    [{ either: true }, 'either', wrong, 'true is a boolean; give a string or an integer or an object'],
    [{ either: { a: 1 } }, 'either.a', wrong, '1 is a number; give a string'],
    [{ either: {} }, 'either.a', 'FieldValueRequired', 'is missing and must be given'],
    [{ either: { a: '', c: 1 } }, 'either.c', 'FieldValueForbidden', 'is not known here; known are: a'],
    [[], 'body', wrong, 'this is a list; give an object'],
  ]
  for (const [data, ...cause] of cases) t.strictSame(refusalOf(Thing, data), { reason: 'BadRequest', causes: [cause] })
  t.end()
})

t.test('all wrong fields are told at once, and what is malformed decides the reason', (t) => {
  const refusal = refusalOf(Thing, { count: 0, name: 'a', bogus: 1, list: ['a', 'b', 'c'] })
  t.equal(refusal?.reason, 'BadRequest')
  t.strictSame(refusal?.causes.map(([field]) => field).sort(), ['bogus', 'count', 'list', 'name'])
  t.equal(refusalOf(Thing, { count: 0, name: 'a' })?.reason, 'Invalid')
  t.equal(refusalOf(Thing, { count: 1, name: 'ab' }), undefined)
  t.end()
})

t.test(
  'a wrong value is invalid in every part of a request; in a query and a header not as Kubernetes tells it',
  (t) => {
    for (const [part, kubernetes] of [
      ['body', 'Invalid'],
      ['params', 'Invalid'],
      ['querystring', 'BadRequest'],
      ['headers', 'BadRequest'],
    ] as const) {
      const finding = { keyword: 'minimum', instancePath: '/count', schemaPath: '', params: {}, message: '' }
      t.equal(refuseBySchema([finding], part).refusal.reason, 'Invalid', part)
      t.equal(refuseAsKubernetes([finding], part).refusal.reason, kubernetes, part)
      t.equal(refuseBySchema([{ ...finding, keyword: 'type' }], part).refusal.reason, 'BadRequest', part)
    }
    t.strictSame(refusalOf(Type.Object({}, closed), { a: 1 }, 'querystring')?.causes, [
      ['a', 'FieldValueForbidden', 'is not known here; known are: none'],
    ])
    t.end()
  },
)

t.test('unions side by side and inside each other keep their own causes', (t) => {
  const Inner = Type.Union([Type.String(), Type.Object({ b: Type.Union([Type.Integer(), Type.Null()]) }, closed)])
  const refusal = refusalOf(Type.Object({ a: Type.Array(Inner) }, closed), {
    a: [1, { b: 'x' }, 'fine', { b: null, c: 1 }, {}],
  })
  t.strictSame(
    refusal?.causes.map(([field, reason]) => [field, reason]),
    [
      ['a[0]', 'FieldValueTypeInvalid'],
      ['a[1].b', 'FieldValueTypeInvalid'],
      ['a[3].c', 'FieldValueForbidden'],
      ['a[4].b', 'FieldValueRequired'],
    ],
  )
  t.end()
})
