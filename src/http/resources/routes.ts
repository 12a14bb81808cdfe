import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { availabilityOf } from '../../ipam/index.ts'
import { type Availability, defaultIpamConfig, ipamConfigKey, type Now, reservations } from '../../model/index.ts'
import type { ServedKind, StoredObject } from '../../resources/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import { resourceSchemas } from '../schemas/index.ts'
import { type OperationOptions, ResourceOperations } from './operations.ts'
import { resourceReads } from './reads.ts'
import { chooseRepresentations } from './representation.ts'
import { Watches, type WatchOptions } from './watch.ts'
import { resourceWrites } from './writes.ts'

/** Dependencies of the resource routes. */
export interface ResourceOptions extends OperationOptions {
  readonly store: Pick<ServedStore, 'submit' | 'page' | 'peek' | 'peekAll'>
  /** All kinds that are served. */
  readonly kinds: readonly ServedKind<StoredObject>[]
  readonly watches: WatchOptions
}

/**
 * The routes of all kinds, by the conventions of Kubernetes. Register them below `/apis`.
 * @see docs/kubernetes-api.md
 */
export const resourceRoutes: FastifyPluginCallbackTypebox<ResourceOptions> = (app, options, done) => {
  for (const schema of resourceSchemas(options.kinds)) app.addSchema(schema)
  const { store, now } = options
  const counting = { now, terms: () => peekTerms(store, now()) }
  for (const kind of options.kinds) {
    const shared = {
      store,
      operations: new ResourceOperations(options, kind),
      watches: new Watches(options.watches, kind),
    }
    void app.register(
      (routes, _options, registered) => {
        chooseRepresentations(routes, kind, counting)
        void routes.register(resourceReads, { ...shared, kind })
        if (!kind.isReadOnly) void routes.register(resourceWrites, { ...shared, kind })
        registered()
      },
      { prefix: `/${kind.group.apiVersion}/${kind.plural}` },
    )
  }
  done()
}

/** By what is in memory: the cells of a table are counted at the moment of printing, as ages are. */
function peekTerms(store: Pick<ServedStore, 'peek' | 'peekAll'>, now: Now): Availability {
  const config = store.peek(ipamConfigKey)
  const known = config?.kind === 'value' ? config.value : defaultIpamConfig
  return availabilityOf(known.ipCooldownSeconds, store.peekAll(reservations, reservations.prefix), now)
}
