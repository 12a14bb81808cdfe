import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import {
  type HolderChange,
  type AddressHolders,
  planChangeHolders,
  planReadHolders,
  type HolderAttributes,
} from '../../ipam/index.ts'
import { type Address, formatAddress } from '../../net/index.ts'
import type { Cause } from '../../plan/index.ts'
import {
  answer,
  problems,
  problemsOfRepeatable,
  repeatable,
  HoldersResponse,
  HoldersBody,
  SwapBody,
  type UsageBodyItem,
  ref,
} from '../schemas/index.ts'
import { noteChange, objectTypes, refuseFields } from '../wire/index.ts'
import { AddressPath, printAttributes, readAddresses } from './addresses/index.ts'
import { attributeCauses } from './attribute-causes.ts'
import { carryOut, carryOutChange, type IpamPlan } from './change.ts'
import { type ChangeMode, changeModeOf, IdempotencyHeaders } from './idempotency.ts'
import { readConditions } from './release.ts'
import { beginCall, ChangeQuery, type Examined, examined, type IpamOptions, NoQuery } from './request.ts'

const failures = problemsOfRepeatable('NotFound')

/** `GET`, `PUT /addresses/{ip}/attributes` and `POST /addresses/{ip}/attributes/swap`: the holder attributes of an address. */
export const holderAttributeRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  const change = async (
    request: FastifyRequest,
    wanted: HolderChange,
    mode: ChangeMode,
  ): Promise<HoldersResponse | string> => {
    const plan: IpamPlan<AddressHolders> = (view, context) => planChangeHolders(view, wanted, context)
    const holders = await carryOutChange(beginCall(options, request), mode, plan, printOwnership)
    noteChange(request, typeof holders === 'string' ? { repeated: true } : { handle: holders.handle ?? undefined })
    return holders
  }

  app.get(
    '/addresses/:ip/attributes',
    {
      config: { access: { verb: 'get', resource: 'addresses' } },
      schema: {
        operationId: 'readOwnerAttributes',
        tags: ['ipam'],
        summary: 'Read the holder attributes of an address',
        description:
          'The attributes of the active and the alternate holder of one address. `NotFound` if it is not held.',
        params: AddressPath,
        querystring: NoQuery,
        response: {
          200: answer('The attributes of both holders.', HoldersResponse),
          ...problems('NotFound', 'Conflict', 'Invalid', 'Timeout'),
        },
      },
    },
    async (request) => {
      const { address, causes } = readAddress(request.params.ip)
      if (address === undefined) throw refuseFields('Invalid', causes)
      return printOwnership(
        await carryOut(beginCall(options, request), (view, context) => planReadHolders(view, address, context)),
      )
    },
  )

  app.put(
    '/addresses/:ip/attributes',
    {
      config: { access: { verb: 'update', resource: 'addresses' } },
      attachValidation: true,
      schema: {
        operationId: 'setOwnerAttributes',
        tags: ['ipam'],
        summary: 'Set the holder attributes of an address',
        description: [
          'Sets the attributes of the active holder, the alternate one, or both. Handle and sequence number stay, and so do other addresses.',
          '`Conflict` if a precondition does not hold; the causes name all of them.',
        ].join(' '),
        consumes: [...objectTypes],
        headers: IdempotencyHeaders,
        params: AddressPath,
        querystring: ChangeQuery,
        body: ref(HoldersBody),
        response: {
          200: repeatable(answer('The attributes of both holders after the change.', HoldersResponse)),
          ...failures,
        },
      },
    },
    async (request, reply) => {
      const wanted = examined(request, () => {
        const { active, alternate } = request.body
        return changeOf(request.params.ip, request.body, {
          kind: 'set',
          ...(active !== undefined && { active: usageOf(active) }),
          ...(alternate !== undefined && { alternate: usageOf(alternate) }),
        })
      })
      return reply
        .type('application/json; charset=utf-8')
        .send(await change(request, wanted, changeModeOf(request, reply, request.query)))
    },
  )

  app.post(
    '/addresses/:ip/attributes/swap',
    {
      config: { access: { verb: 'update', resource: 'addresses' } },
      attachValidation: true,
      schema: {
        operationId: 'swapOwnerAttributes',
        tags: ['ipam'],
        summary: 'Swap the holder attributes of an address',
        description: [
          'The alternate holder becomes the active one, and the reverse. A call that is sent twice swaps them back,',
          'unless it has an `Idempotency-Key` or expects the attributes that it found.',
        ].join(' '),
        consumes: [...objectTypes],
        headers: IdempotencyHeaders,
        params: AddressPath,
        querystring: ChangeQuery,
        body: ref(SwapBody),
        response: {
          200: repeatable(answer('The attributes of both holders after the change.', HoldersResponse)),
          ...failures,
        },
      },
    },
    async (request, reply) => {
      const wanted = examined(request, () => changeOf(request.params.ip, request.body, { kind: 'swap' }))
      return reply
        .type('application/json; charset=utf-8')
        .send(await change(request, wanted, changeModeOf(request, reply, request.query)))
    },
  )
  done()
}

function readAddress(ip: string): { readonly address: Address | undefined; readonly causes: readonly Cause[] } {
  const { named, causes } = readAddresses([{ field: 'ip', text: ip }])
  return { address: named[0]?.address, causes }
}

/** Reads a request, and reports everything that is wrong with it beyond its schema. */
function changeOf(
  ip: string,
  { active, alternate, handle, sequenceNumber, expected }: HoldersBody,
  change: HolderChange['change'],
): Examined<HolderChange> {
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
        noActive: expected?.noActive ?? false,
        noAlternate: expected?.noAlternate ?? false,
      },
    },
    causes: [
      ...causes,
      ...conditions.causes,
      ...usages.flatMap(([at, given]) => (given === undefined ? [] : attributeCauses(usageOf(given), at))),
    ],
  }
}

function usageOf({ node, attributes = {} }: UsageBodyItem): HolderAttributes {
  return { node, attributes }
}

function printOwnership({ address, handle, sequenceNumber, active, alternate }: AddressHolders): HoldersResponse {
  return {
    address: formatAddress(address),
    handle: handle ?? null,
    sequenceNumber: String(sequenceNumber),
    active: printUsage(active),
    alternate: printUsage(alternate),
  }
}

function printUsage({ node, attributes }: HolderAttributes): HoldersResponse['active'] {
  return { node: node ?? null, attributes: printAttributes(attributes) }
}
