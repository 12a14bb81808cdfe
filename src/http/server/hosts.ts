import { BlockList, isIP } from 'node:net'

/** The hosts that the server may be called by, besides the names and addresses of loopback. */
export interface HostSettings {
  /** The address or name that the server listens on. */
  readonly listening: string
  /** The name of the machine, if other machines may call the server by it. */
  readonly machine?: string | undefined
  /** More names and addresses, names in lower case; `*` for any. */
  readonly allowed: readonly string[]
  /** True for names and addresses that the certificate of the server is for: no browser lets a page rebind them. */
  readonly isCertified?: ((host: string) => boolean) | undefined
}

/** The verdict on a `Host` header. */
export type HostVerdict = 'served' | 'foreign' | 'unreadable'

/**
 * Returns a function that judges a host with its port, as in a `Host` header. The owner of a web page can give its name the address of
 * this server, and the browser then lets the page call it as its own (DNS rebinding). So only names that are meant are served. A server
 * that listens on all addresses, or on a name, serves every address: only a name can be rebound. The port is ignored, because ports can
 * be forwarded.
 */
export function hostJudge({ listening, machine, allowed, isCertified }: HostSettings): (host: string) => HostVerdict {
  if (allowed.includes('*')) return (host) => (hostIn(host) === undefined ? 'unreadable' : 'served')
  const all = ['localhost', '127.0.0.1', '::1', listening, ...allowed]
  if (machine !== undefined) all.push(machine, machine.replace(/\..*$/s, ''))
  const names = new Set(all.map((name) => name.toLowerCase()))
  const addresses = addressesOf(all)
  const isAnyAddress = isIP(listening) === 0 ? listening !== 'localhost' : /^[0:.]+$/.test(listening)
  return (host) => {
    const name = hostIn(host)
    if (name === undefined) return 'unreadable'
    if (names.has(name) || name.endsWith('.localhost')) return 'served'
    const version = isIP(name)
    const isOwnAddress = version !== 0 && (isAnyAddress || addresses.check(name, version === 4 ? 'ipv4' : 'ipv6'))
    return isOwnAddress || isCertified?.(name) === true ? 'served' : 'foreign'
  }
}

/** An address can be written in several ways, and a list of blocks knows them all. */
function addressesOf(all: readonly string[]): BlockList {
  const addresses = new BlockList()
  addresses.addSubnet('127.0.0.0', 8, 'ipv4')
  for (const name of all) {
    const version = isIP(name)
    if (version !== 0) addresses.addAddress(name, version === 4 ? 'ipv4' : 'ipv6')
  }
  return addresses
}

/** The name or address in a `Host` header, in lower case, without port, brackets and the dot of a full name; undefined if there is none. */
function hostIn(host: string): string | undefined {
  const [, address, name] = /^(?:\[([\da-f:.]+)\]|([\w-]+(?:\.[\w-]+)*)\.?)(?::\d{0,5})?$/i.exec(host) ?? []
  if (address !== undefined) return isIP(address) === 6 ? address.toLowerCase() : undefined
  return name?.toLowerCase()
}
