import type { IncomingMessage } from 'node:http'
import { adminGroup, type Caller, unchecked } from '../../access/index.ts'

/** What tells callers apart before anybody has looked who they are: the credential in the header, or the address. */
export function credentialOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): string {
  return headers.authorization ?? socket.remoteAddress ?? ''
}

/** True if somebody has proved to be an admin. Where nobody is asked, everybody may do everything, and has no precedence. */
export function isAdmin(caller: Caller): boolean {
  return caller.user !== unchecked.user && caller.groups.includes(adminGroup)
}

/** Credentials with which admins have called lately: so many are remembered that no admin is missing. */
export class RecentAdmins {
  static readonly #sizeMax = 1_000
  readonly #credentials = new Set<string>()

  has(credential: string): boolean {
    return this.#credentials.has(credential)
  }

  add(credential: string): void {
    if (this.#credentials.size >= RecentAdmins.#sizeMax) this.#credentials.clear()
    this.#credentials.add(credential)
  }
}

/** How many calls are in flight, and whose they are: each caller has a share of the limit once it is reached. */
export class CallShares {
  readonly #callsMax: number
  readonly #inFlight = new Map<string, number>()
  #total = 0

  constructor(callsMax: number) {
    this.#callsMax = callsMax
  }

  /** The number of calls in flight. */
  get total(): number {
    return this.#total
  }

  /**
   * True if a call of this caller has to be refused: the limit is reached, and the caller has its share of it. Whoever has less still
   * gets in, but all callers together no more than twice the limit.
   */
  isFull(caller: string): boolean {
    if (this.#total < this.#callsMax) return false
    const others = this.#inFlight.has(caller) ? 0 : 1
    const share = this.#callsMax / (this.#inFlight.size + others)
    return (this.#inFlight.get(caller) ?? 0) >= share || this.#total >= 2 * this.#callsMax
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
