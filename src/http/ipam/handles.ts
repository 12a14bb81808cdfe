import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { DatastoreUnavailable } from '../../datastore/index.ts'
import { type Allocation, type AssignAnswer, planEnsure, planReadHandle } from '../../ipam/index.ts'
import {
  answer,
  problems,
  EnsureBody,
  AssignmentResponse,
  closed,
  handle,
  newHandle,
  ref,
  ReleaseResponse,
} from '../schemas/index.ts'
import { noteChange, objectTypes } from '../wire/index.ts'
import { addressesIn, findAddresses, printAssignment, printHoldings } from './addresses/index.ts'
import { readAssign } from './assign.ts'
import { carryOut } from './change.ts'
import { noteRelease, releaseAllOfHandle } from './release.ts'
import { type IpamOptions, ChangeQuery, examined, NoQuery, refuseBody } from './request.ts'

/** The path of a handle that gets addresses. */
const NewHandlePath = Type.Object({ handle: Type.String({ ...newHandle, description: 'The handle.' }) }, closed)
const HandlePath = Type.Object({ handle: Type.String({ ...handle, description: 'The handle.' }) }, closed)

/** `GET`, `PUT` and `DELETE /handles/{handle}`: everything that one handle holds. */
export const handleRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/handles/:handle',
    {
      schema: {
        operationId: 'readHandle',
        tags: ['ipam'],
        summary: 'Read what a handle holds',
        description: 'All addresses of one handle, in ascending order. `NotFound` if it holds none.',
        params: HandlePath,
        querystring: NoQuery,
        response: {
          200: answer('All its addresses.', AssignmentResponse),
          ...problems('NotFound', 'Invalid', 'Timeout'),
        },
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
        summary: 'Ensure that a handle holds addresses',
        description: [
          'The declarative assign, which may be repeated at any time. What the handle holds already counts, by family and pool or by',
          'address. What is missing is assigned, all or nothing. Nothing is released.',
        ].join(' '),
        consumes: [...objectTypes],
        params: NewHandlePath,
        querystring: ChangeQuery,
        body: ref(EnsureBody),
        response: {
          200: answer('The handle held all of it already: everything that satisfies the request.', AssignmentResponse),
          201: answer('Something was assigned: everything that satisfies the request.', AssignmentResponse),
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
      const wanted = examined(request, () => readAssign({ ...request.body, handle }, options.newUid))
      noteChange(request, { node: wanted.node })
      const ensured = await carryOut(options, (view, context) => planEnsure(view, wanted, context), request.query)
      const answer = printAssignment(ensured)
      noteChange(request, { addresses: addressesIn(answer) })
      return reply.code(ensured.isAdded ? 201 : 200).send(answer)
    },
  )

  app.delete(
    '/handles/:handle',
    {
      schema: {
        operationId: 'releaseHandle',
        tags: ['ipam'],
        summary: 'Release everything that a handle holds',
        description: 'Releases all addresses of one handle, across blocks. `NotFound` if it holds none. Takes no body.',
        params: HandlePath,
        querystring: ChangeQuery,
        response: {
          200: answer('What became of each address.', ReleaseResponse),
          ...problems('NotFound', 'Conflict', 'Invalid', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async (request) => {
      refuseBody(request.body)
      const released = await releaseAllOfHandle(options, request.params.handle, request.query)
      noteRelease(request, released)
      return released
    },
  )
  done()
}

/** Addresses read at once. */
const pageMax = 1_000

/**
 * Reads everything that a handle holds. Throws a refusal `NotFound` if there is no such handle. What lies in more blocks than a transaction
 * can prove is read page by page, at one revision.
 */
export async function readHoldings(options: IpamOptions, handle: string): Promise<AssignAnswer> {
  try {
    return await carryOut(options, (view, context) => planReadHandle(view, handle, context))
  } catch (fault) {
    if (!(fault instanceof DatastoreUnavailable && fault.code === 'RequestEntityTooLarge')) throw fault
  }
  const query = { handle, attributes: [], limit: pageMax }
  const addresses: Allocation[] = []
  let page = await findAddresses(options.store, query)
  addresses.push(...page.addresses)
  while (page.next !== undefined) {
    page = await findAddresses(options.store, query, { ...page.next, revision: page.revision })
    addresses.push(...page.addresses)
  }
  return { handle, addresses }
}
