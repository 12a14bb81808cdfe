import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { planExplainAssign } from '../../ipam/index.ts'
import { answer, AssignBody, AssignExplanation, problems, ref } from '../schemas/index.ts'
import { objectTypes } from '../wire/index.ts'
import { printAllocation } from './addresses/index.ts'
import { readAssign } from './assign.ts'
import { carryOut } from './change.ts'
import { beginCall, examined, type IpamOptions, NoQuery } from './request.ts'

/** `POST /assign/explain`: what an assign would do, and why. */
export const explainRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.post(
    '/assign/explain',
    {
      config: { access: { verb: 'assign', resource: 'addresses' } },
      attachValidation: true,
      schema: {
        operationId: 'explainAssign',
        tags: ['ipam'],
        summary: 'Explain what an assign would do',
        description: [
          'Tells which addresses an assign with the same body would get now, which pools may serve it, and why the others do not, also if it',
          'would be refused. Assigns nothing.',
        ].join(' '),
        consumes: [...objectTypes],
        querystring: NoQuery,
        body: ref(AssignBody),
        response: {
          200: answer('What would happen.', AssignExplanation),
          ...problems('Conflict', 'Invalid', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async (request): Promise<AssignExplanation> => {
      const wanted = examined(request, () => readAssign(request.body, options.newUid))
      const found = await carryOut(
        beginCall(options, request),
        (view, context) => planExplainAssign(view, wanted, context),
        { dryRun: 'All' },
      )
      return {
        addresses: found.addresses.map(printAllocation),
        reason: found.refusal?.reason ?? null,
        message: found.refusal?.message ?? null,
        eligiblePools: [...found.eligible],
        causes: found.causes.map(({ field, reason, message }) => ({ field, reason, message })),
      }
    },
  )
  done()
}
