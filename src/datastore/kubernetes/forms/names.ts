import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

/** The name of an object, or the reason why the API server can store no object for a key. */
export type ObjectName = { readonly ok: true; readonly name: string } | { readonly ok: false; readonly problem: string }

/** The longest name of an object. */
const nameLengthMax = 253

/** Letters and digits between dots, with hyphens inside: what Kubernetes calls a DNS-1123 subdomain. */
const subdomain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

/** `name` as the name of an object; `what` says in messages what it names, such as `handle`. */
export function objectName(what: string, name: string): ObjectName {
  if (name.length <= nameLengthMax && subdomain.test(name)) return { ok: true, name }
  return { ok: false, problem: `the ${what} ${JSON.stringify(name)} cannot be stored: ${describeProblem(name)}` }
}

function describeProblem(name: string): string {
  if (name === '') return 'the name of a Kubernetes object must not be empty'
  if (name.length > nameLengthMax) {
    return `the name of a Kubernetes object has at most ${nameLengthMax} characters, found ${name.length}`
  }
  const wrong = /[^a-z0-9.-]/u.exec(name)?.[0]
  return wrong === undefined
    ? 'each part between the dots of a Kubernetes name must begin and end with a letter or a digit'
    : `the name of a Kubernetes object has lower-case letters, digits, "-" and "." only, found ${JSON.stringify(wrong)}`
}

/** The name; a key that has none must have been refused before it is written. */
export function mustName(name: ObjectName): string {
  assert(name.ok, 'keys without a name are refused before they are written')
  return name.name
}

/** The name of a handle's object. Handles that differ in case only share one. */
export function handleName(handleId: string): ObjectName {
  return objectName('handle', handleId.toLowerCase())
}

/** The CIDR as Calico writes it into names: `10-0-0-64-26` for 10.0.0.64/26. */
export function cidrName(cidrText: string): string {
  return cidrText.replace(/[./:]/g, '-')
}

/** The CIDR that {@link cidrName} has made a name of; undefined if it cannot have made `name`. The text is not checked any further. */
export function cidrTextOf(name: string): string | undefined {
  const end = name.lastIndexOf('-')
  if (end < 0) return undefined
  const [address, length] = [name.slice(0, end), name.slice(end + 1)]
  const isIpv4 = /^\d+-\d+-\d+-\d+$/.test(address)
  return `${address.replaceAll('-', isIpv4 ? '.' : ':')}/${length}`
}

/** Hexadecimal digits of the hash in the name of an affinity that would be too long. */
const hashLength = 11

/**
 * The name of the object of an affinity. Calico cuts a long node name, and adds a hash of all of it. The type of the host is not part of
 * the name: a node that is called like a virtual host shares its objects.
 */
export function affinityName(host: string, cidrText: string): ObjectName {
  const cidr = cidrName(cidrText)
  const name = `${host}-${cidr}`
  if (name.length < nameLengthMax || !subdomain.test(host)) return objectName('block affinity', name)
  const hash = createHash('sha256').update(`${host}+${cidr}`).digest('hex').slice(0, hashLength)
  // Room for the two hyphens, and the hash.
  const kept = host.slice(0, nameLengthMax - 1 - cidr.length - hashLength - 2)
  return objectName('block affinity', `${kept}-${cidr}-${hash}`)
}
