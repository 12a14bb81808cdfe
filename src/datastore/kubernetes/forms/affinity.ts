import {
  affinityKey,
  type Json,
  type JsonObject,
  jsonObject,
  parseAffinityKey,
  stringifyJson,
} from '../../../model/index.ts'
import { formatCidr, parseCidr } from '../../../net/index.ts'
import {
  calicoApiVersions,
  type CalicoGroup,
  membersBut,
  nameIn,
  objectAt,
  type ObjectForm,
  objectOf,
  parsedObject,
  textAt,
} from './form.ts'
import { affinityLabels } from './labels.ts'
import { ipamMetadata } from './metadata.ts'
import { affinityName, mustName } from './names.ts'

/** The members of the spec that are in the key of an affinity in etcd. */
const keyMembers = ['node', 'type', 'cidr']

/** Affinities of nodes and of virtual hosts: `BlockAffinity`. Objects without a type, which old Calico made, are of nodes. */
export function affinityForm(group: CalicoGroup): ObjectForm {
  const kind = { apiVersion: calicoApiVersions[group], kind: 'BlockAffinity', plural: 'blockaffinities' }
  return {
    kind,
    nameOf(key) {
      const parts = parseAffinityKey(key)
      return parts === undefined
        ? { ok: false, problem: `${key}: not the key of a block affinity` }
        : affinityName(parts.host.name, formatCidr(parts.cidr))
    },
    read(object) {
      const spec = objectAt(object, 'spec')
      const [name, type, cidr] = [textAt(spec, 'node'), textAt(spec, 'type') || 'host', parseCidr(textAt(spec, 'cidr'))]
      if (name === '' || cidr === undefined || (type !== 'host' && type !== 'virtual')) return undefined
      const key = affinityKey({ type, name }, cidr)
      // Under another name, nobody finds it by its host and CIDR.
      const named = affinityName(name, formatCidr(cidr))
      if (!named.ok || named.name !== nameIn(object)) return undefined
      const isDeleted = isMarked(spec['deleted'])
      const text = stringifyJson(
        jsonObject([
          ['state', spec['state'] ?? ''],
          ['deleted', isDeleted],
          ...membersBut(spec, [...keyMembers, 'state', 'deleted']),
        ]),
      )
      return { key: key.text, text, isDeleted }
    },
    write(key, text, stored) {
      const name = mustName(this.nameOf(key))
      const parts = parseAffinityKey(key)
      if (parts === undefined) throw new Error(`${key}: not the key of a block affinity`)
      const { host, cidr } = parts
      const given = parsedObject(text)
      const isDeleted = given['deleted'] === true
      const spec = jsonObject([
        ...membersBut(given, ['state', 'deleted']),
        ['state', given['state'] ?? ''],
        ['node', host.name],
        ['type', host.type],
        ['cidr', formatCidr(cidr)],
        // A text in the v1 group.
        ['deleted', group === 'v1' ? String(isDeleted) : isDeleted],
      ])
      const labels: JsonObject = jsonObject(Object.entries(affinityLabels(host, cidr)))
      return objectOf(kind, ipamMetadata(group, name, stored, labels), spec)
    },
  }
}

function isMarked(deleted: Json | undefined): boolean {
  return deleted === true || deleted === 'true'
}
