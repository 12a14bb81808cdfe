import type { Family, Key } from '../plan/index.ts'
import { type JsonObject, readBoolean } from './json/index.ts'
import { resourceFamily, resourceKey } from './resource.ts'

/** Facts about the whole cluster. @see docs/calico/formats.md section 4.5 */
export interface ClusterInformation {
  /** The complete stored object. */
  readonly object: JsonObject
  readonly name: string
  /** False while the datastore is being migrated: nothing may be changed then. True if the object does not say. */
  readonly isDatastoreReady: boolean
}

/** The family with a single object, `default`. */
export const clusterInformations: Family<ClusterInformation> = resourceFamily({
  name: 'cluster information',
  plural: 'clusterinformations',
  isReadOnly: true,
  specFields: ['clusterGUID', 'clusterType', 'calicoVersion', 'datastoreReady'],
  read: ({ object, name, spec }) => {
    const ready = spec['datastoreReady'] ?? true
    return { object, name, isDatastoreReady: readBoolean(ready, 'spec.datastoreReady') }
  },
})

/** The key of the only object of {@link clusterInformations}. */
export const clusterInformationKey: Key<ClusterInformation> = resourceKey(clusterInformations, 'default')
