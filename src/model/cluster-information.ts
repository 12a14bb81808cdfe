import type { Family, Key } from '../plan/index.ts'
import { type JsonObject, readBoolean } from './json/index.ts'
import { resourceFamily, resourceKey } from './resource.ts'

/** What is known of the whole cluster. @see docs/calico/formats.md section 4.5 */
export interface ClusterInformation {
  /** Everything that is stored. */
  readonly object: JsonObject
  readonly name: string
  /** False while somebody migrates the datastore: nothing may be changed then. True when nothing is said. */
  readonly isDatastoreReady: boolean
}

/** The family whose only object is called `default`. */
export const clusterInformations: Family<ClusterInformation> = resourceFamily({
  name: 'cluster information',
  plural: 'clusterinformations',
  specFields: ['clusterGUID', 'clusterType', 'calicoVersion', 'datastoreReady'],
  read: ({ object, name, spec }) => {
    const ready = spec['datastoreReady'] ?? true
    return { object, name, isDatastoreReady: readBoolean(ready, 'spec.datastoreReady') }
  },
})

/** The key of the only object of {@link clusterInformations}. */
export const clusterInformationKey: Key<ClusterInformation> = resourceKey(clusterInformations, 'default')
