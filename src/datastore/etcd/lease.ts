import type { EtcdClient } from './client.ts'

/** An etcd lease that never gets old: it is replaced by a new one in time, to which later writes are attached. */
export class Lease {
  readonly #client: EtcdClient
  readonly #seconds: number
  readonly #replaceAfterMs: number
  #id: string
  #grantedAtMs: number
  #renewal: Promise<void> | undefined

  private constructor(client: EtcdClient, seconds: number, replaceAfterSeconds: number, id: string) {
    this.#client = client
    this.#seconds = seconds
    this.#replaceAfterMs = replaceAfterSeconds * 1_000
    this.#id = id
    this.#grantedAtMs = performance.now()
  }

  /** A lease of `seconds`, to be replaced after `replaceAfterSeconds`: what is attached to it lives for the difference at least. */
  static async grant(client: EtcdClient, seconds: number, replaceAfterSeconds: number): Promise<Lease> {
    return new Lease(client, seconds, replaceAfterSeconds, await client.grantLease(seconds))
  }

  /** The lease to attach keys to. Asks for a new one when it is time, and goes on with the old one meanwhile. */
  current(): string {
    if (performance.now() - this.#grantedAtMs > this.#replaceAfterMs) void this.renew().catch(() => undefined)
    return this.#id
  }

  /** Replaces the lease. */
  async renew(): Promise<void> {
    this.#renewal ??= this.#replace().finally(() => {
      this.#renewal = undefined
    })
    return this.#renewal
  }

  /** Ends the lease, and with it the keys. */
  async revoke(): Promise<void> {
    await this.#client.revokeLease(this.#id)
  }

  async #replace(): Promise<void> {
    this.#id = await this.#client.grantLease(this.#seconds)
    this.#grantedAtMs = performance.now()
  }
}
