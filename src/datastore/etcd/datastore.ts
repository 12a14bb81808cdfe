import { randomUUID } from 'node:crypto'
import type { Decodable, Family, Key, Listed, Lookup, Plan, Revision, View } from '../../plan/index.ts'
import { EtcdClient, type EtcdConnection, isDefiniteRefusal } from './client.ts'
import {
  Engine,
  type EngineLeases,
  type EngineLimits,
  type EngineLogger,
  type Outcome,
  type SubmitOptions,
  Slot,
} from './engine/index.ts'
import { DatastoreUnavailable } from './faults.ts'
import { Image, type Declaration, loadFamily } from './image/index.ts'
import { prefixEnd } from './keys.ts'
import { Leadership, type LeadershipOptions } from './leadership.ts'
import { Lease } from './lease.ts'
import { expiringLeaseTurnSeconds, slotLeaseSeconds, stoppingPatienceMs } from './limits.ts'
import { Lineage } from './lineage.ts'
import { type Follower, Journal, Watch, type WatchLogger } from './watch/index.ts'

/** What the datastore is made of. */
export interface DatastoreOptions {
  readonly connection: EtcdConnection
  readonly declarations: readonly Declaration[]
  readonly limits: EngineLimits & {
    readonly batchesInFlight: number
    /** How long keys that are to expire are kept, at the least. */
    readonly expirySeconds: number
  }
  readonly logger: EngineLogger & WatchLogger
}

/** Whether the server can do its work, and if not, why. */
export interface Health {
  readonly ready: boolean
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly message: string }[]
}

/** Which entries of a family to read. */
export interface PageOptions {
  readonly limit?: number
  /** The last key of the page before. */
  readonly after?: string
  /** Instead of `after`: the first key that may be in the page. */
  readonly from?: string
  /** The last key that may be in the page. */
  readonly to?: string
  /** The revision of the page before: all pages of a listing are of one revision. */
  readonly revision?: Revision
  /** Whether a value that is in memory as of the revision that wrote it need not be decoded once more. */
  readonly isDecodedOnce?: boolean
}

/** Some entries of a family, in key order, as of one revision. */
export interface Page<Value> {
  readonly entries: readonly Listed<Value>[]
  readonly revision: Revision
  /** How many entries follow. */
  readonly remaining: number
}

const pingIntervalMs = 1_000
const expiryIntervalMs = 50

/** etcd as the rest of ippoold sees it: operations go in, answers that are true in etcd come out. */
export class Datastore {
  readonly #client: EtcdClient
  readonly #server: string
  readonly #image: Image
  readonly #watch: Watch
  readonly #engine: Engine
  readonly #leases: EngineLeases
  readonly #deadlineMs: number
  readonly #timers: readonly NodeJS.Timeout[]
  readonly #lineage = new Lineage()
  /** By the first key of what they tell of. */
  readonly #journals = new Map<string, Journal>()
  #contactError: string | undefined
  #isClosing = false

  private constructor(
    client: EtcdClient,
    server: string,
    image: Image,
    watch: Watch,
    engine: Engine,
    leases: EngineLeases,
    deadlineMs: number,
  ) {
    this.#client = client
    this.#server = server
    this.#image = image
    this.#watch = watch
    this.#engine = engine
    this.#leases = leases
    this.#deadlineMs = deadlineMs
    this.#timers = [
      setInterval(() => void this.#ping(), pingIntervalMs),
      setInterval(() => {
        engine.expire()
      }, expiryIntervalMs),
    ]
  }

  /** Connects, reads everything that is to be held in memory, and goes on watching it. Throws when etcd does not answer. */
  static async open(options: DatastoreOptions): Promise<Datastore> {
    const client = new EtcdClient(options.connection)
    try {
      return await Datastore.#openWith(client, options)
    } catch (fault) {
      client.close()
      throw fault
    }
  }

  static async #openWith(client: EtcdClient, options: DatastoreOptions): Promise<Datastore> {
    const { logger } = options
    const image = new Image(options.declarations, (key, problem) => {
      logger.warn({ key, problem }, 'a stored value cannot be read; it is left alone')
    })
    const complete = [...image.families()].filter((held) => held.isComplete)
    for (const held of complete) await loadFamily(client, held)
    const { expirySeconds } = options.limits
    const leaseTurnSeconds = Math.min(expirySeconds, expiringLeaseTurnSeconds)
    const leases = {
      slots: await Lease.grant(client, slotLeaseSeconds, slotLeaseSeconds / 2),
      expiring: await Lease.grant(client, expirySeconds + leaseTurnSeconds, leaseTurnSeconds),
    }
    const server = randomUUID()
    const slots = Array.from(
      { length: options.limits.batchesInFlight },
      (_, number) => new Slot(`/ippoold/v1/slots/${server}/${String(number)}`),
    )
    const watch = new Watch(client, complete, logger)
    watch.start()
    const engine = new Engine(client, image, leases, slots, options.limits, logger)
    return new Datastore(client, server, image, watch, engine, leases, options.limits.deadlineMs)
  }

  /** See {@link Engine.submit}. */
  submit<Answer>(plan: (view: View) => Plan<Answer>, options?: SubmitOptions): Promise<Outcome<Answer>> {
    return this.#engine.submit(plan, options)
  }

  /**
   * Reads entries of a family straight from etcd, linearizable. Throws {@link RevisionCompacted} when the revision asked for
   * is gone, {@link DatastoreUnavailable} when etcd does not answer by the deadline of an operation.
   */
  async page<Value>(family: Decodable<Value>, options: PageOptions = {}): Promise<Page<Value>> {
    const start = options.after === undefined ? (options.from ?? family.prefix) : `${options.after}\0`
    const request = {
      key: Buffer.from(start),
      range_end: options.to === undefined ? prefixEnd(family.prefix) : Buffer.from(`${options.to}\0`),
      limit: options.limit ?? 0,
      ...(options.revision === undefined ? {} : { revision: String(options.revision) }),
    }
    const range = await this.#client.range(request, this.#deadlineMs)
    const entries = range.kvs.map((pair): Listed<Value> => {
      const key = pair.key.toString()
      const revision = BigInt(pair.mod_revision)
      const held = options.isDecodedOnce === true ? this.#image.valueAt(family, key, revision) : undefined
      if (held !== undefined) return { key, kind: 'value', value: held, revision }
      const decoded = family.decode(key, pair.value.toString())
      return decoded.ok
        ? { key, kind: 'value', value: decoded.value, revision }
        : { key, kind: 'unreadable', problem: decoded.problem, revision }
    })
    return {
      entries,
      revision: options.revision ?? BigInt(range.header.revision),
      remaining: Number(range.count) - entries.length,
    }
  }

  /**
   * Follows every change after a revision that etcd has reached, in their order, of the families, which lie side by side in etcd in this
   * order. Throws as {@link page} does.
   */
  follow(families: readonly Decodable<unknown>[], after: Revision): Promise<Follower> {
    const [first = '', last = ''] = [families[0]?.prefix, families.at(-1)?.prefix]
    let journal = this.#journals.get(first)
    if (journal === undefined) {
      journal = new Journal(this.#client, { start: Buffer.from(first), end: prefixEnd(last) })
      this.#journals.set(first, journal)
    }
    return journal.follow(after)
  }

  /** What is in memory of a key, which may be older than etcd; undefined when nothing is. */
  peek<Value>(key: Key<Value>): Lookup<Value> | undefined {
    return this.#image.lookup(key)
  }

  /** What is in memory below `prefix`, in key order, which may be older than etcd. Only of a family that is held as `values`. */
  peekAll<Value>(family: Family<Value>, prefix: string): readonly Listed<Value>[] {
    return this.#image.list(family, prefix)
  }

  /** A candidate for the leadership of a task among all servers; the family `leaders` must have been declared. */
  candidate(options: LeadershipOptions): Leadership {
    return new Leadership(this.#client, this.#server, options)
  }

  /** Operations submitted and not yet settled. */
  get pending(): number {
    return this.#engine.pending
  }

  /** Whether the server can do its work. */
  health(): Health {
    const checks = [
      {
        name: 'etcd',
        ok: this.#contactError === undefined,
        message: this.#contactError ?? 'answers',
      },
      {
        name: 'watch',
        ok: this.#watch.problem === undefined,
        message: this.#watch.problem ?? 'is following etcd',
      },
      {
        name: 'stopping',
        ok: !this.#isClosing,
        message: this.#isClosing ? 'the server is stopping' : 'no',
      },
    ]
    return { ready: checks.every(({ ok }) => ok), checks }
  }

  /** The endpoint and version of every etcd member. */
  members(): Promise<readonly { readonly endpoint: string; readonly version: string }[]> {
    return this.#client.versions()
  }

  /** How many keys of each family are in memory. */
  heldKeys(): ReadonlyMap<string, number> {
    return new Map([...this.#image.families()].map((held) => [held.family.name, held.size]))
  }

  /** Says that the server is going to stop, so that it is not ready any more, and nobody waits for long. */
  announceStop(): void {
    this.#isClosing = true
    this.#engine.hurry(stoppingPatienceMs)
  }

  /** Settles what is under way, at the most for `patienceMs`, and lets go of etcd. */
  async close(patienceMs = stoppingPatienceMs): Promise<void> {
    this.#isClosing = true
    await this.#engine.close(patienceMs)
    for (const timer of this.#timers) clearInterval(timer)
    this.#watch.close()
    for (const journal of this.#journals.values()) journal.close('closed')
    // Without it the slots stay until the lease ends by itself. A commit that is still on its way finds its slot gone, and is kept out.
    await this.#leases.slots.revoke().catch(() => undefined)
    this.#client.close()
  }

  #newestRevision(): Revision {
    return [...this.#image.families()].reduce((newest, held) => {
      return held.newestRevision > newest ? held.newestRevision : newest
    }, 0n)
  }

  /** What is in memory may never have been in the etcd that is there now. */
  #startAfresh(problem: string): void {
    for (const held of this.#image.families()) held.rewind()
    for (const journal of this.#journals.values()) journal.close('expired')
    this.#watch.startAfresh(new Error(`etcd was put back to an earlier state: ${problem}.`))
  }

  async #ping(): Promise<void> {
    // Asked for now and then, a lease does not get old while nobody writes.
    for (const lease of [this.#leases.slots, this.#leases.expiring]) lease.current()
    const contradicts = this.#lineage.expect(this.#newestRevision())
    try {
      const request = { key: Buffer.from('/ippoold/v1/'), count_only: true }
      const { header } = await this.#client.range(request, pingIntervalMs * 2)
      this.#contactError = undefined
      const problem = contradicts(header)
      if (problem !== undefined) this.#startAfresh(problem)
      this.#watch.expect(BigInt(header.revision))
    } catch (fault) {
      const isRefused = fault instanceof DatastoreUnavailable && isDefiniteRefusal(fault.cause)
      this.#contactError = isRefused ? 'refuses to answer' : 'does not answer'
    }
  }
}
