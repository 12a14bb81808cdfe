import {
  affinities,
  blocks,
  clusterInformations,
  handles,
  ipamConfigs,
  nodes,
  pools,
  reservations,
  virtualAffinities,
  workloadEndpoints,
} from '../../../model/index.ts'
import type { Decodable } from '../../../plan/index.ts'
import { affinityForm } from './affinity.ts'
import { blockForm } from './block.ts'
import { configForm } from './config.ts'
import type { CalicoGroup, ObjectForm } from './form.ts'
import { handleForm } from './handle.ts'
import { leadersPrefix, leaseForm } from './lease.ts'
import { nodeForm } from './node.ts'
import { podForm } from './pod.ts'
import { recordForm, recordPrefix } from './record.ts'
import { resourceForm } from './resource.ts'

/** The form of a family's objects; undefined if the store has none for it. */
export type FormOf = (family: Pick<Decodable<unknown>, 'prefix'>) => ObjectForm | undefined

/** The forms of all families, with Calico's objects in `group`, and ippoold's own in `namespace`. */
export function formsIn(group: CalicoGroup, namespace: string): FormOf {
  const affinity = affinityForm(group)
  const { prefix: poolPrefix } = pools
  const byPrefix = new Map<string, ObjectForm>([
    [blocks.prefix, blockForm(group)],
    [affinities.prefix, affinity],
    [virtualAffinities.prefix, affinity],
    [handles.prefix, handleForm(group)],
    [ipamConfigs.prefix, configForm(group)],
    [poolPrefix, resourceForm(group, { kind: 'IPPool', plural: 'ippools', prefix: poolPrefix })],
    [
      reservations.prefix,
      resourceForm(group, { kind: 'IPReservation', plural: 'ipreservations', prefix: reservations.prefix }),
    ],
    [
      clusterInformations.prefix,
      resourceForm(group, {
        kind: 'ClusterInformation',
        plural: 'clusterinformations',
        prefix: clusterInformations.prefix,
      }),
    ],
    [leadersPrefix, leaseForm(namespace)],
    [nodes.prefix, nodeForm],
    [workloadEndpoints.prefix, podForm],
  ])
  const record = recordForm(namespace)
  return ({ prefix }) => byPrefix.get(prefix) ?? (prefix.startsWith(recordPrefix) ? record : undefined)
}
