import { type Caller, unchecked } from '../../access/index.ts'
import { isAdmin, sharerOf } from '../shares.ts'

/** The caller of a call, as far as the server can tell before it looks at the credential. */
export interface KnownCaller {
  /** The same for all calls of one caller. */
  readonly name: string
  /** True if the caller has proved to be an admin. */
  readonly isAdmin: boolean
}

/**
 * Remembers whose each credential was when it was last shown. A credential that was never proved is known by the address that it comes
 * from: a client that makes up many is one caller still.
 */
export class KnownCallers {
  static readonly #sizeMax = 10_000
  /** Longer credentials are not remembered: they could fill the memory. */
  static readonly #lengthMax = 4_096
  /** By credential; the one that was proved longest ago is first. */
  readonly #known = new Map<string, KnownCaller>()

  /** The caller with this credential, if there is one, at this address. */
  find(credential: string | undefined, address: string | undefined): KnownCaller {
    const known = credential === undefined ? undefined : this.#known.get(credential)
    return known ?? { name: sharerOf(unchecked, address ?? ''), isAdmin: false }
  }

  /** Remembers the caller with a credential. Without authentication, callers are known by their addresses. */
  note(credential: string | undefined, caller: Caller): void {
    if (credential === undefined || credential.length > KnownCallers.#lengthMax) return
    if (caller.user === unchecked.user) return
    this.#known.delete(credential)
    this.#known.set(credential, { name: sharerOf(caller, ''), isAdmin: isAdmin(caller) })
    if (this.#known.size <= KnownCallers.#sizeMax) return
    const [oldest] = this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
  }

  /** Forgets a credential that is no longer accepted. */
  forget(credential: string | undefined): void {
    if (credential !== undefined) this.#known.delete(credential)
  }
}
