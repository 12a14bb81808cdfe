import { until } from '../until.ts'
import type { ApiClient, ApiObject } from './api-client.ts'

/** A manifest, as `kubectl apply` takes it. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly [field: string]: unknown
}

/**
 * Applies manifests in their order, as `kubectl apply --server-side` does, and waits after a definition until its resources are served.
 * Throws ApiProblem.
 */
export async function applyAll(client: ApiClient, manifests: readonly Manifest[]): Promise<readonly ApiObject[]> {
  const applied: ApiObject[] = []
  for (const manifest of manifests) {
    const path = await pathOf(client, manifest)
    applied.push(await client.apply(path, manifest))
    if (manifest.kind === 'CustomResourceDefinition') await untilServed(client, path)
  }
  return applied
}

/** Where the API server keeps an object. Throws if it serves no such kind. */
async function pathOf(client: ApiClient, { apiVersion, kind, metadata }: Manifest): Promise<string> {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const { resources } = (await client.get(root)) as unknown as ResourceList
  const resource = resources.find((found) => found.kind === kind && !found.name.includes('/'))
  if (resource === undefined) throw new Error(`the API server serves no ${kind} of ${apiVersion}`)
  const within = resource.namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : ''
  return `${root}${within}/${resource.name}/${metadata.name}`
}

interface ResourceList {
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[]
}

/** Waits until the resources of a definition are served: a definition is established before the paths are there. */
async function untilServed(client: ApiClient, path: string): Promise<void> {
  await until(`${path} is served`, async () => {
    const { spec, status } = await client.get<DefinitionSpec>(path)
    const conditions = (status?.['conditions'] ?? []) as readonly { readonly type: string; readonly status: string }[]
    if (!conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return undefined
    const version = spec.versions[0]?.name ?? ''
    const answer = await client.request('GET', `/apis/${spec.group}/${version}/${spec.names.plural}?limit=1`)
    return answer.status === 200 || undefined
  })
}

interface DefinitionSpec {
  readonly group: string
  readonly names: { readonly plural: string }
  readonly versions: readonly { readonly name: string }[]
}
