import { adminGroup, type Caller, unchecked } from '../../access/index.ts'

/** Who sends a call, as far as the server can tell before it looks at the credential. */
export interface KnownCaller {
  /** The same for all calls of one caller. */
  readonly name: string
  /** True if the caller has proved to be an admin. */
  readonly isAdmin: boolean
}

/**
 * Whose a credential was when it was shown last. A credential that nobody has proved is known by the address that it comes from: whoever
 * makes up many is one caller still.
 */
export class KnownCallers {
  static readonly #sizeMax = 10_000
  /** By credential; the one that was proved longest ago is first. */
  readonly #known = new Map<string, KnownCaller>()

  /** The caller with this credential, if there is one, at this address. */
  find(credential: string | undefined, address: string | undefined): KnownCaller {
    const known = credential === undefined ? undefined : this.#known.get(credential)
    return known ?? { name: `address ${address ?? ''}`, isAdmin: false }
  }

  /** Remembers who has shown a credential. Where nobody is asked, everybody may do everything, and is known by the address. */
  note(credential: string | undefined, { user, groups }: Caller): void {
    if (credential === undefined || user === unchecked.user) return
    this.#known.delete(credential)
    this.#known.set(credential, { name: `user ${user}`, isAdmin: groups.includes(adminGroup) })
    if (this.#known.size <= KnownCallers.#sizeMax) return
    const [oldest] = this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
  }

  /** Forgets a credential that is not accepted any more. */
  forget(credential: string | undefined): void {
    if (credential !== undefined) this.#known.delete(credential)
  }
}
