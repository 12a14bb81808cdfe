import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { ReleaseItem as PlannedItem } from '../../ipam/index.ts'
import type { Cause } from '../../plan/index.ts'
import { answer, problemsOfRepeatable, ref, type ReleaseItem, Release, ReleaseRequest } from '../schemas/index.ts'
import { objectTypes } from '../wire/index.ts'
import { readAddresses } from './addresses/index.ts'
import { changeModeOf, IdempotencyHeaders } from './idempotency.ts'
import { type Examined, type IpamOptions, ChangeQuery, examined } from './ipam-operation.ts'
import { releaseAddresses, releaseHandle } from './release-parts.ts'

/** `POST /release`: take back addresses, or everything of a handle. */
export const releaseRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.post(
    '/release',
    {
      attachValidation: true,
      schema: {
        operationId: 'releaseAddresses',
        tags: ['ipam'],
        summary: 'Release addresses',
        description:
          'Takes back addresses, or everything of a handle. One that cannot be taken back does not stop the others.',
        consumes: [...objectTypes],
        headers: IdempotencyHeaders,
        querystring: ChangeQuery,
        body: ref(ReleaseRequest),
        response: {
          200: answer('What became of each address.', Release),
          ...problemsOfRepeatable('NotFound'),
        },
      },
    },
    async (request) => {
      const { handle, items } = examined(request, () => returnOf(request.body))
      const mode = changeModeOf(request, request.query)
      return handle === undefined ? releaseAddresses(options, items, mode) : releaseHandle(options, handle, mode)
    },
  )
  done()
}

/** What a request body gives back: everything of a handle, or items. */
export interface Return {
  readonly handle: string | undefined
  readonly items: readonly PlannedItem[]
}

/** What a request body gives back, and everything that is wrong with it beyond its schema. */
export function returnOf({ handle, addresses: given }: ReleaseRequest): Examined<Return> {
  const addresses = given ?? []
  const texts = addresses.map((entry, index) => {
    const field = `addresses[${index}]`
    if (typeof entry === 'string') return { field, text: entry, conditions: unconditional }
    return { field: `${field}.address`, text: entry.address, conditions: readConditions(`${field}.`, entry) }
  })
  const { named, causes } = readAddresses(texts)
  return {
    value: { handle, items: named.map(({ address, conditions }) => ({ address, ...conditions.value })) },
    causes: [
      ...whatCauses(handle !== undefined, addresses.length > 0),
      ...causes,
      ...texts.flatMap(({ conditions }) => conditions.causes),
    ],
  }
}

function whatCauses(isByHandle: boolean, isByName: boolean): readonly Cause[] {
  if (isByHandle && isByName) {
    return [
      {
        field: 'addresses',
        reason: 'FieldValueForbidden',
        message: 'must not be given beside handle; give either of the two',
      },
    ]
  }
  if (!isByHandle && !isByName) {
    return [
      {
        field: 'addresses',
        reason: 'FieldValueRequired',
        message: 'nothing is given back; give addresses, or a handle',
      },
    ]
  }
  return []
}

const sequenceNumberMax = 2n ** 64n - 1n

type Conditions = Pick<PlannedItem, 'handle' | 'sequenceNumber'>

const unconditional: Examined<Conditions> = { value: {}, causes: [] }

/** The preconditions of a request; `at` is what stands before the names of their fields. */
export function readConditions(
  at: string,
  { handle, sequenceNumber }: Omit<ReleaseItem, 'address'>,
): Examined<Conditions> {
  // What is no number at all has been found by the schema.
  const number = /^\d{1,20}$/.test(String(sequenceNumber)) ? BigInt(sequenceNumber ?? 0) : undefined
  const causes: readonly Cause[] =
    number === undefined || number <= sequenceNumberMax
      ? []
      : [
          {
            field: `${at}sequenceNumber`,
            reason: 'FieldValueInvalid',
            message: `${number} is not allowed; give at most ${sequenceNumberMax}`,
          },
        ]
  return {
    value: { ...(handle !== undefined && { handle }), ...(number !== undefined && { sequenceNumber: number }) },
    causes,
  }
}
