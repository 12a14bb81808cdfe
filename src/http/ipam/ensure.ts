import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { type EnsureEachAnswer, planEnsureEach, type WantedAddress } from '../../ipam/index.ts'
import { formatAddress } from '../../net/index.ts'
import { answer, EnsureAddressesBody, EnsuredAddresses, problems, ref } from '../schemas/index.ts'
import { noteChange, objectTypes } from '../wire/index.ts'
import { printAllocation, readAddresses } from './addresses/index.ts'
import { handleCauses } from './assign.ts'
import { attributeCauses } from './attribute-causes.ts'
import { carryOut } from './change.ts'
import { beginCall, ChangeQuery, type Examined, examined, type IpamOptions } from './request.ts'

/** `POST /ensure`: ensure that addresses are held, each by a handle of its own. */
export const ensureRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.post(
    '/ensure',
    {
      config: { access: { verb: 'assign', resource: 'addresses' }, requiresBody: true },
      attachValidation: true,
      schema: {
        operationId: 'ensureAddresses',
        tags: ['ipam'],
        summary: 'Ensure that addresses are held',
        description: [
          'Ensures that each address is held by its handle, with its node and attributes; for programs that bring data from elsewhere. Those',
          'that are held so already stay as they are; the others are assigned, all or nothing. So the call may be repeated at any time, and',
          'nobody loses an address. `AddressInUse` if another handle holds one of them, or the same one with other attributes: there is a',
          'cause for each. Claims no blocks for nodes, except under strict affinity. `RequestEntityTooLarge` if the handles and blocks are',
          'more than one transaction can write: send fewer addresses, about 100.',
        ].join(' '),
        consumes: [...objectTypes],
        querystring: ChangeQuery,
        body: ref(EnsureAddressesBody),
        response: {
          200: answer('All addresses are held as the request wants.', EnsuredAddresses),
          ...problems(
            'AddressInUse',
            'Conflict',
            'Invalid',
            'RequestEntityTooLarge',
            'UnsupportedMediaType',
            'Timeout',
          ),
        },
      },
    },
    async (request): Promise<EnsuredAddresses> => {
      const wanted = examined(request, () => readWanted(request.body))
      const addresses = wanted.map(({ address }) => formatAddress(address))
      noteChange(request, { addresses })
      const ensured = await carryOut(
        beginCall(options, request),
        (view, context) => planEnsureEach(view, wanted, context),
        request.query,
      )
      const printed = print(ensured)
      noteChange(request, { addresses: printed.assigned, assigned: printed.assigned.length })
      return printed
    },
  )
  done()
}

function print({ addresses, assigned }: EnsureEachAnswer): EnsuredAddresses {
  return { addresses: addresses.map(printAllocation), assigned: assigned.map(formatAddress) }
}

function readWanted({ addresses }: EnsureAddressesBody): Examined<readonly WantedAddress[]> {
  const { named, causes } = readAddresses(
    addresses.map((item, index) => ({ field: `addresses[${index}].address`, text: item.address, item })),
  )
  const ofHolders = addresses.flatMap(({ handle, node, attributes = {} }, index) => {
    return [
      ...handleCauses(handle, `addresses[${index}]`),
      ...attributeCauses({ node, attributes }, `addresses.${index}`),
    ]
  })
  const value = named.map(({ address, item: { handle, node, attributes = {} } }) => {
    return { address, handle, node, attributes }
  })
  return { value, causes: [...causes, ...ofHolders] }
}
