import { createHash } from 'node:crypto'
import type { AffinityHost } from '../../../model/index.ts'
import type { Cidr } from '../../../net/index.ts'

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/**
 * The labels of an affinity's object. Calico lists the affinities of a host by them: without them, Calico does not see the affinity.
 */
export function affinityLabels({ type, name }: AffinityHost, { family }: Cidr): Readonly<Record<string, string>> {
  return {
    'projectcalico.org/affinity-type': type,
    'projectcalico.org/hostname-hash': hostnameHash(name),
    'projectcalico.org/ip-version': String(family),
  }
}

/** The SHA3-256 of a host's name, in base32 without padding: 52 characters, which a label holds for any name. */
export function hostnameHash(host: string): string {
  let text = ''
  let value = 0
  let bits = 0
  for (const byte of createHash('sha3-256').update(host).digest()) {
    value = (value << 8) | byte
    bits += 8
    for (; bits >= 5; bits -= 5) text += base32.charAt((value >>> (bits - 5)) & 31)
    value &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + base32.charAt((value << (5 - bits)) & 31)
}
