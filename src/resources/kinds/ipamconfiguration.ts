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
import { apiVersion, type Candidate, type ResourceKind, type StoredObject } from '../kind.ts'
import { invalid, notSupported, objectIn } from '../object/index.ts'
import { showFamily, showStored } from '../storage.ts'

/** The only name that the configuration can have. */
const onlyName = 'default'

/** Calico's key has no place for metadata: all of it lies in the annex. */
const annexOptions = { plural: 'ipamconfigurations', hasMetadata: false }

/** The highest number of blocks, and the longest rest of a released address. */
const maxBlocksPerHostMax = 1_000_000
const ipCooldownSecondsMax = 1_200

const persistences = ['Enabled', 'Disabled']

/** How IPAM behaves, as clients write it. The order of the fields is Calico's. */
const IPAMConfigurationSpec = Type.Object(
  {
    strictAffinity: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Whether a node gets addresses of its own blocks only, and borrows none of others.',
      }),
    ),
    autoAllocateBlocks: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          'Whether a node may claim blocks when it wants an address. Can be false only with `strictAffinity`.',
      }),
    ),
    maxBlocksPerHost: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: maxBlocksPerHostMax,
        description: 'How many blocks of each IP version a node may claim; 0: 20. Above 0 only with `strictAffinity`.',
      }),
    ),
    kubeVirtVMAddressPersistence: Type.Optional(
      Type.String({
        title: 'VMAddressPersistence',
        enum: persistences,
        description: "Whether virtual machines keep their addresses. For Calico's Kubernetes plugins; unused here.",
      }),
    ),
    ipCooldownSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: ipCooldownSecondsMax,
        description: 'How long a released address rests before it is assigned again, in seconds.',
      }),
    ),
  },
  { $id: 'IPAMConfigurationSpec', additionalProperties: false, description: 'How IPAM behaves.' },
)

const columns: readonly Column[] = [
  flagColumn('StrictAffinity', 'spec.strictAffinity', 'Whether a node borrows no addresses of others.'),
  flagColumn('AutoAllocateBlocks', 'spec.autoAllocateBlocks', 'Whether a node may claim blocks for an address.'),
  numberColumn('MaxBlocksPerHost', 'spec.maxBlocksPerHost', 'How many blocks a node may claim; 0: 20.'),
  numberColumn('CooldownSeconds', 'spec.ipCooldownSeconds', 'How long a released address rests.', { isWide: true }),
  textColumn('VMPersistence', 'spec.kubeVirtVMAddressPersistence', 'Whether virtual machines keep addresses.', {
    isWide: true,
  }),
]

/** The stored configuration, and the object that it is shown as. */
export interface ShownIpamConfig extends StoredObject {
  readonly config: IpamConfig
}

/**
 * IPAMConfiguration, as `/apis/projectcalico.org/v3/ipamconfigurations` serves it: a view of the one key that Calico's IPAM reads
 * on etcd, with the rules that Calico has for that key. Calico refuses no change for the
 * blocks that exist: stricter rules hold for what is assigned from then on.
 * @see docs/calico/formats.md sections 2.6 and 4.2, docs/calico/ipam.md section 7
 */
export const ipamconfigurationKind: ResourceKind<ShownIpamConfig> = {
  kind: 'IPAMConfiguration',
  plural: 'ipamconfigurations',
  singular: 'ipamconfiguration',
  shortNames: ['ipamconfig'],
  description:
    "How IPAM behaves, Calico's own included. There is one object, `default`; while there is none, the defaults hold.",
  example: {
    apiVersion,
    kind: 'IPAMConfiguration',
    metadata: { name: onlyName },
    spec: { strictAffinity: true, autoAllocateBlocks: true, maxBlocksPerHost: 4 },
  },
  specSchema: IPAMConfigurationSpec,
  statusSchema: undefined,
  columns,
  isReadOnly: false,
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
  parse,
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
  const object = { kind: 'IPAMConfiguration', apiVersion, metadata: { name: onlyName }, spec }
  return { name: onlyName, object, config }
}

/** Fields of the wrong type, which are refused before anything is stored, count as not given. */
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

/** What a new object means that does not say it. What is stored always says it: a boolean that is not there is false there. */
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
    causes.push(invalid('metadata.name', name, `must be "${onlyName}": there is one configuration`))
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
  // Rules between fields stay silent when one of them is of the wrong type.
  if (spec['strictAffinity'] === true || !candidate.isSound('spec.strictAffinity')) return causes
  if (spec['autoAllocateBlocks'] === false) {
    const problem = 'must not be false while strictAffinity is false: nobody could get an address from a new block'
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
