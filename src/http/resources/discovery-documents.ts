import type { JsonObject } from '../../model/index.ts'
import { apiVersion, categories, group, type ServedKind, type StoredObject, version } from '../../resources/index.ts'

/** The versions of `apidiscovery.k8s.io` in which everything can be told at once; they look the same. */
export const discoveryVersions = ['v2', 'v2beta1'] as const
export type DiscoveryVersion = (typeof discoveryVersions)[number]

type Kind = ServedKind<StoredObject>

const groupVersion = { groupVersion: apiVersion, version }
const apiGroup = { name: group, versions: [groupVersion], preferredVersion: groupVersion }

/**
 * What `/api` answers. The core group has no resources here; it is there because kubectl takes a file of `kind: List`, which is how it
 * prints several objects itself, only where there is a version `v1`.
 */
export const coreVersions = { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }

/** What `/api/v1` answers. */
export const coreResources = { kind: 'APIResourceList', groupVersion: 'v1', resources: [] }

/** What `/apis` answers to clients that ask for each group and version by itself afterwards. */
export const groupList = { kind: 'APIGroupList', apiVersion: 'v1', groups: [apiGroup] }

/** What `/apis/projectcalico.org` answers. */
export const groupDocument = { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup }

/** What `/apis/projectcalico.org/v3` answers: the resources and what can be done with them. */
export function resourceList(kinds: readonly Kind[]): JsonObject {
  const resources = kinds.flatMap((kind) => [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: false,
      kind: kind.kind,
      verbs: verbsOf(kind),
      shortNames: kind.shortNames,
      categories,
    },
    ...(hasStatus(kind)
      ? [{ name: `${kind.plural}/status`, singularName: '', namespaced: false, kind: kind.kind, verbs: statusVerbs }]
      : []),
  ])
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources }
}

/** What `/apis` answers to clients that want all groups, versions and resources at once. */
export function discoveryList(kinds: readonly Kind[], discoveryVersion: DiscoveryVersion): JsonObject {
  const resources = kinds.map((kind) => ({
    resource: kind.plural,
    responseKind: responseKindOf(kind),
    scope: 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    shortNames: kind.shortNames,
    categories,
    ...(hasStatus(kind) && {
      subresources: [{ subresource: 'status', responseKind: responseKindOf(kind), verbs: statusVerbs }],
    }),
  }))
  return discoveryOf(group, { version, resources }, discoveryVersion)
}

/** What `/api` answers to such clients. */
export function coreDiscoveryList(discoveryVersion: DiscoveryVersion): JsonObject {
  return discoveryOf('', { version: 'v1', resources: [] }, discoveryVersion)
}

function discoveryOf(name: string, served: JsonObject, discoveryVersion: DiscoveryVersion): JsonObject {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${discoveryVersion}`,
    metadata: {},
    items: [{ metadata: { name, creationTimestamp: null }, versions: [{ ...served, freshness: 'Current' }] }],
  }
}

const readVerbs: readonly string[] = ['get', 'list', 'watch']
const allVerbs: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const statusVerbs: readonly string[] = ['get', 'patch', 'update']

function verbsOf({ isReadOnly }: Kind): readonly string[] {
  return isReadOnly ? readVerbs : allVerbs
}

/** Whether the status of an object can be written by itself. */
function hasStatus({ statusSchema, isReadOnly }: Kind): boolean {
  return statusSchema !== undefined && !isReadOnly
}

function responseKindOf({ kind }: Kind) {
  return { group, version, kind }
}
