import { createHash } from 'node:crypto'

/** The name of the object of a block: of its CIDR, with what a name cannot contain replaced. */
export function blockName(cidr: string): string {
  return cidr.replaceAll(/[.:/]/g, '-')
}

/** The name of the object of a block's affinity to a node. One that is too long is cut, and ends in a digest. */
export function affinityName(node: string, cidr: string): string {
  const name = `${node}-${blockName(cidr)}`
  if (name.length < nameLengthMax) return name
  const digest = createHash('sha256')
    .update(`${node}${blockName(cidr)}`)
    .digest('hex')
    .slice(0, 11)
  const kept = node.slice(0, nameLengthMax - 1 - blockName(cidr).length - 2 - digest.length)
  return `${kept}-${blockName(cidr)}-${digest}`
}

const nameLengthMax = 253

/** The name of the object of a handle. Handles that differ in case only share it. */
export function handleName(handle: string): string {
  return handle.toLowerCase()
}

/** The labels of an affinity, by which Calico lists those of a host: one without them is not seen. */
export function affinityLabels(node: string, cidr: string): Readonly<Record<string, string>> {
  return {
    'projectcalico.org/affinity-type': 'host',
    'projectcalico.org/hostname-hash': base32(createHash('sha3-256').update(node).digest()),
    'projectcalico.org/ip-version': cidr.includes(':') ? '6' : '4',
  }
}

/** Base32 (RFC 4648, section 6) without padding. */
function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const digits = bits.match(/.{1,5}/g) ?? []
  return digits
    .map((digit) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.charAt(Number.parseInt(digit.padEnd(5, '0'), 2)))
    .join('')
}
