import type { Decoded, Family, Key } from '../plan/index.ts'
import {
  type JsonObject,
  stringifyJson,
  decodeJson,
  declareFields,
  noFields,
  readBoolean,
  readInteger,
  readString,
  readStruct,
  stringifyStruct,
} from './json/index.ts'

/** The configuration of Calico's IPAM. @see docs/calico/formats.md section 2.6 */
export interface IpamConfig {
  /** A node gets addresses only from its own blocks. */
  readonly strictAffinity: boolean
  /** An automatic assignment may claim new blocks for the node. */
  readonly autoAllocateBlocks: boolean
  /** A limit for each IP version; 0: not configured. */
  readonly maxBlocksPerHost: number
  /** `Enabled` or `Disabled`; undefined (the field is not stored) counts as enabled. */
  readonly kubeVirtVMAddressPersistence: string | undefined
  /** How long a released address cools down. */
  readonly ipCooldownSeconds: number
  readonly unknownFields: JsonObject
}

/** The configuration that applies while none is stored. It does not fill up a stored one, in which an absent boolean means false. */
export const defaultIpamConfig: IpamConfig = {
  strictAffinity: false,
  autoAllocateBlocks: true,
  maxBlocksPerHost: 0,
  kubeVirtVMAddressPersistence: 'Enabled',
  ipCooldownSeconds: 0,
  unknownFields: noFields,
}

const keyText = '/calico/ipam/v2/config'

/** The family with a single key. */
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

const ipamConfigFields = declareFields(
  'strict_affinity',
  'auto_allocate_blocks',
  'maxBlocksPerHost',
  'kubeVirtVMAddressPersistence',
  'ipCooldownSeconds',
)

function decodeIpamConfig(text: string): Decoded<IpamConfig> {
  return decodeJson(text, (json) => {
    const { fields, unknownFields } = readStruct(json, ipamConfigFields, 'IPAM configuration')
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
  // Go leaves out fields that are false, 0 or empty.
  const written = members.filter(([, value]) => Boolean(value))
  return stringifyStruct(
    written.map(([name, value]) => [name, stringifyJson(value)]),
    config.unknownFields,
  )
}
