import { isIPv6 } from 'node:net'

/** The limits on attempts with wrong credentials. */
export interface ThrottleLimits {
  /** Failures in a row that an address may have before it has to wait. */
  readonly failuresMax: number
  /** Seconds after which one failure is forgotten. */
  readonly secondsPerFailure: number
  /** How long a credential that was accepted from an address is not slowed down there. */
  readonly acceptedSeconds: number
  /** Addresses, and credentials, that are remembered. */
  readonly entriesMax: number
}

const throttleLimits: ThrottleLimits = {
  failuresMax: 20,
  secondsPerFailure: 1,
  acceptedSeconds: 3_600,
  entriesMax: 10_000,
}

/**
 * Slows down the guessing of credentials: each address has a leaky bucket of failures. While it is full, a credential that is new for the
 * address is not tried. One that was accepted from it before is, so that guessing does not lock out others behind the same router. The
 * addresses of an IPv6 network (/64) count as one, because one machine may use all of them.
 */
export class Throttle {
  readonly #limits: ThrottleLimits
  readonly #now: () => number
  /** By address: the failures that were left at a time. The oldest first. */
  readonly #failures = new Map<string, { readonly count: number; readonly atMs: number }>()
  /** By address and hash of the credential: when it was last accepted. The oldest first. */
  readonly #accepted = new Map<string, number>()

  /** `now` is a clock in milliseconds. */
  constructor(now: () => number, limits: ThrottleLimits = throttleLimits) {
    this.#now = now
    this.#limits = limits
  }

  /** Seconds to wait before this credential may be tried from this address; 0 if it may be tried now. */
  waitSeconds(address: string, hash: string): number {
    const { failuresMax, secondsPerFailure, acceptedSeconds } = this.#limits
    const excess = this.#failuresOf(networkOf(address)) - (failuresMax - 1)
    if (excess <= 0) return 0
    const acceptedAt = this.#accepted.get(entryOf(address, hash))
    if (acceptedAt !== undefined && this.#now() - acceptedAt < acceptedSeconds * 1_000) return 0
    return Math.max(1, Math.ceil(excess * secondsPerFailure))
  }

  /** A credential from this address was wrong. */
  failed(address: string): void {
    const network = networkOf(address)
    // A full bucket does not overflow: more failures do not lengthen the wait.
    const count = Math.min(this.#failuresOf(network) + 1, this.#limits.failuresMax)
    this.#remember(this.#failures, network, { count, atMs: this.#now() })
  }

  /** A credential from this address was right. */
  accepted(address: string, hash: string): void {
    this.#remember(this.#accepted, entryOf(address, hash), this.#now())
  }

  #failuresOf(network: string): number {
    const entry = this.#failures.get(network)
    if (entry === undefined) return 0
    const forgotten = (this.#now() - entry.atMs) / (this.#limits.secondsPerFailure * 1_000)
    return Math.max(0, entry.count - forgotten)
  }

  #remember<Value>(entries: Map<string, Value>, key: string, value: Value): void {
    entries.delete(key)
    entries.set(key, value)
    if (entries.size <= this.#limits.entriesMax) return
    for (const oldest of entries.keys()) {
      entries.delete(oldest)
      return
    }
  }
}

function entryOf(address: string, hash: string): string {
  return `${networkOf(address)} ${hash}`
}

/** The address, or the /64 of an IPv6 address. An IPv4 address that is written as an IPv6 one stays whole. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address
  const [front = '', back = ''] = address.split('::')
  const groups = front === '' ? [] : front.split(':')
  const omitted = 8 - groups.length - (back === '' ? 0 : back.split(':').length)
  const whole = address.includes('::') ? [...groups, ...Array<string>(Math.max(0, omitted)).fill('0'), back] : groups
  return whole.slice(0, 4).join(':')
}
