import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { adminGroup, type Caller, unchecked } from '../access/index.ts'

/**
 * What tells callers apart before anybody has looked who they are: the client certificate, the credential in the header, or the address.
 * A caller may have any number of these: they are only good for remembering whose they were.
 */
export function credentialOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): string {
  const certificate = socket instanceof TLSSocket ? socket.clientCertificate : undefined
  const header = headers.authorization ?? socket.remoteAddress ?? ''
  return certificate === undefined
    ? header
    : JSON.stringify([certificate.commonNames, certificate.organizations, header])
}

/** Whose share a call is counted in: the user's, or that of the address of a caller whom nobody knows. */
export function sharerOf({ user }: Caller, address: string): string {
  return user === unchecked.user ? `address ${address}` : `user ${user}`
}

/** True if somebody has proved to be an admin. Where nobody is asked, everybody may do everything, and has no precedence. */
export function isAdmin(caller: Caller): boolean {
  return caller.user !== unchecked.user && caller.groups.includes(adminGroup)
}

/** Who has called with a credential. */
interface RecentCaller {
  readonly sharer: string
  readonly isAdmin: boolean
}

/** Who has called lately with which credential. So many are remembered that hardly anybody is missing who calls again and again. */
export class RecentCallers {
  static readonly #sizeMax = 10_000
  /** Longer credentials are not remembered: somebody could fill the memory with them. */
  static readonly #lengthMax = 4_096
  readonly #callers = new Map<string, RecentCaller>()

  /** Undefined if nobody has, or somebody a long time ago. */
  get(credential: string): RecentCaller | undefined {
    return this.#callers.get(credential)
  }

  set(credential: string, caller: RecentCaller): void {
    if (credential.length > RecentCallers.#lengthMax) return
    if (this.#callers.size >= RecentCallers.#sizeMax) this.#callers.clear()
    this.#callers.set(credential, caller)
  }
}

/** How many calls are in flight, or watches open, and whose they are: each caller has a share of the limit once it is reached. */
export class Shares {
  readonly #max: number
  readonly #inFlight = new Map<string, number>()
  #total = 0

  constructor(max: number) {
    this.#max = max
  }

  /**
   * True if a call of this caller has to be refused: the limit is reached, and the caller has its share of it. Whoever has less still
   * gets in, but all callers together no more than twice the limit.
   */
  isFull(caller: string): boolean {
    if (this.#total < this.#max) return false
    const others = this.#inFlight.has(caller) ? 0 : 1
    const share = this.#max / (this.#inFlight.size + others)
    return (this.#inFlight.get(caller) ?? 0) >= share || this.#total >= 2 * this.#max
  }

  /** Counts a call. Returns what to call when it is over. */
  enter(caller: string): () => void {
    this.#total++
    this.#inFlight.set(caller, (this.#inFlight.get(caller) ?? 0) + 1)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#total--
      const left = (this.#inFlight.get(caller) ?? 1) - 1
      if (left === 0) this.#inFlight.delete(caller)
      else this.#inFlight.set(caller, left)
    }
  }
}
