import { Type } from '@sinclair/typebox'
import {
  defaultIpamConfig,
  type IpamConfig,
  ipamConfigKey,
  ipamConfigs,
  type JsonObject,
  jsonObject,
} from '../../model/index.ts'
import { put, remove, type Cause, type Decoded } from '../../plan/index.ts'
import { declareAnnexes, putAnnex, withAnnex } from '../annexes.ts'
import { type Column, flagColumn, numberColumn, textColumn } from '../columns.ts'
import { calicoGroup, type Candidate, type ResourceKind, type StoredObject } from '../kind.ts'
import { invalid, notSupported, objectIn } from '../object/index.ts'
import { showFamily, showStored } from '../storage.ts'

/** The only name that the configuration can have. */
const onlyName = 'default'

/** Calico's key has no place for metadata, so all of it is in the annex. */
const annexOptions = { plural: 'ipamconfigurations', hasMetadata: false }

/** The highest number of blocks, and the longest cooldown of a released address. */
const maxBlocksPerHostMax = 1_000_000
const ipCooldownSecondsMax = 1_200

const persistences = ['Enabled', 'Disabled']

/** The spec of the configuration, as clients write it. The fields are in Calico's order. */
const IPAMConfigurationSpec = Type.Object(
  {
    strictAffinity: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Whether a node gets addresses only from its own blocks, and does not borrow from blocks of other nodes.',
      }),
    ),
    autoAllocateBlocks: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          'Whether a node may claim a block when it needs an address. Can be false only with `strictAffinity`.',
      }),
    ),
    maxBlocksPerHost: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: maxBlocksPerHostMax,
        description:
          'The most blocks of each IP version that a node may claim; 0 means 20. Can be above 0 only with `strictAffinity`.',
      }),
    ),
    kubeVirtVMAddressPersistence: Type.Optional(
      Type.String({
        title: 'VMAddressPersistence',
        enum: persistences,
        description:
          "Whether virtual machines keep their addresses. Read by Calico's Kubernetes plugins; ippoold does not use it.",
      }),
    ),
    ipCooldownSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: ipCooldownSecondsMax,
        description: 'How long a released address cools down before it can be assigned again, in seconds.',
      }),
    ),
  },
  { $id: 'IPAMConfigurationSpec', additionalProperties: false, description: 'The settings of IPAM.' },
)

const columns: readonly Column[] = [
  flagColumn('StrictAffinity', 'spec.strictAffinity', 'Whether nodes get addresses only from their own blocks.'),
  flagColumn('AutoAllocateBlocks', 'spec.autoAllocateBlocks', 'Whether nodes may claim blocks.'),
  numberColumn('MaxBlocksPerHost', 'spec.maxBlocksPerHost', 'The most blocks that a node may claim; 0 means 20.'),
  numberColumn('CooldownSeconds', 'spec.ipCooldownSeconds', 'How long a released address cools down.', {
    isWide: true,
  }),
  textColumn('VMPersistence', 'spec.kubeVirtVMAddressPersistence', 'Whether virtual machines keep their addresses.', {
    isWide: true,
  }),
]

/** The stored configuration and the object that it is shown as. */
export interface ShownIpamConfig extends StoredObject {
  readonly config: IpamConfig
}

/**
 * IPAMConfiguration, as `/apis/projectcalico.org/v3/ipamconfigurations` serves it: the one key that Calico's IPAM reads on etcd, with
 * Calico's rules for that key. As in Calico, a change is never refused because of existing blocks: stricter settings apply to addresses
 * that are assigned later.
 * @see docs/calico/formats.md sections 2.6 and 4.2, docs/calico/ipam.md section 7
 */
export const ipamconfigurationKind: ResourceKind<ShownIpamConfig> = {
  group: calicoGroup,
  kind: 'IPAMConfiguration',
  plural: 'ipamconfigurations',
  singular: 'ipamconfiguration',
  shortNames: ['ipamconfig'],
  description:
    'The settings of IPAM, for ippoold and for Calico. There is one object, `default`; while it is not stored, it is shown with the defaults, which are in force. Changing it stores it.',
  example: {
    apiVersion: calicoGroup.apiVersion,
    kind: 'IPAMConfiguration',
    metadata: { name: onlyName },
    spec: { strictAffinity: true, autoAllocateBlocks: true, maxBlocksPerHost: 4 },
  },
  specSchema: IPAMConfigurationSpec,
  statusSchema: undefined,
  columns,
  isReadOnly: false,
  names: 'subdomain',
  isDeletedInSteps: false,
  storage: {
    families: [showFamily(ipamConfigs, show)],
    annexing: declareAnnexes(annexOptions, () => ipamConfigKey),
    lookup: (view, name) =>
      name === onlyName
        ? withAnnex(view, showStored(view, ipamConfigKey, show), name, annexOptions)
        : { kind: 'absent' },
    put: (value) => [put(ipamConfigKey, value.config), putAnnex(value, annexOptions)],
  },
  finalizer: undefined,
  immutableFields: [],
  isStatusWritable: false,
  keepStatus: undefined,
  parse,
  implied: (name) => (name === onlyName ? show(ipamConfigKey.text, defaultIpamConfig) : undefined),
  withDefaults,
  validate,
  admit: () => [],
  planRemoval: () => ({ kind: 'gone', writes: [remove(ipamConfigKey)] }),
}

function show(_key: string, config: IpamConfig): ShownIpamConfig {
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost, kubeVirtVMAddressPersistence, ipCooldownSeconds } =
    config
  const spec = jsonObject([
    ...Object.entries(config.unknownFields),
    ['strictAffinity', strictAffinity],
    ['autoAllocateBlocks', autoAllocateBlocks],
    ...(maxBlocksPerHost === 0 ? [] : [['maxBlocksPerHost', maxBlocksPerHost] as const]),
    ...(kubeVirtVMAddressPersistence === undefined
      ? []
      : [['kubeVirtVMAddressPersistence', kubeVirtVMAddressPersistence] as const]),
    ...(ipCooldownSeconds === 0 ? [] : [['ipCooldownSeconds', ipCooldownSeconds] as const]),
  ])
  const object = { kind: 'IPAMConfiguration', apiVersion: calicoGroup.apiVersion, metadata: { name: onlyName }, spec }
  return { name: onlyName, object, config }
}

/** Fields of the wrong type count as absent. They are refused before anything is stored. */
function parse(object: JsonObject): Decoded<ShownIpamConfig> {
  const spec = withDefaults(objectIn(object, 'spec'))
  const known = new Set(Object.keys(IPAMConfigurationSpec.properties))
  const persistence = spec['kubeVirtVMAddressPersistence']
  const config = {
    strictAffinity: spec['strictAffinity'] === true,
    autoAllocateBlocks: spec['autoAllocateBlocks'] === true,
    maxBlocksPerHost: numberIn(spec, 'maxBlocksPerHost'),
    kubeVirtVMAddressPersistence: typeof persistence === 'string' && persistence !== '' ? persistence : undefined,
    ipCooldownSeconds: numberIn(spec, 'ipCooldownSeconds'),
    unknownFields: jsonObject(Object.entries(spec).filter(([name]) => !known.has(name))),
  }
  const value = show(ipamConfigKey.text, config)
  const metadata = jsonObject([...Object.entries(objectIn(object, 'metadata')), ['name', onlyName]])
  return { ok: true, value: { ...value, object: { ...value.object, metadata } } }
}

/**
 * Fills in the defaults of a new object. In the stored configuration, an absent boolean means false, so the object shown always has
 * both.
 */
function withDefaults(spec: JsonObject): JsonObject {
  const { strictAffinity, autoAllocateBlocks } = defaultIpamConfig
  return jsonObject([
    ['strictAffinity', strictAffinity],
    ['autoAllocateBlocks', autoAllocateBlocks],
    ...Object.entries(spec),
  ])
}

function validate(candidate: Candidate<ShownIpamConfig>): readonly Cause[] {
  const { name, spec } = candidate
  const causes: Cause[] = []
  if (name !== onlyName)
    causes.push(invalid('metadata.name', name, `must be "${onlyName}": there is only one configuration`))
  for (const [field, max] of [
    ['maxBlocksPerHost', maxBlocksPerHostMax],
    ['ipCooldownSeconds', ipCooldownSecondsMax],
  ] as const) {
    const value = numberIn(spec, field)
    if (value < 0 || value > max) causes.push(invalid(`spec.${field}`, value, `must be 0 to ${String(max)}`))
  }
  const persistence = spec['kubeVirtVMAddressPersistence'] ?? ''
  if (persistence !== '' && !persistences.some((one) => one === persistence)) {
    causes.push(notSupported('spec.kubeVirtVMAddressPersistence', persistence, persistences))
  }
  // A rule that reads several fields is skipped if one of them has the wrong type.
  if (spec['strictAffinity'] === true || !candidate.isSound('spec.strictAffinity')) return causes
  if (spec['autoAllocateBlocks'] === false) {
    const problem = 'must not be false while strictAffinity is false: no address could be assigned from a new block'
    causes.push(invalid('spec.autoAllocateBlocks', false, problem))
  }
  const blocks = numberIn(spec, 'maxBlocksPerHost')
  if (blocks > 0)
    causes.push(invalid('spec.maxBlocksPerHost', blocks, 'can be above 0 only while strictAffinity is true'))
  return causes
}

function numberIn(spec: JsonObject, field: string): number {
  const value = spec[field]
  return typeof value === 'number' ? value : 0
}
