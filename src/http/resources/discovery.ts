import type { FastifyPluginCallback, FastifyRequest } from 'fastify'
import type { JsonObject } from '../../model/index.ts'
import {
  type ApiGroup,
  groupsOf,
  hasStatusSubresource,
  type ServedKind,
  type StoredObject,
} from '../../resources/index.ts'
import { acceptedTypes, covers, answerJson } from '../wire/index.ts'

/** Dependencies of the discovery routes. */
export interface DiscoveryOptions {
  /** Every kind that is served. */
  readonly kinds: readonly ServedKind<StoredObject>[]
}

/**
 * The routes by which Kubernetes' clients discover the resources and their verbs. The OpenAPI document leaves them out: only those
 * clients need them, and they know them.
 * @see docs/kubernetes-api.md section 1
 */
export const discoveryRoutes: FastifyPluginCallback<DiscoveryOptions> = (app, { kinds }, done) => {
  answerJson(app)
  const hidden = { schema: { hide: true }, config: { access: 'authenticated' } } as const
  const groups = groupsOf(kinds)
  const routes = [
    ['/api', printCoreDiscovery, coreVersions],
    ['/apis', (version: DiscoveryVersion) => printDiscovery(kinds, version), printGroupList(groups)],
  ] as const
  for (const [path, printAggregated, legacy] of routes) {
    app.get(path, hidden, (request, reply) => {
      const version = aggregatedVersion(request)
      if (version === undefined) return reply.send(legacy)
      const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
      return reply.type(type).send(JSON.stringify(printAggregated(version)))
    })
  }
  app.get('/api/v1', hidden, (_request, reply) => reply.send(coreResources))
  for (const group of groups) {
    app.get(`/apis/${group.name}`, hidden, (_request, reply) => reply.send(printLegacyGroup(group)))
    app.get(`/apis/${group.apiVersion}`, hidden, (_request, reply) => reply.send(printResources(group, kinds)))
  }
  done()
}

/** Returns the version of aggregated discovery that the client prefers; undefined if it prefers plain JSON. */
function aggregatedVersion({ headers }: FastifyRequest): DiscoveryVersion | undefined {
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

/** The versions of aggregated discovery (`apidiscovery.k8s.io`) that are served; their documents are the same. */
const discoveryVersions = ['v2', 'v2beta1'] as const
type DiscoveryVersion = (typeof discoveryVersions)[number]

type Kind = ServedKind<StoredObject>

/**
 * Response of `/api`. The core group has no resources here. It exists because kubectl accepts a file of `kind: List`, its own output
 * for several objects, only if the server has a version `v1`.
 */
const coreVersions = { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }

/** Response of `/api/v1`. */
const coreResources = { kind: 'APIResourceList', groupVersion: 'v1', resources: [] }

/** Response of `/apis` for clients without aggregated discovery: they request each group and version afterwards. */
function printGroupList(groups: readonly ApiGroup[]): JsonObject {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(describeGroup) }
}

/** Response of `/apis/projectcalico.org`, for example. */
function printLegacyGroup(group: ApiGroup): JsonObject {
  return { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(group) }
}

function describeGroup({ name, version, apiVersion }: ApiGroup): JsonObject {
  const groupVersion = { groupVersion: apiVersion, version }
  return { name, versions: [groupVersion], preferredVersion: groupVersion }
}

/** Response of `/apis/projectcalico.org/v3`, for example: the resources of the group and their verbs. */
function printResources(group: ApiGroup, kinds: readonly Kind[]): JsonObject {
  const resources = kindsOf(group, kinds).flatMap((kind) => [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: false,
      kind: kind.kind,
      verbs: verbsOf(kind),
      shortNames: kind.shortNames,
      categories: group.categories,
    },
    ...(hasStatusSubresource(kind)
      ? [{ name: `${kind.plural}/status`, singularName: '', namespaced: false, kind: kind.kind, verbs: statusVerbs }]
      : []),
  ])
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: group.apiVersion, resources }
}

/** Response of `/apis` for aggregated discovery: all groups, versions and resources at once. */
function printDiscovery(kinds: readonly Kind[], discoveryVersion: DiscoveryVersion): JsonObject {
  const groups = groupsOf(kinds).map((group) => {
    const resources = kindsOf(group, kinds).map(printResource)
    return { name: group.name, version: { version: group.version, resources } }
  })
  return printGroups(groups, discoveryVersion)
}

function kindsOf(group: ApiGroup, kinds: readonly Kind[]): readonly Kind[] {
  return kinds.filter((kind) => kind.group === group)
}

function printResource(kind: Kind): JsonObject {
  return {
    resource: kind.plural,
    responseKind: responseKindOf(kind),
    scope: 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    shortNames: kind.shortNames,
    categories: kind.group.categories,
    ...(hasStatusSubresource(kind) && {
      subresources: [{ subresource: 'status', responseKind: responseKindOf(kind), verbs: statusVerbs }],
    }),
  }
}

/** Response of `/api` for aggregated discovery. */
function printCoreDiscovery(discoveryVersion: DiscoveryVersion): JsonObject {
  return printGroups([{ name: '', version: { version: 'v1', resources: [] } }], discoveryVersion)
}

function printGroups(
  groups: readonly { readonly name: string; readonly version: JsonObject }[],
  discoveryVersion: DiscoveryVersion,
): JsonObject {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${discoveryVersion}`,
    metadata: {},
    items: groups.map(({ name, version }) => ({
      metadata: { name, creationTimestamp: null },
      versions: [{ ...version, freshness: 'Current' }],
    })),
  }
}

const readVerbs: readonly string[] = ['get', 'list', 'watch']
const allVerbs: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const statusVerbs: readonly string[] = ['get', 'patch', 'update']

function verbsOf({ isReadOnly }: Kind): readonly string[] {
  return isReadOnly ? readVerbs : allVerbs
}

function responseKindOf({ group: { name, version }, kind }: Kind): JsonObject {
  return { group: name, version, kind }
}
