import { Type } from '@sinclair/typebox'
import { type ClusterInformation, clusterInformationKey, clusterInformations } from '../../model/index.ts'
import { flagColumn, textColumn } from '../columns.ts'
import { calicoGroup, type ReadOnlyKind, type StoredObject } from '../kind.ts'
import { parseShown, showStored } from '../storage.ts'

/** The only name that Calico uses. */
const onlyName = 'default'

const text = (description: string) => Type.Optional(Type.String({ description }))

/** The spec of the cluster information, in the order in which Calico stores it. */
const ClusterInformationSpec = Type.Object(
  {
    clusterGUID: text('The unique id of the cluster.'),
    clusterType: text('What the cluster is made of, such as `k8s,bgp`.'),
    calicoVersion: text('The version of Calico.'),
    datastoreReady: Type.Optional(
      Type.Boolean({ description: 'False while the datastore is being migrated: no address is assigned then.' }),
    ),
    variant: text('The variant of Calico.'),
  },
  { $id: 'ClusterInformationSpec', additionalProperties: false, description: 'Facts about the whole cluster.' },
)

const show = (_key: string, information: ClusterInformation): StoredObject => information

/**
 * ClusterInformation, as `/apis/projectcalico.org/v3/clusterinformations` serves it. Calico's components write it.
 * @see docs/calico/formats.md section 4.5
 */
export const clusterinformationKind: ReadOnlyKind<StoredObject> = {
  group: calicoGroup,
  kind: 'ClusterInformation',
  plural: 'clusterinformations',
  singular: 'clusterinformation',
  shortNames: ['clusterinfo', 'clusterinfos'],
  description: 'Facts about the whole cluster, in one object, `default`. Read-only; Calico writes it.',
  example: {
    apiVersion: calicoGroup.apiVersion,
    kind: 'ClusterInformation',
    metadata: { name: onlyName },
    spec: { clusterGUID: 'a1b2', clusterType: 'k8s,bgp', calicoVersion: 'v3.32.0', datastoreReady: true },
  },
  specSchema: ClusterInformationSpec,
  statusSchema: undefined,
  columns: [
    textColumn('Version', 'spec.calicoVersion', 'The version of Calico.'),
    flagColumn('Ready', 'spec.datastoreReady', 'Whether the datastore may be used.'),
    textColumn('Types', 'spec.clusterType', 'What the cluster is made of.'),
  ],
  isReadOnly: true,
  storage: {
    families: [clusterInformations],
    annexing: undefined,
    lookup: (view, name) => (name === onlyName ? showStored(view, clusterInformationKey, show) : { kind: 'absent' }),
  },
  parse: parseShown,
  withDefaults: (spec) => spec,
}
