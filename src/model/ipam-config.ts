import type { Decoded, Family, Key } from '../plan/index.ts'
import {
  type JsonObject,
  stringifyJson,
  decodeJson,
  fieldNames,
  noFields,
  readBoolean,
  readInteger,
  readString,
  readStruct,
  stringifyStruct,
} from './json/index.ts'

/** How Calico's IPAM behaves. @see docs/calico/formats.md section 2.6 */
export interface IpamConfig {
  /** Only addresses of the node's own blocks are given to it. */
  readonly strictAffinity: boolean
  /** Whether a node may claim blocks when an address is wanted. */
  readonly autoAllocateBlocks: boolean
  /** For each IP version; 0: not configured. */
  readonly maxBlocksPerHost: number
  /** `Enabled` or `Disabled`; undefined, which is stored as no field, counts as enabled. */
  readonly kubeVirtVMAddressPersistence: string | undefined
  /** How long a released address rests. */
  readonly ipCooldownSeconds: number
  readonly unknownFields: JsonObject
}

/**
 * What holds while no configuration is stored. What is stored is never mixed with it: an absent boolean means false
 * there.
 */
export const defaultIpamConfig: IpamConfig = {
  strictAffinity: false,
  autoAllocateBlocks: true,
  maxBlocksPerHost: 0,
  kubeVirtVMAddressPersistence: 'Enabled',
  ipCooldownSeconds: 0,
  unknownFields: noFields,
}

const keyText = '/calico/ipam/v2/config'

/** The family of one key. */
export const ipamConfigs: Family<IpamConfig> = {
  name: 'IPAM configuration',
  prefix: keyText,
  held: 'values',
  part: 'record',
  decode: (key, text) =>
    key === keyText ? decodeIpamConfig(text) : { ok: false, problem: `${key}: not the key of the IPAM configuration` },
  encode: encodeIpamConfig,
}

/** The only key of {@link ipamConfigs}. */
export const ipamConfigKey: Key<IpamConfig> = { family: ipamConfigs, text: keyText }

const names = fieldNames(
  'strict_affinity',
  'auto_allocate_blocks',
  'maxBlocksPerHost',
  'kubeVirtVMAddressPersistence',
  'ipCooldownSeconds',
)

function decodeIpamConfig(text: string): Decoded<IpamConfig> {
  return decodeJson(text, (json) => {
    const { fields, unknownFields } = readStruct(json, names, 'IPAM configuration')
    return {
      strictAffinity: readBoolean(fields['strict_affinity'], 'strict_affinity'),
      autoAllocateBlocks: readBoolean(fields['auto_allocate_blocks'], 'auto_allocate_blocks'),
      maxBlocksPerHost: readInteger(fields['maxBlocksPerHost'], 'maxBlocksPerHost'),
      kubeVirtVMAddressPersistence:
        readString(fields['kubeVirtVMAddressPersistence'], 'kubeVirtVMAddressPersistence') || undefined,
      ipCooldownSeconds: readInteger(fields['ipCooldownSeconds'], 'ipCooldownSeconds'),
      unknownFields,
    }
  })
}

function encodeIpamConfig(config: IpamConfig): string {
  const members = [
    ['strict_affinity', config.strictAffinity],
    ['auto_allocate_blocks', config.autoAllocateBlocks],
    ['maxBlocksPerHost', config.maxBlocksPerHost],
    ['kubeVirtVMAddressPersistence', config.kubeVirtVMAddressPersistence ?? ''],
    ['ipCooldownSeconds', config.ipCooldownSeconds],
  ] as const
  // Go leaves out what is false, 0 or empty.
  const written = members.filter(([, value]) => Boolean(value))
  return stringifyStruct(
    written.map(([name, value]) => [name, stringifyJson(value)]),
    config.unknownFields,
  )
}
