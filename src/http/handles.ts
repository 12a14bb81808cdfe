import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { planReadHandle } from '../ipam/index.ts'
import { printHoldings, printRelease } from './allocations.ts'
import { refuseFields } from './errors.ts'
import type { IpamOptions } from './ipam-operation.ts'
import { carryOut, ChangeQuery, NoQuery } from './ipam-operation.ts'
import { releaseHandle } from './release-handle.ts'
import { answer, problems } from './schemas/answers.ts'
import { Assignment } from './schemas/assignment.ts'
import { closed, handle } from './schemas/fields.ts'
import { Release } from './schemas/release.ts'

const HandlePath = Type.Object({ handle: Type.String({ ...handle, description: 'The owner.' }) }, closed)

/** `GET` and `DELETE /handles/{handle}`: everything of one owner. */
export const handleRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/handles/:handle',
    {
      schema: {
        operationId: 'readHandle',
        tags: ['ipam'],
        summary: 'What an owner holds',
        description: 'All addresses of one owner, in ascending order. `NotFound` when it holds none.',
        params: HandlePath,
        querystring: NoQuery,
        response: { 200: answer('All its addresses.', Assignment), ...problems('NotFound', 'Invalid', 'Timeout') },
      },
    },
    async ({ params }) =>
      printHoldings(await carryOut(options, (view, context) => planReadHandle(view, params.handle, context))),
  )

  app.delete(
    '/handles/:handle',
    {
      schema: {
        operationId: 'releaseHandle',
        tags: ['ipam'],
        summary: 'Release everything of an owner',
        description:
          'Takes back all addresses of one owner, across blocks. `NotFound` when it holds none. Takes no body.',
        params: HandlePath,
        querystring: ChangeQuery,
        response: {
          200: answer('What became of each address.', Release),
          ...problems('NotFound', 'Conflict', 'Invalid', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async ({ params, query, body }) => {
      if (body !== undefined) {
        throw refuseFields('BadRequest', [
          { field: 'body', reason: 'FieldValueForbidden', message: 'this call takes none; send it without' },
        ])
      }
      return printRelease(await releaseHandle(options, params.handle, query))
    },
  )
  done()
}
