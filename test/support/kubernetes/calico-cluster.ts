import type { ApiClient, ApiObject } from './api-client.ts'
import { applyAll } from './apply.ts'
import { type CalicoAge, calicoDefinitions, type CalicoGroup, calicoPath, versionOf } from './calico-definitions.ts'

/** Makes the API server store Calico's resources of a group, as a cluster has them that Calico has just been installed into. */
export async function installCalico(client: ApiClient, group: CalicoGroup, age: CalicoAge = 'newest'): Promise<void> {
  await applyAll(client, calicoDefinitions(group, age))
  await createIn(client, group, 'ClusterInformation', 'default', {
    calicoVersion: 'v3.33.0',
    clusterGUID: '0123456789abcdef0123456789abcdef',
    clusterType: 'k8s,kdd',
    datastoreReady: true,
  })
}

/** Creates one of Calico's objects that users write. Throws ApiProblem. */
export async function createIn(
  client: ApiClient,
  group: CalicoGroup,
  kind: 'IPPool' | 'IPReservation' | 'ClusterInformation' | 'IPAMConfig' | 'IPAMConfiguration',
  name: string,
  spec: object,
): Promise<ApiObject> {
  const object = { apiVersion: `${group}/${versionOf(group)}`, kind, metadata: { name }, spec }
  return client.create(calicoPath(group, `${kind.toLowerCase()}s`), object)
}

/** Creates a node of the cluster. No kubelet runs: it is an object with labels. */
export async function createNode(
  client: ApiClient,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<ApiObject> {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } }
  return client.create('/api/v1/nodes', node)
}
