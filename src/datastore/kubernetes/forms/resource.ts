import { type JsonObject, jsonObject, stringifyJson } from '../../../model/index.ts'
import {
  calicoApiVersions,
  type CalicoGroup,
  compact,
  nameIn,
  objectAt,
  type ObjectForm,
  objectOf,
  parsedObject,
  textAt,
} from './form.ts'
import { packMetadata, unpackMetadata } from './metadata.ts'
import { mustName, objectName } from './names.ts'
import { convertUid } from './uid.ts'

/** A kind of resource, as Calico's users know it. */
export interface ResourceNames {
  readonly kind: string
  readonly plural: string
  /** The prefix of its keys. */
  readonly prefix: string
}

/**
 * Resources: pools, reservations, cluster information. Their text is the object of Calico's v3 API. The status stays as it is stored: it is
 * written by other means.
 */
export function resourceForm(group: CalicoGroup, { kind: name, plural, prefix }: ResourceNames): ObjectForm {
  const kind = { apiVersion: calicoApiVersions[group], kind: name, plural }
  return {
    kind,
    isResource: true,
    nameOf: (key) => objectName(name, key.slice(prefix.length)),
    read: (object) => ({
      key: `${prefix}${nameIn(object)}`,
      text: stringifyJson(shownObject(group, name, object)),
      isDeleted: false,
    }),
    write(key, text, stored) {
      const given = parsedObject(text)
      const seen = jsonObject([...Object.entries(objectAt(given, 'metadata')), ['name', mustName(this.nameOf(key))]])
      return objectOf(kind, packMetadata(group, seen, stored), objectAt(given, 'spec'))
    },
  }
}

function shownObject(group: CalicoGroup, kind: string, object: JsonObject): JsonObject {
  const own = objectAt(object, 'metadata')
  const uid = textAt(own, 'uid')
  const metadata = jsonObject([
    ...Object.entries(unpackMetadata(group, own)),
    ...(uid === '' ? [] : [['uid', group === 'v1' ? convertUid(uid) : uid] as const]),
  ])
  const { status } = object
  return compact({ kind, apiVersion: calicoApiVersions.v3, metadata, spec: objectAt(object, 'spec'), status })
}
