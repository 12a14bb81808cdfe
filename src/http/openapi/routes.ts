import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { problems } from '../schemas/index.ts'
import { type OpenapiForm, servedDocument } from './openapi.ts'

/** Where each form of the OpenAPI document is served. */
const served = [
  {
    path: '/openapi.json',
    operationId: 'readOpenapi',
    form: '3.1',
    summary: 'This document',
    description: 'The OpenAPI 3.1 document of everything that is served.',
  },
  {
    path: '/openapi-3.0.json',
    operationId: 'readOlderOpenapi',
    form: '3.0',
    summary: 'This document, for older generators',
    description:
      'The same in OpenAPI 3.0. It says the same of what is served, and somewhat less where 3.0 cannot say it.',
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
        text ??= JSON.stringify(servedDocument(app, form))
        return reply.type('application/json; charset=utf-8').send(text)
      },
    )
  }
  done()
}
