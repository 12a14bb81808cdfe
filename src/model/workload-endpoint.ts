import { type Address, parseAddress, parseInterface } from '../net/index.ts'
import type { Family } from '../plan/index.ts'
import {
  type JsonObject,
  stringifyJson,
  decodeJson,
  fieldNames,
  mismatch,
  readArray,
  readString,
} from './json/index.ts'
import { readResource, resourcePrefix } from './resource.ts'

/** A workload that uses addresses, as Calico's plugins on the nodes register it. @see docs/calico/formats.md section 4.3 */
export interface WorkloadEndpoint {
  /** Everything that is stored. */
  readonly object: JsonObject
  readonly namespace: string
  readonly name: string
  /** Where it runs; undefined when that is not said. */
  readonly node: string | undefined
  /** The pod that it belongs to; undefined when it is none of Kubernetes. */
  readonly pod: string | undefined
  /** What it uses; an entry that is no address is left out, as Calico leaves it out. */
  readonly addresses: readonly Address[]
}

const specFields = fieldNames('orchestrator', 'workload', 'node', 'containerID', 'pod', 'endpoint', 'ipNetworks')

const prefix = resourcePrefix('workloadendpoints')

/** The workload endpoints, by namespace and name: the only resources here whose keys have two parts. */
export const workloadEndpoints: Family<WorkloadEndpoint> = {
  name: 'workload endpoints',
  prefix,
  held: 'recent',
  part: 'record',
  decode(key, text) {
    return decodeJson(text, (json) => {
      const { object, name, metadata, spec } = readResource(json, specFields)
      const namespace = readString(metadata['namespace'], 'metadata.namespace') ?? ''
      if (key !== `${prefix}${namespace}/${name}`) {
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

/** The same, to read all of them: in pages as other resources are, which are of their size. */
export const workloadEndpointsInPages: Family<WorkloadEndpoint> = { ...workloadEndpoints, held: 'values' }
