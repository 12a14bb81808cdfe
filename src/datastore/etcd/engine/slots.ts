import { EtcdLeaseInvalidError, type ICompare, type IRequestOp, type IResponseOp, type ITxnRequest } from 'etcd3'
import type { Revision } from '../../../plan/index.ts'
import type { EtcdClient, TransactionOutcome } from '../client.ts'
import { compareKey } from '../keys.ts'
import type { Lease } from '../lease.ts'

/**
 * The receipt of one commit at a time (docs/decisions/0001): a key that every commit compares and writes. When the answer to a commit is
 * lost, the slot tells whether it was applied; a fence written into the slot keeps a commit out that is still on its way.
 */
export class Slot {
  readonly key: string
  /** The mod revision of the key; 0 before it is first written, and after it has vanished. */
  revision: Revision = 0n
  #commits = 0

  constructor(key: string) {
    this.key = key
  }

  compare(): ICompare {
    return compareKey(this.key, this.revision)
  }

  /** The value of the key if the last commit was applied. */
  get receipt(): string {
    return String(this.#commits)
  }

  /** Writes the number of the next commit into the slot. */
  write(lease: string): IRequestOp {
    this.#commits++
    return this.#put(this.receipt, lease)
  }

  /** Keeps the last commit out for good, if the slot is still as before that commit. */
  fence(lease: string): ITxnRequest {
    return { compare: [this.compare()], success: [this.#put(fence, lease)], failure: [this.read()] }
  }

  read(): IRequestOp {
    return { request_range: { key: Buffer.from(this.key) } }
  }

  /** Takes the revision that came with a failed compare. */
  take(response: IResponseOp | undefined): void {
    const pair = response?.response_range.kvs[0]
    this.revision = pair === undefined ? 0n : BigInt(pair.mod_revision)
  }

  /**
   * Writes the slot for the first time, or again after it has vanished. A commit must not do this itself: after a lost answer, a missing
   * slot would look as if the commit had not been applied, although the slot may have vanished since.
   */
  async open(client: EtcdClient, lease: string): Promise<TransactionOutcome> {
    const request = { compare: [this.compare()], success: [this.#put(opened, lease)], failure: [this.read()] }
    const outcome = await client.transact(request)
    if (outcome.kind !== 'answered') return outcome
    const { response } = outcome
    if (response.succeeded) this.revision = BigInt(response.header.revision)
    else this.take(response.responses[0])
    return outcome
  }

  #put(value: string, lease: string): IRequestOp {
    return { request_put: { key: Buffer.from(this.key), value: Buffer.from(value), lease } }
  }
}

const opened = 'opened'
const fence = 'fenced'

/** What became of a commit whose answer was lost. */
export type Settlement =
  | { readonly kind: 'applied'; readonly revision: Revision }
  /** It was not applied, and never will be. */
  | { readonly kind: 'fenced' }
  /** The slot has vanished with its lease: this server slept for too long to find out. */
  | { readonly kind: 'unknown' }

/** What {@link settle} needs. */
export interface SettleOptions {
  readonly client: EtcdClient
  readonly slot: Slot
  readonly lease: Lease
  readonly isClosed: () => boolean
  /** Waits between two tries. */
  readonly pause: () => Promise<void>
}

/**
 * Finds out whether the last commit in `slot` was applied, and keeps it out for good if it was not. One transaction; when its own answer
 * is lost too, it is sent again, until etcd answers or `isClosed`.
 */
export async function settle({ client, slot, lease, isClosed, pause }: SettleOptions): Promise<Settlement> {
  while (!isClosed()) {
    const outcome = await client.transact(slot.fence(lease.current()))
    if (outcome.kind !== 'answered') {
      if (outcome.error instanceof EtcdLeaseInvalidError) await lease.renew().catch(() => undefined)
      await pause()
      continue
    }
    const { response } = outcome
    if (response.succeeded) {
      slot.revision = BigInt(response.header.revision)
      return { kind: 'fenced' }
    }
    slot.take(response.responses[0])
    const pair = response.responses[0]?.response_range.kvs[0]
    if (pair === undefined) return { kind: 'unknown' }
    // Anything but the receipt is a fence of ours whose answer was lost as well; or an older receipt, of an etcd that was put back to an
    // earlier state: the commit is not in it, and what it compared is gone.
    const isApplied = pair.value.toString() === slot.receipt
    return isApplied ? { kind: 'applied', revision: slot.revision } : { kind: 'fenced' }
  }
  return { kind: 'unknown' }
}
