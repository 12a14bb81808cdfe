import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import {
  type AssignAnswer,
  type AssignRequest,
  type EnsureAnswer,
  type HandleSnapshot,
  planEnsure,
  planReadHandle,
} from '../../ipam/index.ts'
import {
  answer,
  problems,
  EnsureBody,
  AssignmentResponse,
  closed,
  handle,
  located,
  newHandle,
  ref,
  ReleaseResponse,
} from '../schemas/index.ts'
import { noteChange, objectTypes } from '../wire/index.ts'
import { addressesIn, isTooLarge, printHoldings, readHandleSnapshot, withHoldings } from './addresses/index.ts'
import { readAssign } from './assign.ts'
import { carryOut } from './change.ts'
import { noteRelease, releaseAllOfHandle, releaseExcess } from './release.ts'
import {
  type IpamCall,
  type IpamOptions,
  ChangeQuery,
  examined,
  locateHandle,
  NoQuery,
  refuseBody,
  beginCall,
} from './request.ts'

/** The path of a handle that gets addresses. */
const NewHandlePath = Type.Object({ handle: Type.String({ ...newHandle, description: 'The handle.' }) }, closed)
const HandlePath = Type.Object({ handle: Type.String({ ...handle, description: 'The handle.' }) }, closed)

const EnsureQuery = Type.Object(
  {
    ...ChangeQuery.properties,
    exact: Type.Optional(
      Type.Boolean({
        description: [
          'Also release what is more than asked for: other families, addresses outside of the pools asked for, and if too many',
          'count, the highest addresses. The answer shows what is still held if the call is interrupted; send it again.',
        ].join(' '),
        examples: [true],
      }),
    ),
  },
  closed,
)

/** `GET`, `PUT` and `DELETE /handles/{handle}`: everything that one handle holds. */
export const handleRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/handles/:handle',
    {
      config: { access: { verb: 'get', resource: 'handles' } },
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
    async (request) => printHoldings(await readHoldings(beginCall(options, request), request.params.handle)),
  )

  app.put(
    '/handles/:handle',
    {
      config: { access: { verb: 'assign', resource: 'addresses' } },
      attachValidation: true,
      schema: {
        operationId: 'ensureHandle',
        tags: ['ipam'],
        summary: 'Ensure that a handle holds addresses',
        description: [
          'The declarative assign, which may be repeated at any time. What the handle holds already counts, by family and pool or by',
          'address. What is missing is assigned, all or nothing. Nothing is released, unless `exact` is set.',
        ].join(' '),
        consumes: [...objectTypes],
        params: NewHandlePath,
        querystring: EnsureQuery,
        body: ref(EnsureBody),
        response: {
          200: answer('The handle held all of it already: everything that it holds.', AssignmentResponse),
          201: located(answer('Something was assigned: everything that the handle holds.', AssignmentResponse)),
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
      const ensured = await ensureHoldings(beginCall(options, request), wanted, request.query)
      const answer = printHoldings(ensured)
      noteChange(request, { addresses: addressesIn(answer), ...ensured.changed })
      if (ensured.isAdded && request.query.dryRun === undefined) locateHandle(reply, handle)
      return reply.code(ensured.isAdded ? 201 : 200).send(answer)
    },
  )

  app.delete(
    '/handles/:handle',
    {
      config: { access: { verb: 'release', resource: 'addresses' } },
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
      const released = await releaseAllOfHandle(beginCall(options, request), request.params.handle, request.query)
      noteRelease(request, released)
      return released
    },
  )
  done()
}

/** Reads everything that a handle holds, in however many blocks. Throws a refusal `NotFound` if there is no such handle. */
export async function readHoldings(options: IpamCall, handle: string): Promise<AssignAnswer> {
  const read = (held?: HandleSnapshot): Promise<AssignAnswer> =>
    carryOut(options, (view, context) => planReadHandle(view, handle, { ...context, held }))
  // The plan decides which of its addresses the caller may read.
  if (!options.rights.isUnlimited) return withHoldings(options, handle, read)
  try {
    return await read()
  } catch (fault) {
    if (!isTooLarge(fault)) throw fault
  }
  const held = await readHandleSnapshot(options, handle)
  return held === undefined ? read() : { handle, addresses: held.allocations }
}

/**
 * Ensures what a handle holds, see {@link planEnsure}. What is more than one transaction releases is released in further ones; what could
 * not be released is in the answer.
 */
export async function ensureHoldings(
  options: IpamCall,
  wanted: AssignRequest,
  { dryRun, exact }: Static<typeof EnsureQuery>,
): Promise<EnsureAnswer> {
  const mode = dryRun === undefined ? {} : { dryRun }
  const ensured = await withHoldings(options, wanted.handle, (held) =>
    carryOut(
      options,
      (view, context) => planEnsure(view, wanted, { ...context, held }, { isExact: exact === true }),
      mode,
    ),
  )
  if (dryRun !== undefined) return ensured
  const left = await releaseExcess(options, wanted.handle, ensured.excess)
  const { assigned, released } = ensured.changed
  const changed = { assigned, released: released + ensured.excess.length - left.length }
  return { ...ensured, changed, addresses: [...ensured.addresses, ...left] }
}
