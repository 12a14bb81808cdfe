import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { planEnsure } from '../../ipam/index.ts'
import { answer, problems, EnsureRequest, Assignment, closed, handle, ref, Release } from '../schemas/index.ts'
import { objectTypes, refuseFields } from '../wire/index.ts'
import { printAssignment, printHoldings, readHoldings } from './addresses/index.ts'
import { wishOf } from './assign.ts'
import { type IpamOptions, carryOut, ChangeQuery, examined, NoQuery } from './ipam-operation.ts'
import { releaseHandle } from './release-parts.ts'

const HandlePath = Type.Object({ handle: Type.String({ ...handle, description: 'The owner.' }) }, closed)

/** `GET`, `PUT` and `DELETE /handles/{handle}`: everything of one owner. */
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
    async ({ params }) => printHoldings(await readHoldings(options, params.handle)),
  )

  app.put(
    '/handles/:handle',
    {
      attachValidation: true,
      schema: {
        operationId: 'ensureHandle',
        tags: ['ipam'],
        summary: 'See to it that an owner holds addresses',
        description: [
          'The declarative assign, which may be repeated at will: what the owner holds already counts, by family and pool or by the',
          'very addresses; what is missing is assigned, all or nothing, and nothing is ever released.',
        ].join(' '),
        consumes: [...objectTypes],
        params: HandlePath,
        querystring: ChangeQuery,
        body: ref(EnsureRequest),
        response: {
          200: answer('The owner held all of it already: everything that satisfies the request.', Assignment),
          201: answer('Something was assigned: everything that satisfies the request.', Assignment),
          ...problems(
            'AddressInUse',
            'InsufficientAddresses',
            'Conflict',
            'Invalid',
            'RequestEntityTooLarge',
            'UnsupportedMediaType',
            'Timeout',
          ),
        },
      },
    },
    async (request, reply) => {
      const { handle } = request.params
      const wish = examined(request, () => wishOf({ ...request.body, handle }, options.newUid))
      const ensured = await carryOut(options, (view, context) => planEnsure(view, wish, context), request.query)
      return reply.code(ensured.isAdded ? 201 : 200).send(printAssignment(ensured))
    },
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
      return releaseHandle(options, params.handle, query)
    },
  )
  done()
}
