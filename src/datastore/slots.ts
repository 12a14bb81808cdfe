import type { ICompare, IRequestOp, IResponseOp } from 'etcd3'
import type { EtcdClient } from './client.ts'
import { compareKey } from './keys.ts'
import { slotLeaseSeconds } from './limits.ts'
import type { Revision } from './view.ts'

/**
 * The receipt of one commit at a time (DESIGN.md section 3): a key that every commit compares and writes. When the answer to a
 * commit is lost, the slot tells whether it was applied, and a fence written into it keeps a late one out.
 */
export class Slot {
  readonly key: string
  revision: Revision = 0n
  #commits = 0

  constructor(key: string) {
    this.key = key
  }

  compare(): ICompare {
    return compareKey(this.key, this.revision)
  }

  /** Writes the number of the next commit into the slot. */
  write(lease: string): IRequestOp {
    this.#commits++
    return { request_put: { key: Buffer.from(this.key), value: Buffer.from(String(this.#commits)), lease } }
  }

  read(): IRequestOp {
    return { request_range: { key: Buffer.from(this.key) } }
  }

  /** Takes over what a failed compare brought along. */
  take(response: IResponseOp | undefined): void {
    const pair = response?.response_range.kvs[0]
    this.revision = pair === undefined ? 0n : BigInt(pair.mod_revision)
  }
}

/** What became of a commit whose answer was lost. */
export type Settlement =
  | { readonly kind: 'applied'; readonly revision: Revision }
  | { readonly kind: 'fenced' }
  /** The slot has vanished with its lease: this server slept too long to find out. */
  | { readonly kind: 'unknown' }

/**
 * Finds out whether the last commit in `slot` was applied, and makes sure that it cannot be applied any more if it was not.
 * One transaction; when its own answer is lost it is sent again, until etcd answers or `isClosed`.
 */
export async function settle(
  client: EtcdClient,
  slot: Slot,
  lease: string,
  isClosed: () => boolean,
  pause: () => Promise<void>,
): Promise<Settlement> {
  const fence = Buffer.from('fenced')
  while (!isClosed()) {
    const outcome = await client.transact({
      compare: [slot.compare()],
      success: [{ request_put: { key: Buffer.from(slot.key), value: fence, lease } }],
      failure: [slot.read()],
    })
    if (outcome.kind !== 'answered') {
      await pause()
      continue
    }
    const { response } = outcome
    if (response.succeeded) {
      slot.revision = BigInt(response.header.revision)
      return { kind: 'fenced' }
    }
    const pair = response.responses[0]?.response_range.kvs[0]
    if (pair === undefined) {
      slot.revision = 0n
      return { kind: 'unknown' }
    }
    slot.revision = BigInt(pair.mod_revision)
    // A fence of ours whose answer was lost as well.
    if (pair.value.equals(fence)) return { kind: 'fenced' }
    return { kind: 'applied', revision: slot.revision }
  }
  return { kind: 'unknown' }
}

/** The lease that cleans up the slots of a server that died. Renewed by replacement: each commit attaches its slot anew. */
export class SlotLease {
  readonly #client: EtcdClient
  #id: string
  #grantedAtMs: number
  #renewal: Promise<void> | undefined

  private constructor(client: EtcdClient, id: string) {
    this.#client = client
    this.#id = id
    this.#grantedAtMs = Date.now()
  }

  static async grant(client: EtcdClient): Promise<SlotLease> {
    return new SlotLease(client, await client.grantLease(slotLeaseSeconds))
  }

  /** The lease to attach slots to. Asks for a new one when half of its time is over, and goes on with the old one meanwhile. */
  current(): string {
    if (Date.now() - this.#grantedAtMs > (slotLeaseSeconds * 1_000) / 2) void this.renew().catch(() => undefined)
    return this.#id
  }

  /** Replaces the lease. */
  async renew(): Promise<void> {
    this.#renewal ??= this.#replace().finally(() => {
      this.#renewal = undefined
    })
    return this.#renewal
  }

  /** Ends the lease, and with it the slots. */
  async revoke(): Promise<void> {
    await this.#client.revokeLease(this.#id)
  }

  async #replace(): Promise<void> {
    this.#id = await this.#client.grantLease(slotLeaseSeconds)
    this.#grantedAtMs = Date.now()
  }
}
