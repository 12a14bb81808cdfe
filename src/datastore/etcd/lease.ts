import type { EtcdClient } from './client.ts'

/** An etcd lease for keys that are written over time: it is replaced in time by a new one, to which later keys are attached. */
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

  /** Grants a lease of `seconds`, replaced after `replaceAfterSeconds`: keys live for at least the difference. */
  static async grant(client: EtcdClient, seconds: number, replaceAfterSeconds: number): Promise<Lease> {
    return new Lease(client, seconds, replaceAfterSeconds, await client.grantLease(seconds))
  }

  /** The lease to attach keys to. When it is time, asks for a new one, and returns the old one until that is granted. */
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

  /** Revokes the lease, and with it the keys. */
  async revoke(): Promise<void> {
    await this.#client.revokeLease(this.#id)
  }

  async #replace(): Promise<void> {
    this.#id = await this.#client.grantLease(this.#seconds)
    this.#grantedAtMs = performance.now()
  }
}
