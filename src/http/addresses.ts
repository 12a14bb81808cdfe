import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { planReadAddress } from '../ipam/index.ts'
import { printAllocation, readAddresses } from './allocations.ts'
import { refuseFields } from './errors.ts'
import type { IpamOptions } from './ipam-operation.ts'
import { carryOut, NoQuery } from './ipam-operation.ts'
import { limits } from './limits.ts'
import { answer, problems } from './schemas/answers.ts'
import { Allocation } from './schemas/assignment.ts'
import { closed } from './schemas/fields.ts'

const AddressPath = Type.Object(
  { ip: Type.String({ maxLength: limits.addressLength, description: 'The address.', examples: ['10.1.0.5'] }) },
  closed,
)

/** `GET /addresses/{ip}`: who holds this address? */
export const addressRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/addresses/:ip',
    {
      schema: {
        operationId: 'readAddress',
        tags: ['ipam'],
        summary: 'Who holds an address',
        description:
          'The owner of one address. `NotFound` when nobody holds it; the message says so when it is cooling down.',
        params: AddressPath,
        querystring: NoQuery,
        response: {
          200: answer('The address and its owner.', Allocation),
          ...problems('NotFound', 'Invalid', 'Timeout'),
        },
      },
    },
    async ({ params }) => {
      const { named, causes } = readAddresses([{ field: 'ip', text: params.ip }])
      const address = named[0]?.address
      if (address === undefined) throw refuseFields('Invalid', causes)
      return printAllocation(await carryOut(options, (view, context) => planReadAddress(view, address, context)))
    },
  )
  done()
}
