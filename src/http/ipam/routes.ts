import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Cause } from '../../plan/index.ts'
import { refuseFields } from '../wire/index.ts'
import { addressRoute } from './addresses/index.ts'
import { affinityRoutes } from './affinities.ts'
import { assignRoute } from './assign.ts'
import { checkRoutes } from './check.ts'
import { explainRoute } from './explain.ts'
import { ensureRoute } from './ensure.ts'
import { freeAddressesRoute } from './free-addresses.ts'
import { handleListRoute } from './handle-list.ts'
import { handleRoutes } from './handles.ts'
import type { IpamOptions } from './request.ts'
import { nodeRoutes } from './nodes.ts'
import { holderAttributeRoutes } from './holder-attributes.ts'
import { mapRoutes } from './map.ts'
import { poolHoldersRoute } from './pool-holders.ts'
import { poolListRoutes } from './pool-list.ts'
import { poolSplitRoute } from './pool-split.ts'
import { quotasRoute } from './quotas.ts'
import { releaseRoute } from './release.ts'
import { searchRoutes } from './search.ts'
import { utilizationRoutes } from './utilization.ts'

const dryRun = { dryRun: 'All' } as const

/** The query of a dry run; its answer says so, too. */
const DryRun = Type.Object({ dryRun: Type.Literal('All') })

const missingBody: Cause = {
  field: 'body',
  reason: 'FieldValueRequired',
  message: 'is missing; send at least an empty object',
}

/** The IPAM routes: assign, release, and who holds what. */
export const ipamRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  // Every field of every body may be left out, so a body that is left out says the same, unless the route wants to be sure.
  app.addHook('preValidation', (request, _reply, done) => {
    const isMissing = ['POST', 'PUT'].includes(request.method) && request.body === undefined
    if (isMissing && request.routeOptions.config.requiresBody === true) {
      done(refuseFields('BadRequest', [missingBody]))
      return
    }
    if (isMissing) request.body = {}
    done()
  })
  app.addHook('preSerialization', ({ query }, reply, answer: unknown, done) => {
    const isDryRun = Value.Check(DryRun, query) && reply.statusCode < 400 && typeof answer === 'object'
    done(null, isDryRun ? { ...answer, ...dryRun } : answer)
  })
  // The prefix is that of this plugin already.
  const below = { ...options, prefix: '' }
  void app.register(assignRoute, below)
  void app.register(ensureRoute, below)
  void app.register(releaseRoute, below)
  void app.register(addressRoute, below)
  void app.register(handleListRoute, below)
  void app.register(handleRoutes, below)
  void app.register(holderAttributeRoutes, below)
  void app.register(utilizationRoutes, below)
  void app.register(freeAddressesRoute, below)
  void app.register(affinityRoutes, below)
  void app.register(nodeRoutes, below)
  void app.register(checkRoutes, below)
  void app.register(poolSplitRoute, below)
  void app.register(quotasRoute, below)
  for (const routes of [poolListRoutes, poolHoldersRoute, mapRoutes, searchRoutes, explainRoute])
    void app.register(routes, below)
  done()
}
