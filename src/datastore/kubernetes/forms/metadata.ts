import { isJsonObject, type Json, type JsonObject, jsonObject, parseJson, stringifyJson } from '../../../model/index.ts'
import { type CalicoGroup, membersBut, objectAt } from './form.ts'

/** In the v1 group, Calico's clients keep the metadata that users see in this annotation, as JSON. */
const packedAnnotation = 'projectcalico.org/metadata'

/** The annotation in which a write of ippoold's says that it has made this version of the object. Users do not see it. */
export const stampAnnotation = 'ippoold.io/write'

/** Members that are never packed: each object has its own. */
const ownMembers = ['name', 'namespace', 'uid', 'resourceVersion']

/** Members that count only if they are packed, once anything is packed. */
const onlyPacked = ['finalizers', 'ownerReferences', 'deletionTimestamp', 'deletionGracePeriodSeconds']

/** The API server's own notes about an object, which users of Calico's data do not see. */
const serverMembers = ['resourceVersion', 'managedFields', 'selfLink', 'generation']

/** The metadata that users see of an object, without its resourceVersion and generation. */
export function unpackMetadata(group: CalicoGroup, metadata: JsonObject): JsonObject {
  const all = jsonObject(membersBut(metadata, serverMembers))
  const shown = membersBut(objectAt(all, 'annotations'), [stampAnnotation])
  const own = jsonObject([
    ...membersBut(all, ['annotations']),
    ...(shown.length === 0 ? [] : [['annotations', jsonObject(shown)] as const]),
  ])
  const packed = group === 'v1' ? packedIn(metadata) : undefined
  if (packed === undefined) return own
  const annotations = jsonObject([
    ...membersBut(objectAt(own, 'annotations'), [packedAnnotation]),
    ...Object.entries(objectAt(packed, 'annotations')),
  ])
  const labels = jsonObject([...Object.entries(objectAt(own, 'labels')), ...Object.entries(objectAt(packed, 'labels'))])
  return jsonObject([
    ...membersBut(own, [...onlyPacked, 'annotations', 'labels']),
    ...membersBut(packed, [...ownMembers, ...serverMembers, 'annotations', 'labels']),
    ...(isEmpty(labels) ? [] : [['labels', labels] as const]),
    ...(isEmpty(annotations) ? [] : [['annotations', annotations] as const]),
  ])
}

/** Members that users set. */
const userMembers = ['labels', 'annotations', 'finalizers', 'ownerReferences']

/**
 * The metadata to store for what users are to see, in place of that of `stored`. In the v1 group everything goes into the packed
 * annotation; of labels and annotations, the object itself has those that Calico leaves there, and those that it has already.
 */
export function packMetadata(group: CalicoGroup, seen: JsonObject, stored: JsonObject | undefined): JsonObject {
  const before = objectAt(stored, 'metadata')
  const name = ['name', seen['name'] ?? ''] as const
  if (group === 'v3') {
    const kept = membersBut(before, [...userMembers, 'managedFields'])
    return jsonObject([...kept, name, ...Object.entries(seen).filter(([member]) => userMembers.includes(member))])
  }
  const packed = jsonObject(membersBut(seen, [...ownMembers, ...serverMembers]))
  const labels = jsonObject(visible(objectAt(seen, 'labels'), objectAt(before, 'labels')))
  const annotations = visible(objectAt(seen, 'annotations'), objectAt(before, 'annotations'))
  return jsonObject([
    ...membersBut(before, ['labels', 'annotations', 'managedFields']),
    name,
    ...(isEmpty(labels) ? [] : [['labels', labels] as const]),
    ['annotations', jsonObject([...annotations, [packedAnnotation, stringifyJson(packed)]])],
  ])
}

/**
 * The metadata of an object of Calico's IPAM, in place of that of `stored`: users see nothing of it but `labels`, which Calico finds the
 * object by. What others have put on the object stays.
 */
export function ipamMetadata(
  group: CalicoGroup,
  name: string,
  stored: JsonObject | undefined,
  labels: JsonObject = jsonObject([]),
): JsonObject {
  const before = objectAt(stored, 'metadata')
  const allLabels = jsonObject([...Object.entries(objectAt(before, 'labels')), ...Object.entries(labels)])
  const packed = isEmpty(labels) ? '{}' : stringifyJson(jsonObject([['labels', labels]]))
  const annotations = jsonObject([
    ...Object.entries(objectAt(before, 'annotations')),
    ...(group === 'v1' ? [[packedAnnotation, packed] as const] : []),
  ])
  return jsonObject([
    ...membersBut(before, ['labels', 'annotations', 'managedFields']),
    ['name', name],
    ...(isEmpty(allLabels) ? [] : [['labels', allLabels] as const]),
    ...(isEmpty(annotations) ? [] : [['annotations', annotations] as const]),
  ])
}

/** The packed metadata; undefined if there is none, as in an object that kubectl has made, or if it cannot be read. */
function packedIn(metadata: JsonObject): JsonObject | undefined {
  const text = objectAt(metadata, 'annotations')[packedAnnotation]
  const parsed = typeof text === 'string' ? parseJson(text) : undefined
  return parsed?.ok === true && isJsonObject(parsed.value) ? parsed.value : undefined
}

function visible(seen: JsonObject, before: JsonObject): readonly (readonly [string, Json])[] {
  return Object.entries(seen).filter(
    ([name]) =>
      name.includes('projectcalico.org/') || name.includes('operator.tigera.io/') || Object.hasOwn(before, name),
  )
}

function isEmpty(object: JsonObject): boolean {
  return Object.keys(object).length === 0
}
