import type { JsonObject } from '../model/index.ts'
import { apiVersion, categories, group, type ServedKind, type StoredObject, version } from '../resources/index.ts'

/** The versions of `apidiscovery.k8s.io` in which everything can be told at once; they look the same. */
export const discoveryVersions = ['v2', 'v2beta1'] as const
export type DiscoveryVersion = (typeof discoveryVersions)[number]

type Kind = ServedKind<StoredObject>

const groupVersion = { groupVersion: apiVersion, version }
const apiGroup = { name: group, versions: [groupVersion], preferredVersion: groupVersion }

/** What `/api` answers: there is no core group. */
export const coreVersions = { kind: 'APIVersions', versions: [], serverAddressByClientCIDRs: [] }

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

/** All groups, versions and resources at once; `kinds` are those of the one group that there is, none for the core group. */
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
  const metadata = { name: group, creationTimestamp: null }
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${discoveryVersion}`,
    metadata: {},
    items: kinds.length === 0 ? [] : [{ metadata, versions: [{ version, freshness: 'Current', resources }] }],
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
