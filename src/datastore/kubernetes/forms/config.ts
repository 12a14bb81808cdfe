import { ipamConfigKey, isOmitted, type JsonObject, jsonObject, stringifyJson } from '../../../model/index.ts'
import {
  calicoApiVersions,
  type CalicoGroup,
  membersBut,
  nameIn,
  objectAt,
  type ObjectForm,
  objectOf,
  parsedObject,
} from './form.ts'
import { ipamMetadata } from './metadata.ts'

const kinds = {
  v1: { apiVersion: calicoApiVersions.v1, kind: 'IPAMConfig', plural: 'ipamconfigs' },
  v3: { apiVersion: calicoApiVersions.v3, kind: 'IPAMConfiguration', plural: 'ipamconfigurations' },
} as const

const onlyName = 'default'

/** The names of fields: in etcd, and in an object where they differ. In the order in which etcd has them. */
const fields = [
  { inText: 'strict_affinity', inSpec: 'strictAffinity' },
  { inText: 'auto_allocate_blocks', inSpec: 'autoAllocateBlocks' },
  { inText: 'maxBlocksPerHost', inSpec: 'maxBlocksPerHost' },
  { inText: 'kubeVirtVMAddressPersistence', inSpec: 'kubeVirtVMAddressPersistence' },
  { inText: 'ipCooldownSeconds', inSpec: 'ipCooldownSeconds' },
] as const

/** The configuration of IPAM: `IPAMConfig` in the v1 group, `IPAMConfiguration` in v3. There is one object at most. */
export function configForm(group: CalicoGroup): ObjectForm {
  const kind = kinds[group]
  return {
    kind,
    nameOf: (key) =>
      key === ipamConfigKey.text
        ? { ok: true, name: onlyName }
        : { ok: false, problem: `${key}: not the key of the IPAM configuration` },
    read(object) {
      if (nameIn(object) !== onlyName) return undefined
      return { key: ipamConfigKey.text, text: stringifyJson(textMembers(objectAt(object, 'spec'))), isDeleted: false }
    },
    write(_key, text, stored) {
      const given = parsedObject(text)
      const spec = jsonObject([
        ...membersBut(
          given,
          fields.map(({ inText }) => inText),
        ),
        // The schema requires both, and etcd leaves out what is false.
        ['strictAffinity', false],
        ['autoAllocateBlocks', false],
        ...fields.flatMap(({ inText, inSpec }) => {
          const value = given[inText]
          return value === undefined ? [] : [[inSpec, value] as const]
        }),
      ])
      return objectOf(kind, ipamMetadata(group, onlyName, stored), spec)
    },
  }
}

function textMembers(spec: JsonObject): JsonObject {
  return jsonObject([
    ...fields.flatMap(({ inText, inSpec }) => {
      const value = spec[inSpec] ?? null
      return isOmitted(value) ? [] : [[inText, value] as const]
    }),
    ...membersBut(
      spec,
      fields.map(({ inSpec }) => inSpec),
    ),
  ])
}
