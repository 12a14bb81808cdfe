import { type Address, parseAddress, parseInterface } from '../net/index.ts'
import type { Family } from '../plan/index.ts'
import {
  type JsonObject,
  stringifyJson,
  decodeJson,
  declareFields,
  mismatch,
  readArray,
  readString,
} from './json/index.ts'
import { readResource, resourcePrefix } from './resource.ts'

/** A workload that uses addresses. Calico's plugin on the node registers it. @see docs/calico/formats.md section 4.3 */
export interface WorkloadEndpoint {
  /** The complete stored object. */
  readonly object: JsonObject
  readonly namespace: string
  readonly name: string
  /** The node that it runs on; undefined if the object does not say. */
  readonly node: string | undefined
  /** The pod that it belongs to; undefined if it does not run in Kubernetes. */
  readonly pod: string | undefined
  /** The addresses that it uses. Entries that are no addresses are left out, as in Calico. */
  readonly addresses: readonly Address[]
}

const endpointFields = declareFields('orchestrator', 'workload', 'node', 'containerID', 'pod', 'endpoint', 'ipNetworks')

const endpointsPrefix = resourcePrefix('workloadendpoints')

/** The workload endpoints. Of the resources here, only they have a namespace, which their keys contain before the name. */
export const workloadEndpoints: Family<WorkloadEndpoint> = {
  name: 'workload endpoints',
  prefix: endpointsPrefix,
  held: 'recent',
  part: 'record',
  decode(key, text) {
    return decodeJson(text, (json) => {
      const { object, name, metadata, spec } = readResource(json, endpointFields)
      const namespace = readString(metadata['namespace'], 'metadata.namespace') ?? ''
      if (key !== `${endpointsPrefix}${namespace}/${name}`) {
        throw mismatch('metadata.namespace and metadata.name', `those in the key ${key}`, `${namespace}/${name}`)
      }
      return {
        object,
        namespace,
        name,
        node: readString(spec['node'], 'spec.node'),
        pod: readString(spec['pod'], 'spec.pod'),
        addresses: (readArray(spec['ipNetworks'], 'spec.ipNetworks') ?? []).flatMap((entry) => {
          const network = readString(entry, 'spec.ipNetworks') ?? ''
          return parseAddress(network) ?? parseInterface(network)?.address ?? []
        }),
      }
    })
  },
  encode: ({ object }) => stringifyJson(object),
}

/** The same family for reading all endpoints in pages: as `values`, pages have as many keys as those of other resources. */
export const workloadEndpointsInPages: Family<WorkloadEndpoint> = { ...workloadEndpoints, held: 'values' }
