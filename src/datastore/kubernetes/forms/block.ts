import {
  blocks,
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  parseBlockKey,
  stringifyJson,
} from '../../../model/index.ts'
import { formatCidr } from '../../../net/index.ts'
import {
  calicoApiVersions,
  type CalicoGroup,
  compact,
  membersBut,
  nameIn,
  objectAt,
  type ObjectForm,
  objectOf,
  parsedObject,
} from './form.ts'
import { ipamMetadata } from './metadata.ts'
import { cidrName, cidrTextOf, mustName, objectName } from './names.ts'

/** The members of a block as etcd has them, in Go's order, and their names in an object where these differ. */
const members: readonly { readonly inText: string; readonly inSpec: string }[] = [
  'cidr',
  'affinity',
  'affinity_claim_time',
  'allocations',
  'unallocated',
  'attributes',
  'sequenceNumber',
  'sequenceNumberForAllocation',
  'deleted',
].map((inText) => ({ inText, inSpec: inText === 'affinity_claim_time' ? 'affinityClaimTime' : inText }))

/** Go's order of an attribute's members: the API server sorts them by name. */
const attributeMembers = ['handle_id', 'secondary', 'alternateOwnerAttrs', 'releasedAt']

/** No longer used, yet the schema requires it. */
const strictAffinity = 'strictAffinity'

/** The old copy of `affinity`, for which objects have no place. */
const hostAffinity = 'hostAffinity'

/** Blocks: `IPAMBlock`. */
export function blockForm(group: CalicoGroup): ObjectForm {
  const kind = { apiVersion: calicoApiVersions[group], kind: 'IPAMBlock', plural: 'ipamblocks' }
  return {
    kind,
    nameOf(key) {
      const cidr = parseBlockKey(key)
      return cidr === undefined
        ? { ok: false, problem: `${key}: not the key of a block` }
        : objectName('block', cidrName(formatCidr(cidr)))
    },
    read(object) {
      const cidrText = cidrTextOf(nameIn(object))
      if (cidrText === undefined) return undefined
      const spec = objectAt(object, 'spec')
      const key = `${blocks.prefix}ipv${cidrText.includes(':') ? 6 : 4}/block/${cidrText.replace('/', '-')}`
      return { key, text: stringifyJson(textMembers(spec)), isDeleted: spec['deleted'] === true }
    },
    write(key, text, stored) {
      const given = parsedObject(text)
      const storedSpec = objectAt(stored, 'spec')
      const spec = jsonObject([
        ...membersBut(given, [...members.map(({ inText }) => inText), hostAffinity]),
        ...Object.entries(specMembers(given)),
        [strictAffinity, storedSpec[strictAffinity] ?? false],
      ])
      return objectOf(kind, ipamMetadata(group, mustName(this.nameOf(key)), stored), spec)
    },
  }
}

function textMembers(spec: JsonObject): JsonObject {
  const known = members.map(({ inText, inSpec }) => [inText, spec[inSpec]] as const)
  const written = jsonObject(
    known.flatMap(([name, value]) => {
      if (name === 'affinity') return [[name, value ?? null]]
      if (name === 'attributes' && isJsonArray(value)) return [[name, value.map(orderAttribute)]]
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const unknown = membersBut(spec, [...members.map(({ inSpec }) => inSpec), strictAffinity])
  return jsonObject([...Object.entries(written), ...unknown])
}

function orderAttribute(attribute: Json): Json {
  if (!isJsonObject(attribute)) return attribute
  const known = attributeMembers.flatMap((name) => {
    const value = attribute[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return jsonObject([...known, ...membersBut(attribute, attributeMembers)])
}

/** The schema requires lists where etcd may have null, and has no null for an affinity. */
function specMembers(given: JsonObject): JsonObject {
  return compact(
    Object.fromEntries(
      members.map(({ inText, inSpec }): [string, Json | undefined] => {
        const value = given[inText] ?? undefined
        const isList = ['allocations', 'unallocated', 'attributes'].includes(inText)
        return [inSpec, value ?? (isList ? [] : undefined)]
      }),
    ),
  )
}
