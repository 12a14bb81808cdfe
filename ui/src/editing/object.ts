import type { Schemas } from '../api/index.ts'
import { isFields } from '../fields.ts'

/** An object of Kubernetes' form. */
export interface KubernetesObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: Schemas['ObjectMeta']
  readonly spec: object
}

/** The part of an object that people decide about: without what the server alone writes, except the version that is being changed. */
export function ownPart({ apiVersion, kind, metadata, spec }: KubernetesObject): object {
  const { name, labels, annotations, finalizers } = metadata
  const own = {
    name,
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ...(finalizers !== undefined && { finalizers }),
  }
  return { apiVersion, kind, metadata: own, spec }
}

/** The version of an object: the revision of etcd that wrote it. */
export function versionOf({ metadata }: KubernetesObject): string | undefined {
  return metadata.resourceVersion
}

/** The object with the version that it is to replace. */
export function withVersion(own: unknown, version: string | undefined): unknown {
  if (!isFields(own)) return own
  const metadata = isFields(own['metadata']) ? own['metadata'] : {}
  return { ...own, metadata: { ...metadata, ...(version !== undefined && { resourceVersion: version }) } }
}

/** True of what has the form of a pool. Whether its fields are right is for the server to say. */
export function hasFormOfPool(value: unknown): value is Schemas['IPPool'] {
  return isFields(value) && isFields(value['metadata']) && isFields(value['spec'])
}
