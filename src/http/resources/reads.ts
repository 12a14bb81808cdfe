import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import {
  hasStatusSubresource,
  planRead,
  quoteObject,
  showObject,
  type ServedKind,
  type StoredObject,
} from '../../resources/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import { answer, problems, kindSchemas, pluralOf, ListQuery, namePath, ReadQuery } from '../schemas/index.ts'
import { sendList, sendObject } from './answers.ts'
import { listObjects, requireReached } from './list.ts'
import type { ResourceOperations } from './operations.ts'
import { ObjectAccess } from './object-access.ts'
import { isWatch, type Watches } from './watch.ts'

/** Dependencies of the routes of one kind. */
export interface KindOptions {
  readonly kind: ServedKind<StoredObject>
  readonly store: Pick<ServedStore, 'page' | 'peekAll'>
  readonly operations: ResourceOperations
  readonly watches: Watches<StoredObject>
}

/** The routes that read objects of a kind: list, watch and read. Reading the status returns the whole object too. */
export const resourceReads: FastifyPluginCallbackTypebox<KindOptions> = (app, options, done) => {
  const { kind, store, operations, watches } = options
  const schemas = kindSchemas(kind)
  const tags = ['resources']
  const nameInPath = namePath(schemas.stored.name)

  app.get(
    '',
    {
      config: { access: ({ query }) => ({ verb: isWatch(query) ? 'watch' : 'list', resource: kind.plural }) },
      schema: {
        operationId: `list${pluralOf(kind)}`,
        tags,
        summary: `List ${kind.plural}`,
        description:
          'Objects in the order of their keys in etcd, all as of one revision, the `metadata.resourceVersion` of the list. With `watch=true`, the response is a stream of changes, one on each line, by the conventions of Kubernetes. Generated clients cannot read a stream, so the parameters of watches are not listed.',
        querystring: ListQuery,
        response: { 200: answer('The objects.', schemas.list), ...problems('Expired', 'Invalid', 'Timeout') },
      },
    },
    async (request, reply) => {
      const { query, rights } = request
      const access = new ObjectAccess(kind, rights, store)
      if (isWatch(query)) return watches.serve(request, reply, query, access)
      const { object, warnings } = await listObjects(store, kind, query, access.selectorFor('list'))
      return sendList(reply, object, warnings)
    },
  )

  const parts = [
    { path: '/:name', operationId: `read${kind.kind}`, what: 'one' },
    ...(hasStatusSubresource(kind)
      ? [{ path: '/:name/status', operationId: `read${kind.kind}Status`, what: 'the status of one' }]
      : []),
  ]
  for (const { path, operationId, what } of parts) {
    app.get(
      path,
      {
        config: { access: { verb: 'get', resource: kind.plural } },
        schema: {
          operationId,
          tags,
          summary: `Read ${what} of the ${kind.plural}`,
          description:
            'Returns the object as it is stored, with defaults. A warning says if it is not stored, and the defaults are in force.',
          params: nameInPath,
          querystring: ReadQuery,
          response: { 200: answer('The object.', schemas.object, schemas.example), ...problems('NotFound', 'Timeout') },
        },
      },
      async ({ params: { name }, query, rights }, reply) => {
        const plan = new ObjectAccess(kind, rights, store).guardRead(name, (view) => planRead(view, kind, name))
        const { value, revision } = await operations.carryOut(name, plan)
        requireReached(revision, query.resourceVersion)
        const isStored = value.revision !== undefined
        const warnings = isStored ? [] : [`${quoteObject(kind, name)} is not stored: these are the defaults in force`]
        return sendObject(reply, showObject(kind, value.value, value.revision), warnings)
      },
    )
  }
  done()
}
