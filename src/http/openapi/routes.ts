import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { problems } from '../schemas/index.ts'
import { type OpenapiForm, makeDocument } from './document.ts'

/** The path of each form of the OpenAPI document. */
const served = [
  {
    path: '/openapi.json',
    operationId: 'readOpenapi',
    form: '3.1',
    summary: 'This document',
    description: 'The OpenAPI 3.1 document of this server.',
  },
  {
    path: '/openapi-3.0.json',
    operationId: 'readOlderOpenapi',
    form: '3.0',
    summary: 'This document in OpenAPI 3.0',
    description:
      'The same document for generators that do not support OpenAPI 3.1. It leaves out what 3.0 cannot express.',
  },
] as const satisfies readonly { readonly form: OpenapiForm; readonly [name: string]: string }[]

const OpenAPIDocument = Type.Unsafe<unknown>({
  title: 'OpenAPIDocument',
  type: 'object',
  additionalProperties: true,
  description: 'An OpenAPI document.',
})

/** The routes of the OpenAPI document: `/openapi.json`, `/openapi-3.0.json`. */
export const openapiRoutes: FastifyPluginCallbackTypebox = (app, _options, done) => {
  for (const { path, operationId, form, summary, description } of served) {
    let text: string | undefined
    app.get(
      path,
      {
        config: { access: 'everybody' },
        schema: {
          operationId,
          tags: ['server'],
          summary,
          description,
          response: {
            200: {
              description: 'The document.',
              content: { 'application/json': { schema: OpenAPIDocument, example: { openapi: `${form}.0` } } },
            },
            ...problems(),
          },
        },
      },
      (_request, reply) => {
        text ??= JSON.stringify(makeDocument(app, form))
        return reply.type('application/json; charset=utf-8').send(text)
      },
    )
  }
  done()
}
