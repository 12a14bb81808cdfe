import type { EtcdClient } from '../client.ts'
import { type HeldFamily, refreshFamily } from '../image/index.ts'

/**
 * Reads families afresh for plans that must have seen everything. A refresh serves all callers that asked before it began, so that a
 * thousand refusals cost one read.
 */
export class Refresher {
  readonly #client: EtcdClient
  readonly #running = new Map<HeldFamily, Promise<void>>()
  readonly #next = new Map<HeldFamily, Promise<void>>()

  constructor(client: EtcdClient) {
    this.#client = client
  }

  /** Resolves when everything that was in etcd at the time of the call is in memory. */
  refresh(held: HeldFamily): Promise<void> {
    const running = this.#running.get(held)
    if (running === undefined) return this.#begin(held)
    const known = this.#next.get(held)
    if (known !== undefined) return known
    const next = running
      .catch(() => undefined)
      .then(() => {
        this.#next.delete(held)
        return this.#begin(held)
      })
    this.#next.set(held, next)
    return next
  }

  #begin(held: HeldFamily): Promise<void> {
    const refresh = refreshFamily(this.#client, held).finally(() => {
      this.#running.delete(held)
    })
    this.#running.set(held, refresh)
    return refresh
  }
}
