import { isJsonArray, isJsonObject, type JsonObject, stringifyJson, workloadEndpoints } from '../../../model/index.ts'
import { calicoApiVersions, compact, nameIn, objectAt, type ObjectForm, textAt } from './form.ts'
import { objectName } from './names.ts'

/** The annotations in which Calico's plugin stores the addresses of a pod. */
const podIpsAnnotation = 'cni.projectcalico.org/podIPs'
const podIpAnnotation = 'cni.projectcalico.org/podIP'
const containerAnnotation = 'cni.projectcalico.org/containerID'

/**
 * Workload endpoints: pods with addresses of their own, which run on a node. Calico makes the endpoint's name of those of the node and the
 * pod, in which each hyphen is doubled. They are only read.
 */
export const podForm: ObjectForm = {
  kind: { apiVersion: 'v1', kind: 'Pod', plural: 'pods' },
  nameOf(key) {
    const name = key.slice(key.lastIndexOf('/') + 1)
    const [, , pod] = /^((?:[^-]|--)+)-k8s-((?:[^-]|--)+)-eth0$/.exec(name) ?? []
    return pod === undefined
      ? { ok: false, problem: `${key}: not the key of a pod's workload endpoint` }
      : objectName('pod', pod.replaceAll('--', '-'))
  },
  read(object) {
    const [metadata, spec] = [objectAt(object, 'metadata'), objectAt(object, 'spec')]
    const [node, pod, namespace] = [textAt(spec, 'nodeName'), nameIn(object), textAt(metadata, 'namespace')]
    if (node === '' || spec['hostNetwork'] === true) return undefined
    const name = `${double(node)}-k8s-${double(pod)}-eth0`
    const containerID = textAt(objectAt(metadata, 'annotations'), containerAnnotation) || undefined
    const ipNetworks = addressesOf(object)
    const { uid, creationTimestamp } = metadata
    const shown = compact({
      kind: 'WorkloadEndpoint',
      apiVersion: calicoApiVersions.v3,
      metadata: compact({ name, namespace, uid, creationTimestamp }),
      spec: compact({ orchestrator: 'k8s', node, containerID, pod, endpoint: 'eth0', ipNetworks }),
    })
    const key = `${workloadEndpoints.prefix}${namespace}/${name}`
    return { key, text: stringifyJson(shown), isDeleted: false }
  },
}

/** The addresses that Calico's plugin has stored, else those that the kubelet reports. A pod that has ended has none. */
function addressesOf(object: JsonObject): readonly string[] {
  const status = objectAt(object, 'status')
  if (['Succeeded', 'Failed'].includes(textAt(status, 'phase'))) return []
  const stored = objectAt(objectAt(object, 'metadata'), 'annotations')
  for (const name of [podIpsAnnotation, podIpAnnotation]) {
    if (Object.hasOwn(stored, name))
      return textAt(stored, name)
        .split(',')
        .filter((text) => text !== '')
  }
  const { podIPs } = status
  const reported = isJsonArray(podIPs) ? podIPs.filter(isJsonObject).map((entry) => textAt(entry, 'ip')) : []
  return reported.filter((text) => text !== '')
}

function double(name: string): string {
  return name.replaceAll('-', '--')
}
