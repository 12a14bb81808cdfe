import type { FastifyPluginCallback, FastifyRequest } from 'fastify'
import { apiVersion, group, type ServedKind, type StoredObject } from '../../resources/index.ts'
import { acceptedTypes, covers, answerJson } from '../wire/index.ts'
import {
  coreDiscoveryList,
  coreResources,
  coreVersions,
  discoveryList,
  type DiscoveryVersion,
  discoveryVersions,
  groupDocument,
  groupList,
  resourceList,
} from './discovery-documents.ts'

/** What the routes of discovery take from outside. */
export interface DiscoveryOptions {
  /** Every kind that is served. */
  readonly kinds: readonly ServedKind<StoredObject>[]
}

/**
 * The routes by which Kubernetes' clients find out what is served, and what they may do with it. They are for those clients alone,
 * which know them: an SDK made from the OpenAPI document has no use for them, so they are not in it.
 * @see docs/kubernetes-api.md section 1
 */
export const discoveryRoutes: FastifyPluginCallback<DiscoveryOptions> = (app, { kinds }, done) => {
  answerJson(app)
  const hidden = { schema: { hide: true } }
  const routes = [
    ['/api', coreDiscoveryList, coreVersions],
    ['/apis', (version: DiscoveryVersion) => discoveryList(kinds, version), groupList],
  ] as const
  for (const [path, everything, legacy] of routes) {
    app.get(path, hidden, (request, reply) => {
      const version = wantedVersion(request)
      if (version === undefined) return reply.send(legacy)
      const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
      return reply.type(type).send(JSON.stringify(everything(version)))
    })
  }
  app.get('/api/v1', hidden, (_request, reply) => reply.send(coreResources))
  app.get(`/apis/${group}`, hidden, (_request, reply) => reply.send(groupDocument))
  app.get(`/apis/${apiVersion}`, hidden, (_request, reply) => reply.send(resourceList(kinds)))
  void app.register(accessReviewRoute)
  done()
}

/** The version in which everything is to be told at once; undefined when plain JSON is wanted more. */
function wantedVersion({ headers }: FastifyRequest): DiscoveryVersion | undefined {
  for (const range of acceptedTypes(headers.accept)) {
    if (!covers(range, 'application/json')) continue
    const as = range.parameters.get('as')
    if (as === undefined) return undefined
    const version = discoveryVersions.find((known) => known === range.parameters.get('v'))
    if (as === 'APIGroupDiscoveryList' && range.parameters.get('g') === 'apidiscovery.k8s.io' && version !== undefined)
      return version
  }
  return undefined
}

/**
 * May I do this? Whoever can ask, may: there are no credentials. So it does not matter what the body says, which kubectl sends as
 * protobuf.
 */
const accessReviewRoute: FastifyPluginCallback = (app, _options, done) => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null, undefined))
  app.post(
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    { schema: { hide: true }, config: { readsNoBody: true } },
    (_request, reply) => reply.code(201).send(accessReview),
  )
  done()
}

const accessReview = {
  kind: 'SelfSubjectAccessReview',
  apiVersion: 'authorization.k8s.io/v1',
  metadata: {},
  spec: {},
  status: { allowed: true },
}
