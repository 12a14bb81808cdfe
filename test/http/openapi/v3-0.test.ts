import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { openapiDocument } from '../../../sdk/openapi-document.ts'
import { openapi30 } from '../../../src/http/openapi/v3-0.ts'
import { isJsonObject, type JsonObject, parseJson } from '../../../src/model/index.ts'

const of31 = { type: ['string', 'null'] }
const of30 = { type: 'string', nullable: true }
const data = { schema: of31, type: ['string', 'null'] }

const media31 = { 'application/json': { schema: of31, example: data, examples: { schema: { value: data } } } }
const media30 = { 'application/json': { schema: of30, example: data, examples: { schema: { value: data } } } }

const cases: readonly (readonly [name: string, of31: JsonObject, of30: JsonObject])[] = [
  ['an empty document', {}, {}],
  ['an extension', { 'x-schema': data }, { 'x-schema': data }],
  ['webhooks and dialects', { webhooks: {}, jsonSchemaDialect: 'a' }, {}],
  [
    'the licence',
    { info: { title: 'a', license: { name: 'MIT', identifier: 'MIT' } } },
    { info: { title: 'a', license: { name: 'MIT', url: 'https://spdx.org/licenses/MIT.html' } } },
  ],
  ['a summary alone', { info: { summary: 'a' } }, { info: { description: 'a' } }],
  ['a summary beside a description', { info: { summary: 'a', description: 'b' } }, { info: { description: 'b' } }],
  [
    'components',
    {
      components: {
        schemas: { schema: of31 },
        responses: { a: { description: 'a', headers: { schema: { schema: of31 } }, content: media31 } },
        parameters: { schema: { name: 'a', in: 'query', schema: of31, example: data } },
        requestBodies: { a: { content: media31 } },
        headers: { a: { content: media31 } },
        callbacks: { a: { '{$url}': { post: { responses: { 200: { content: media31 } } } } } },
        examples: { a: { value: data } },
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, mutualTLS: { type: 'mutualTLS' } },
        pathItems: { a: {} },
      },
    },
    {
      components: {
        schemas: { schema: of30 },
        responses: { a: { description: 'a', headers: { schema: { schema: of30 } }, content: media30 } },
        parameters: { schema: { name: 'a', in: 'query', schema: of30, example: data } },
        requestBodies: { a: { content: media30 } },
        headers: { a: { content: media30 } },
        callbacks: { a: { '{$url}': { post: { responses: { 200: { content: media30 } } } } } },
        examples: { a: { value: data } },
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      },
    },
  ],
  [
    'paths',
    {
      paths: {
        '/schema': {
          parameters: [{ name: 'a', in: 'query', schema: of31 }],
          put: {
            parameters: [{ $ref: '#/components/parameters/a', description: 'a' }],
            requestBody: {
              content: { 'multipart/form-data': { encoding: { a: { headers: { b: { schema: of31 } } } } } },
            },
            responses: { 200: { $ref: '#/components/responses/a', summary: 'a' } },
            callbacks: { a: { b: { post: { responses: { 200: { content: media31 } } } } } },
          },
          get: { operationId: 'a', security: [{ bearer: [] }, { mutualTLS: [] }, {}] },
        },
      },
    },
    {
      paths: {
        '/schema': {
          parameters: [{ name: 'a', in: 'query', schema: of30 }],
          put: {
            parameters: [{ $ref: '#/components/parameters/a' }],
            requestBody: {
              content: { 'multipart/form-data': { encoding: { a: { headers: { b: { schema: of30 } } } } } },
            },
            responses: { 200: { $ref: '#/components/responses/a' } },
            callbacks: { a: { b: { post: { responses: { 200: { content: media30 } } } } } },
          },
          get: {
            operationId: 'a',
            responses: { default: { description: 'Any response.' } },
            security: [{ bearer: [] }, {}],
          },
        },
      },
    },
  ],
]

t.test('a document of 3.1 becomes one of 3.0', (t) => {
  t.ok(cases.length > 0)
  for (const [name, document, wanted] of cases) {
    const whole = { openapi: '3.0.3', info: {}, paths: {}, ...wanted }
    t.strictSame(openapi30({ openapi: '3.1.0', ...document }), whole, name)
  }
  t.end()
})

t.test('our own document is valid, and is so in its 3.0 form', async (t) => {
  const parsed = parseJson(await openapiDocument('1.2.3'))
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error('not an object')
  for (const [version, document] of [
    ['3.1', parsed.value],
    ['3.0', openapi30(parsed.value)],
  ] as const) {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(JSON.stringify(document, null, 1))
    t.ok(valid, version, { errors })
    t.equal(validator.version, version)
  }
  const { valid } = await new Validator().validate(JSON.stringify({ ...parsed.value, openapi: '3.0.3' }, null, 1))
  t.notOk(valid, 'while 3.1 under another number would not be')
})
