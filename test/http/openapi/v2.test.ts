import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { encodeMessage } from '../../../src/http/openapi/v2-protobuf.ts'
import { encodeOpenapi20 } from '../../../src/http/openapi/v2-protobuf.ts'
import { openapi20 } from '../../../src/http/openapi/v2.ts'
import type { JsonObject } from '../../../src/model/index.ts'
import { startServer } from '../server-in-memory.ts'

const asked = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
const answered = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

const of30: JsonObject = {
  openapi: '3.0.3',
  info: { title: 'a', version: '1' },
  paths: {
    '/a/{name}': {
      patch: {
        operationId: 'patchA',
        parameters: [
          { name: 'name', in: 'path', required: true, schema: { type: 'string', example: 'a' } },
          { name: 'dryRun', in: 'query', description: 'Try.', schema: { type: 'string', enum: ['All'] } },
        ],
        requestBody: {
          required: true,
          content: { 'application/merge-patch+json': { schema: { $ref: '#/components/schemas/g.A' } } },
        },
        responses: { 200: { description: 'Done.', content: { 'application/json': { schema: { type: 'object' } } } } },
        'x-kubernetes-action': 'patch',
      },
      get: { operationId: 'readA', responses: {} },
    },
  },
  components: {
    schemas: {
      'g.A': {
        type: 'object',
        description: 'An A.',
        required: ['spec'],
        properties: {
          spec: { description: 'What.', allOf: [{ $ref: '#/components/schemas/g.A' }], default: {} },
          list: { type: 'array', items: { type: 'string', enum: ['x', 'y'], nullable: true } },
          map: { type: 'object', additionalProperties: { type: 'string', format: 'date-time' } },
          either: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
        },
        'x-kubernetes-group-version-kind': [{ group: 'g', version: 'v', kind: 'A' }],
      },
    },
  },
}

const of20 = {
  swagger: '2.0',
  info: { title: 'a', version: '1' },
  paths: {
    '/a/{name}': {
      patch: {
        operationId: 'patchA',
        consumes: ['application/merge-patch+json'],
        produces: ['application/json'],
        parameters: [
          { name: 'name', in: 'path', required: true, type: 'string' },
          { name: 'dryRun', in: 'query', description: 'Try.', type: 'string', enum: ['All'] },
          { name: 'body', in: 'body', required: true, schema: { $ref: '#/definitions/g.A' } },
        ],
        responses: { 200: { description: 'Done.', schema: { type: 'object' } } },
        'x-kubernetes-action': 'patch',
      },
      get: { operationId: 'readA', produces: ['application/json'], parameters: [], responses: {} },
    },
  },
  definitions: {
    'g.A': {
      type: 'object',
      description: 'An A.',
      required: ['spec'],
      properties: {
        spec: { description: 'What.', $ref: '#/definitions/g.A', default: {} },
        list: { type: 'array', items: { type: 'string', enum: ['x', 'y'] } },
        map: { type: 'object', additionalProperties: { type: 'string', format: 'date-time' } },
        either: {},
      },
      'x-kubernetes-group-version-kind': [{ group: 'g', version: 'v', kind: 'A' }],
    },
  },
}

t.test('a document of OpenAPI 3.0 in the form of 2.0', (t) => {
  t.same(openapi20([of30]), of20)
  t.end()
})

t.test('a document of OpenAPI 2.0 as protobuf', (t) => {
  const expected = encodeMessage([
    [1, '2.0'],
    [
      2,
      [
        [1, 'a'],
        [2, '1'],
      ],
    ],
    [
      8,
      [
        [
          2,
          [
            [1, '/a/{name}'],
            [
              2,
              [
                [
                  2,
                  [
                    [5, 'readA'],
                    [6, 'application/json'],
                  ],
                ],
                [
                  8,
                  [
                    [5, 'patchA'],
                    [6, 'application/json'],
                    [7, 'application/merge-patch+json'],
                    [
                      8,
                      [
                        [
                          1,
                          [
                            [
                              2,
                              [
                                [
                                  3,
                                  [
                                    [2, 'query'],
                                    [4, 'dryRun'],
                                    [6, 'string'],
                                  ],
                                ],
                              ],
                            ],
                          ],
                        ],
                      ],
                    ],
                    [
                      13,
                      [
                        [1, 'x-kubernetes-action'],
                        [2, [[2, '"patch"']]],
                      ],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
    [
      9,
      [
        [
          1,
          [
            [1, 'g.A'],
            [
              2,
              [
                [4, 'An A.'],
                [19, 'spec'],
                [22, [[1, 'object']]],
                [
                  25,
                  [
                    [
                      1,
                      [
                        [1, 'spec'],
                        [
                          2,
                          [
                            [1, '#/definitions/g.A'],
                            [4, 'What.'],
                            [5, [[2, '{}']]],
                          ],
                        ],
                      ],
                    ],
                    [
                      1,
                      [
                        [1, 'list'],
                        [
                          2,
                          [
                            [22, [[1, 'array']]],
                            [
                              23,
                              [
                                [
                                  1,
                                  [
                                    [20, [[2, '"x"']]],
                                    [20, [[2, '"y"']]],
                                    [22, [[1, 'string']]],
                                  ],
                                ],
                              ],
                            ],
                          ],
                        ],
                      ],
                    ],
                    [
                      1,
                      [
                        [1, 'map'],
                        [
                          2,
                          [
                            [
                              21,
                              [
                                [
                                  1,
                                  [
                                    [2, 'date-time'],
                                    [22, [[1, 'string']]],
                                  ],
                                ],
                              ],
                            ],
                            [22, [[1, 'object']]],
                          ],
                        ],
                      ],
                    ],
                    [
                      1,
                      [
                        [1, 'either'],
                        [2, []],
                      ],
                    ],
                  ],
                ],
                [
                  31,
                  [
                    [1, 'x-kubernetes-group-version-kind'],
                    [2, [[2, '[{"group":"g","version":"v","kind":"A"}]']]],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
  ])
  t.equal(encodeOpenapi20(of20).toString('latin1'), expected.toString('latin1'))
  t.end()
})

t.test('the Accept header decides whether it is JSON or protobuf', async (t) => {
  const { app } = startServer(t)
  const cases = [
    [asked, answered],
    [answered, answered],
    [`${asked}, application/json`, answered],
    [`${asked};q=0.5, application/json`, 'application/json; charset=utf-8'],
    ['application/json', 'application/json; charset=utf-8'],
    ['*/*', 'application/json; charset=utf-8'],
    ['text/html', undefined],
  ] as const
  for (const [accept, type] of cases) {
    const { statusCode, headers } = await app.inject({ url: '/openapi/v2?timeout=32s', headers: { accept } })
    t.equal(statusCode, type === undefined ? 406 : 200, accept)
    if (type !== undefined) t.equal(headers['content-type'], type, accept)
  }
  const first = await app.inject({ url: '/openapi/v2', headers: { accept: asked } })
  t.match(first.body, /org\.projectcalico\.v3\.IPPoolSpec/)
  const again = { accept: asked, 'if-none-match': String(first.headers.etag) }
  t.match(await app.inject({ url: '/openapi/v2', headers: again }), { statusCode: 304, body: '' })
  const document = (await app.inject({ url: '/openapi/v2' })).json<JsonObject>()
  t.match(await new Validator().validate(structuredClone(document)), { valid: true })
})
