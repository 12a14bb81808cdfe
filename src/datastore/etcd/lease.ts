import type { EtcdClient } from './client.ts'

/** An etcd lease for keys that are written over time: it is replaced in time by a new one, to which later keys are attached. */
export class Lease {
  readonly #client: EtcdClient
  readonly #seconds: number
  readonly #replaceAfterMs: number
  #id: string | undefined
  #grantedAtMs = -Infinity
  #renewal: Promise<void> | undefined

  private constructor(client: EtcdClient, seconds: number, replaceAfterSeconds: number) {
    this.#client = client
    this.#seconds = seconds
    this.#replaceAfterMs = replaceAfterSeconds * 1_000
  }

  /**
   * Asks for a lease of `seconds`, to be replaced after `replaceAfterSeconds`: keys live for at least the difference. If etcd grants none
   * now, as when it is full, {@link keep} asks again.
   */
  static async open(client: EtcdClient, seconds: number, replaceAfterSeconds: number): Promise<Lease> {
    const lease = new Lease(client, seconds, replaceAfterSeconds)
    await lease.renew().catch(() => undefined)
    return lease
  }

  /** False until etcd has granted the first lease. */
  get isGranted(): boolean {
    return this.#id !== undefined
  }

  /** Asks for a new lease when it is time. To be called regularly. */
  keep(): void {
    if (performance.now() - this.#grantedAtMs > this.#replaceAfterMs) void this.renew().catch(() => undefined)
  }

  /** The lease to attach keys to. When it is time, asks for a new one, and returns the old one until that is granted. */
  current(): string {
    this.keep()
    if (this.#id === undefined) throw new Error('etcd has not granted a lease yet.')
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
    if (this.#id !== undefined) await this.#client.revokeLease(this.#id)
  }

  async #replace(): Promise<void> {
    this.#id = await this.#client.grantLease(this.#seconds)
    this.#grantedAtMs = performance.now()
  }
}
