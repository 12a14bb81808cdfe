import { EtcdLeaseInvalidError } from 'etcd3'
import type { Revision } from '../../../plan/index.ts'
import type { EtcdClient } from '../client.ts'
import type { HeldFamily } from '../../image/index.ts'
import { refreshFamily } from '../snapshot.ts'
import type { Lease } from '../lease.ts'
import { markPatienceMs } from '../limits.ts'
import { Rounds } from '../../planning/index.ts'

/** The watch that keeps memory up to date. */
export interface ReachedWatch {
  /** Resolves with true once every change up to `revision` is in memory, with false when that takes longer than `patienceMs`. */
  untilReached(revision: Revision, patienceMs: number): Promise<boolean>
}

/** The parts of a {@link Refresher}. */
export interface RefresherParts {
  readonly client: EtcdClient
  readonly watch: ReachedWatch
  /** A key in the range of the watch, which only this server writes. */
  readonly mark: string
  /** Removes the mark of a server that died. */
  readonly lease: Lease
}

/**
 * Brings memory up to the present, for plans that must have seen everything (docs/decisions/0014). It writes a mark, and waits until the
 * watch tells of it: then the watch has told everything before it. That takes as long as a commit, however much is held. If etcd takes no
 * mark, or the watch is late, it reads the families again.
 */
export class Refresher {
  readonly #parts: RefresherParts
  readonly #marks: Rounds<boolean>
  readonly #reads = new Map<HeldFamily, Rounds<void>>()

  constructor(parts: RefresherParts) {
    this.#parts = parts
    this.#marks = new Rounds(() => this.#mark())
  }

  /**
   * Resolves when everything that was in these families at the time of the call is in memory; with true if that goes for all families that
   * the watch keeps up to date. Throws when etcd does not answer.
   */
  async refresh(families: readonly HeldFamily[]): Promise<boolean> {
    if (await this.#marks.join()) return true
    await Promise.all(families.map((held) => this.#roundsOf(held).join()))
    return false
  }

  async #mark(): Promise<boolean> {
    const { client, watch, mark, lease } = this.#parts
    if (!lease.isGranted) return false
    const put = { key: Buffer.from(mark), lease: lease.current() }
    const outcome = await client.transact({ success: [{ request_put: put }] })
    if (outcome.kind !== 'answered') {
      if (outcome.error instanceof EtcdLeaseInvalidError) await lease.renew().catch(() => undefined)
      return false
    }
    return watch.untilReached(BigInt(outcome.response.header.revision), markPatienceMs)
  }

  #roundsOf(held: HeldFamily): Rounds<void> {
    const rounds = this.#reads.get(held) ?? new Rounds(() => refreshFamily(this.#parts.client, held))
    this.#reads.set(held, rounds)
    return rounds
  }
}
