import t from 'tap'
import { schemaOf30 } from '../../../src/http/openapi/v3-0-schema.ts'
import type { Json } from '../../../src/model/index.ts'

const A = { $ref: '#/components/schemas/A' }
const text = { type: 'string' }
const nil = { type: 'null' }

const cases: readonly (readonly [name: string, of31: Json, of30: Json])[] = [
  ['any value', true, {}],
  ['no value', false, { not: {} }],
  [
    'what both know stays',
    { type: 'string', pattern: '^a', 'x-b': [null] },
    { type: 'string', pattern: '^a', 'x-b': [null] },
  ],
  ['a text or null', { type: ['string', 'null'], maxLength: 3 }, { type: 'string', nullable: true, maxLength: 3 }],
  ['a list of one type', { type: ['string'] }, { type: 'string' }],
  ['null alone', nil, { enum: [null] }],
  ['a list of null alone', { type: ['null'] }, { enum: [null] }],
  ['null as the constant', { const: null }, { enum: [null] }],
  ['two types', { type: ['string', 'integer'], minimum: 1 }, { minimum: 1, anyOf: [text, { type: 'integer' }] }],
  [
    'two types or null, beside a choice',
    { type: ['string', 'array', 'null'], anyOf: [A] },
    {
      anyOf: [
        { type: 'string', nullable: true },
        { type: 'array', items: {}, nullable: true },
      ],
      allOf: [{ anyOf: [A] }],
    },
  ],
  [
    'one alternative and null',
    { oneOf: [{ type: 'string', maxLength: 3 }, nil] },
    { type: 'string', maxLength: 3, nullable: true },
  ],
  ['the same the other way round', { anyOf: [nil, text], title: 'T' }, { type: 'string', nullable: true, title: 'T' }],
  [
    'one alternative and null, each described',
    { description: 'a', anyOf: [{ type: 'string', description: 'b' }, nil] },
    { description: 'a', anyOf: [{ type: 'string', description: 'b', nullable: true }] },
  ],
  ['a reference or null', { anyOf: [A, nil] }, { anyOf: [A, { enum: [null] }] }],
  ['two alternatives and null', { oneOf: [A, text, nil] }, { oneOf: [A, text, { enum: [null] }] }],
  ['alternatives without null', { oneOf: [A, text] }, { oneOf: [A, text] }],
  ['a constant text', { const: 'v1' }, { type: 'string', enum: ['v1'] }],
  ['a constant text with its type', { type: 'string', const: 'v1' }, { type: 'string', enum: ['v1'] }],
  ['a constant number', { const: 1 }, { enum: [1] }],
  ['more than', { exclusiveMinimum: 1 }, { minimum: 1, exclusiveMinimum: true }],
  ['more than, with a laxer bound', { minimum: 0, exclusiveMinimum: 1 }, { minimum: 1, exclusiveMinimum: true }],
  ['more than, with a stricter bound', { minimum: 2, exclusiveMinimum: 1 }, { minimum: 2, exclusiveMinimum: false }],
  ['less than', { exclusiveMaximum: 9 }, { exclusiveMaximum: true, maximum: 9 }],
  ['less than, with a laxer bound', { maximum: 10, exclusiveMaximum: 9 }, { maximum: 9, exclusiveMaximum: true }],
  ['less than, with a stricter bound', { maximum: 8, exclusiveMaximum: 9 }, { maximum: 8, exclusiveMaximum: false }],
  ['examples', { examples: [{ type: ['null'] }, 2] }, { example: { type: ['null'] } }],
  ['no examples', { examples: [] }, {}],
  ['an example stays', { example: 1, examples: [2] }, { example: 1 }],
  ['a reference', A, A],
  ['a reference with a description', { ...A, description: 'a' }, { allOf: [A], description: 'a' }],
  ['a reference with what 3.0 does not know', { ...A, $comment: 'a' }, A],
  [
    'properties',
    { type: 'object', properties: { a: { type: ['string', 'null'] }, type: { const: 'b' } }, required: ['a'] },
    {
      type: 'object',
      properties: { a: { type: 'string', nullable: true }, type: { type: 'string', enum: ['b'] } },
      required: ['a'],
      additionalProperties: true,
    },
  ],
  ['nothing is required', { type: 'object', required: [] }, { type: 'object' }],
  [
    'other properties',
    { additionalProperties: { const: 'b' } },
    { additionalProperties: { type: 'string', enum: ['b'] } },
  ],
  ['no other properties', { additionalProperties: false }, { additionalProperties: false }],
  [
    'properties after a pattern',
    { type: 'object', patternProperties: { '^a': text }, additionalProperties: false },
    { type: 'object', additionalProperties: text },
  ],
  [
    'properties after two patterns, and others',
    { patternProperties: { '^a': text, '^b': { const: 1 } }, additionalProperties: A },
    { additionalProperties: { anyOf: [text, { enum: [1] }, A] } },
  ],
  ['properties after a pattern, and any others', { patternProperties: { '^a': text } }, { additionalProperties: true }],
  [
    'properties after no pattern',
    { patternProperties: {}, additionalProperties: false },
    { additionalProperties: false },
  ],
  ['items', { type: 'array', items: { const: 1 } }, { type: 'array', items: { enum: [1] } }],
  ['a list of anything', { type: 'array' }, { type: 'array', items: {} }],
  ['a list of anything, or null', { type: ['array', 'null'] }, { type: 'array', nullable: true, items: {} }],
  [
    'a tuple',
    { type: 'array', prefixItems: [text, { const: 1 }], items: false },
    { type: 'array', items: { anyOf: [text, { enum: [1] }] }, maxItems: 2 },
  ],
  [
    'the beginning of a list',
    { type: 'array', prefixItems: [text], items: A },
    { type: 'array', items: { anyOf: [text, A] } },
  ],
  ['the beginning of a list of anything', { prefixItems: [text] }, { items: { anyOf: [text, {}] } }],
  ['all of, not', { allOf: [{ const: 1 }], not: { const: 2 } }, { allOf: [{ enum: [1] }], not: { enum: [2] } }],
  ['bytes as a text', { type: 'string', contentEncoding: 'base64' }, { type: 'string', format: 'byte' }],
  ['bytes', { contentMediaType: 'application/octet-stream' }, { type: 'string', format: 'binary' }],
  ['JSON in a text', { type: 'string', contentMediaType: 'application/json' }, { type: 'string' }],
  [
    'what 3.0 cannot say',
    {
      $id: 'a',
      $schema: 'b',
      if: text,
      then: A,
      propertyNames: text,
      dependentRequired: {},
      contains: text,
      title: 'T',
    },
    { title: 'T' },
  ],
]

t.test('a schema of 3.1 becomes one of 3.0', (t) => {
  t.ok(cases.length > 0)
  for (const [name, of31, of30] of cases) t.strictSame(schemaOf30(of31), of30, name)
  t.end()
})
