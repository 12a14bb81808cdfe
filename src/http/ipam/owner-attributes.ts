import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import {
  type OwnerChange,
  type Ownership as PlannedOwnership,
  planChangeOwners,
  planReadOwners,
  type Usage as PlannedUsage,
} from '../../ipam/index.ts'
import { type Address, formatAddress } from '../../net/index.ts'
import type { Cause } from '../../plan/index.ts'
import {
  answer,
  problems,
  problemsOfRepeatable,
  closed,
  Ownership,
  OwnersRequest,
  SwapRequest,
  type UsageRequest,
  ref,
} from '../schemas/index.ts'
import { objectTypes, refuseFields, limits } from '../wire/index.ts'
import { printAttributes, readAddresses } from './addresses/index.ts'
import { attributeCauses } from './attribute-causes.ts'
import { carryOut, carryOutChange } from './change.ts'
import { type ChangeMode, changeModeOf, IdempotencyHeaders } from './idempotency.ts'
import { readConditions } from './release.ts'
import { ChangeQuery, type Examined, examined, type IpamOptions, NoQuery } from './request.ts'

const AddressPath = Type.Object(
  { ip: Type.String({ maxLength: limits.addressLength, description: 'The address.', examples: ['10.1.0.5'] }) },
  closed,
)

const failures = problemsOfRepeatable('NotFound')

/** `GET`, `PUT /addresses/{ip}/attributes` and `POST /addresses/{ip}/attributes/swap`: who uses an address. */
export const ownerAttributeRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  const change = (wish: OwnerChange, mode: ChangeMode): Promise<object | string> =>
    carryOutChange(options, mode, (view, context) => planChangeOwners(view, wish, context), printOwnership)

  app.get(
    '/addresses/:ip/attributes',
    {
      schema: {
        operationId: 'readOwnerAttributes',
        tags: ['ipam'],
        summary: 'Who uses an address, and who did or will',
        description: 'The active and the alternate owner of one address. `NotFound` when nobody holds it.',
        params: AddressPath,
        querystring: NoQuery,
        response: {
          200: answer('Both owners.', Ownership),
          ...problems('NotFound', 'Conflict', 'Invalid', 'Timeout'),
        },
      },
    },
    async ({ params }) => {
      const { address, causes } = readAddress(params.ip)
      if (address === undefined) throw refuseFields('Invalid', causes)
      return printOwnership(await carryOut(options, (view, context) => planReadOwners(view, address, context)))
    },
  )

  app.put(
    '/addresses/:ip/attributes',
    {
      attachValidation: true,
      schema: {
        operationId: 'setOwnerAttributes',
        tags: ['ipam'],
        summary: 'Say who uses an address',
        description: [
          'Sets the active owner, the alternate one, or both; handle and sequence number stay, and so do other addresses.',
          '`Conflict` when a precondition does not hold; the causes name all of them.',
        ].join(' '),
        consumes: [...objectTypes],
        headers: IdempotencyHeaders,
        params: AddressPath,
        querystring: ChangeQuery,
        body: ref(OwnersRequest),
        response: { 200: answer('Both owners after the change.', Ownership), ...failures },
      },
    },
    async (request, reply) => {
      const wish = examined(request, () => {
        const { active, alternate } = request.body
        return changeOf(request.params.ip, request.body, {
          kind: 'set',
          ...(active !== undefined && { active: usageOf(active) }),
          ...(alternate !== undefined && { alternate: usageOf(alternate) }),
        })
      })
      return reply
        .type('application/json; charset=utf-8')
        .send(await change(wish, changeModeOf(request, request.query)))
    },
  )

  app.post(
    '/addresses/:ip/attributes/swap',
    {
      attachValidation: true,
      schema: {
        operationId: 'swapOwnerAttributes',
        tags: ['ipam'],
        summary: 'Let the owners of an address change places',
        description: [
          'The alternate owner becomes the active one, and the reverse. A call that is sent twice changes them back,',
          'unless it has an `Idempotency-Key` or expects the owners that it found.',
        ].join(' '),
        consumes: [...objectTypes],
        headers: IdempotencyHeaders,
        params: AddressPath,
        querystring: ChangeQuery,
        body: ref(SwapRequest),
        response: { 200: answer('Both owners after the change.', Ownership), ...failures },
      },
    },
    async (request, reply) => {
      const wish = examined(request, () => changeOf(request.params.ip, request.body, { kind: 'swap' }))
      return reply
        .type('application/json; charset=utf-8')
        .send(await change(wish, changeModeOf(request, request.query)))
    },
  )
  done()
}

function readAddress(ip: string): { readonly address: Address | undefined; readonly causes: readonly Cause[] } {
  const { named, causes } = readAddresses([{ field: 'ip', text: ip }])
  return { address: named[0]?.address, causes }
}

/** What a request asks for, and everything that is wrong with it beyond its schema. */
function changeOf(
  ip: string,
  { active, alternate, handle, sequenceNumber, expected }: OwnersRequest,
  change: OwnerChange['change'],
): Examined<OwnerChange> {
  const { address = { family: 4, value: 0n }, causes } = readAddress(ip)
  const conditions = readConditions('', {
    ...(handle !== undefined && { handle }),
    ...(sequenceNumber !== undefined && { sequenceNumber }),
  })
  const usages = [
    ['active', active],
    ['alternate', alternate],
    ['expected.active', expected?.active],
    ['expected.alternate', expected?.alternate],
  ] as const
  return {
    value: {
      address,
      change,
      ...conditions.value,
      expected: {
        ...(expected?.active !== undefined && { active: usageOf(expected.active) }),
        ...(expected?.alternate !== undefined && { alternate: usageOf(expected.alternate) }),
      },
    },
    causes: [
      ...causes,
      ...conditions.causes,
      ...usages.flatMap(([at, given]) => (given === undefined ? [] : attributeCauses(usageOf(given), at))),
    ],
  }
}

function usageOf({ node, attributes = {} }: UsageRequest): PlannedUsage {
  return { node, attributes }
}

function printOwnership({ address, handle, sequenceNumber, active, alternate }: PlannedOwnership): Ownership {
  return {
    address: formatAddress(address),
    handle: handle ?? null,
    sequenceNumber: String(sequenceNumber),
    active: printUsage(active),
    alternate: printUsage(alternate),
  }
}

function printUsage({ node, attributes }: PlannedUsage): Ownership['active'] {
  return { node: node ?? null, attributes: printAttributes(attributes) }
}
