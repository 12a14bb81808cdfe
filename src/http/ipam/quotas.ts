import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { planReadQuotas, type QuotaUsage } from '../../ipam/index.ts'
import { success } from '../../plan/index.ts'
import { answer, problems, type QuotaItem, QuotaList } from '../schemas/index.ts'
import { carryOut } from './change.ts'
import { beginCall, type IpamOptions, NoQuery } from './request.ts'

/** `GET /quotas`: list the quotas and their use. */
export const quotasRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/quotas',
    {
      config: { access: 'authenticated' },
      schema: {
        operationId: 'listQuotas',
        tags: ['ipam'],
        summary: 'List quotas and their use',
        description: [
          'The quotas that limit the caller, with the numbers of addresses held under them: rules of AccessPolicies with',
          '`maxAddresses`. A caller that may do everything gets all quotas that are in use.',
        ].join(' '),
        querystring: NoQuery,
        response: { 200: answer('The quotas.', QuotaList), ...problems('Timeout') },
      },
    },
    async (request): Promise<QuotaList> => {
      const read = await carryOut(beginCall(options, request), (view, context) => {
        const { answer, writes } = planReadQuotas(view, context)
        return { answer: success(answer), writes }
      })
      return { quotas: read.map(print) }
    },
  )
  done()
}

function print({ policy, position, subject, used, limit }: QuotaUsage): QuotaItem {
  const { kind, name } = subject
  return { policy, rule: position, subject: { kind, name }, used, limit: limit ?? null }
}
