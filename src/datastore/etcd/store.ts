import { randomUUID } from 'node:crypto'
import { EtcdPermissionDeniedError, type IKeyValue } from 'etcd3'
import type { Decodable, Family, Key, Listed, Lookup, Plan, Revision, View } from '../../plan/index.ts'
import type { Follower } from '../changes.ts'
import { declare } from '../declaration.ts'
import { DatastoreNotOpened, DatastoreUnavailable } from '../faults.ts'
import { Image } from '../image/index.ts'
import type { Leadership, LeadershipOptions } from '../leadership.ts'
import { stoppingPatienceMs } from '../planning/index.ts'
import { type Probe, silentProbe } from '../probe.ts'
import type {
  Health,
  Member,
  Outcome,
  Page,
  PageOptions,
  Store,
  StoreFigures,
  StoreLimits,
  StoreOptions,
  SubmitOptions,
} from '../store.ts'
import { ChangeCheck, describeMissingRights, keysOf, type NeededKeys } from './change-check.ts'
import { EtcdClient, type EtcdConnection, isDefiniteRefusal } from './client.ts'
import { Engine, type EngineLeases, Refresher, Slot } from './engine/index.ts'
import { asError, explain } from './faults.ts'
import { loadFamily } from './snapshot.ts'
import { announcementsPrefix, prefixEnd } from './keys.ts'
import { EtcdLeadership, leaders } from './leadership.ts'
import { Lease } from './lease.ts'
import { expiringLeaseTurnSeconds, slotLeaseSeconds, transactionOperationsMax } from './limits.ts'
import { Lineage } from './lineage.ts'
import { MemberPoll } from './member-poll.ts'
import { Journal, ImageWatch } from './watch/index.ts'

/** How to open a store on etcd. */
export interface EtcdStoreOptions extends StoreOptions {
  readonly connection: EtcdConnection
}

/**
 * Connects to etcd, reads what is to be held in memory, and watches it from then on. Throws {@link DatastoreNotOpened} when etcd does not
 * answer, or refuses.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const client = new EtcdClient(options.connection, options.probe)
  const description = `the etcd at ${options.connection.endpoints.join(', ')}`
  try {
    return new EtcdStore({ ...(await startParts(client, options)), description })
  } catch (thrown) {
    client.close()
    const fault = asError(thrown)
    const lines = [`${description.replace(/^t/, 'T')} cannot be used: ${fault.message}`]
    // The error of gRPC or etcd.
    if (fault.cause instanceof Error) lines.push(`  ${fault.cause.message.trim()}`)
    throw new DatastoreNotOpened(lines.join('\n'), fault)
  }
}

/** The parts of a store that is connected. */
interface Parts {
  readonly client: EtcdClient
  readonly description: string
  /** Names this server among all that use the same etcd. */
  readonly server: string
  readonly image: Image
  readonly watch: ImageWatch
  readonly engine: Engine
  readonly leases: EngineLeases
  readonly changes: ChangeCheck
  readonly poll: MemberPoll
  readonly limits: StoreLimits
  readonly probe: Probe
}

async function startParts(client: EtcdClient, options: EtcdStoreOptions): Promise<Omit<Parts, 'description'>> {
  const { limits, probe = silentProbe } = options
  const image = new Image([...options.declarations, declare(leaders)], (key, problem) => {
    probe.valueUnreadable({ key, problem })
  })
  const complete = [...image.families()].filter((held) => held.isComplete)
  const own = [slotsPrefix, announcementsPrefix].map((prefix) => keysOf({ prefix }))
  const needed = [...[...image.families()].map(({ family }) => keysOf(family)), ...own]
  for (const held of complete) {
    const startedMs = performance.now()
    await loadFamily(client, held).catch(async (fault: unknown) => {
      throw await nameMissingRights(client, needed, asError(fault))
    })
    probe.familyLoaded({ family: held.family.name, keys: held.size, durationMs: performance.now() - startedMs })
  }
  const { expirySeconds } = limits
  const leaseTurnSeconds = Math.min(expirySeconds, expiringLeaseTurnSeconds)
  const leases = {
    slots: await Lease.open(client, slotLeaseSeconds, slotLeaseSeconds / 2),
    expiring: await Lease.open(client, expirySeconds + leaseTurnSeconds, leaseTurnSeconds),
  }
  const changes = new ChangeCheck(client, needed, probe)
  await changes.checkIfDue()
  const server = randomUUID()
  const slots = Array.from(
    { length: limits.batchesInFlight },
    (_, number) => new Slot(`${slotsPrefix}${server}/${number}`),
  )
  const watch = new ImageWatch(client, complete, slotsPrefix, probe)
  watch.start()
  const refresher = new Refresher({ client, watch, mark: `${slotsPrefix}${server}/mark`, lease: leases.slots })
  const engine = new Engine({ client, image, leases, slots, refresher, limits, changes, probe })
  const poll = new MemberPoll(client, options.connection)
  return { client, server, image, watch, engine, leases, changes, poll, limits, probe }
}

/** Below it are the slots and the mark of each server. */
const slotsPrefix = '/ippoold/v1/slots/'

/** `fault`, or if it is a lack of rights, one that names all rights which are missing. */
async function nameMissingRights(client: EtcdClient, needed: readonly NeededKeys[], fault: Error): Promise<Error> {
  const missing =
    fault.cause instanceof EtcdPermissionDeniedError ? await describeMissingRights(client, needed) : undefined
  if (missing === undefined) return fault
  return new DatastoreUnavailable('ServiceUnavailable', missing, { cause: fault.cause })
}

/** The pairs that a read found, as of one revision. `count` includes those left out because of its limit. */
interface ReadPairs {
  readonly kvs: readonly IKeyValue[]
  readonly count: number
  readonly revision: Revision
}

function atRevision(revision: Revision | undefined): { readonly revision?: string } {
  return revision === undefined ? {} : { revision: String(revision) }
}

const pingIntervalMs = 1_000
const expiryIntervalMs = 50

/** The store on etcd: each batch of plans is one transaction of etcd's. */
class EtcdStore implements Store {
  readonly description: string
  readonly #client: EtcdClient
  readonly #server: string
  readonly #image: Image
  readonly #watch: ImageWatch
  readonly #engine: Engine
  readonly #leases: EngineLeases
  readonly #changes: ChangeCheck
  readonly #poll: MemberPoll
  readonly #deadlineMs: number
  readonly #probe: Probe
  readonly #timers: readonly NodeJS.Timeout[]
  readonly #lineage = new Lineage()
  /** By the first key of their ranges. */
  readonly #journals = new Map<string, Journal>()
  #contactProblem: string | undefined
  #isClosing = false

  constructor({ client, description, server, image, watch, engine, leases, changes, poll, limits, probe }: Parts) {
    this.description = description
    this.#client = client
    this.#server = server
    this.#image = image
    this.#watch = watch
    this.#engine = engine
    this.#leases = leases
    this.#changes = changes
    this.#poll = poll
    this.#deadlineMs = limits.deadlineMs
    this.#probe = probe
    this.#timers = [
      setInterval(() => void this.#ping(), pingIntervalMs),
      setInterval(() => {
        engine.expire()
      }, expiryIntervalMs),
    ]
  }

  submit<Answer>(plan: (view: View) => Plan<Answer>, options?: SubmitOptions): Promise<Outcome<Answer>> {
    return this.#engine.submit(plan, options)
  }

  /** A linearizable read. */
  async page<Value>(family: Decodable<Value>, options: PageOptions = {}): Promise<Page<Value>> {
    const { kvs, count, revision } = await (options.keys === undefined
      ? this.#readRange(family, options)
      : this.#readKeys(options.keys, options))
    const entries = kvs.map((pair): Listed<Value> => {
      const key = pair.key.toString()
      const revision = BigInt(pair.mod_revision)
      const held = options.isDecodedOnce === true ? this.#image.valueAt(family, key, revision) : undefined
      if (held !== undefined) return { key, kind: 'value', value: held, revision }
      const decoded = family.decode(key, pair.value.toString())
      return decoded.ok
        ? { key, kind: 'value', value: decoded.value, revision }
        : { key, kind: 'unreadable', problem: decoded.problem, revision }
    })
    return { entries, revision, remaining: count - entries.length }
  }

  follow(families: readonly Decodable<unknown>[], after: Revision): Promise<Follower> {
    const [first = '', last = ''] = [families[0]?.prefix, families.at(-1)?.prefix]
    let journal = this.#journals.get(first)
    if (journal === undefined) {
      const range = { start: Buffer.from(first), end: prefixEnd(last) }
      const name = [...this.#image.families()].find(({ family }) => family.prefix === first)?.family.name ?? first
      journal = new Journal({ client: this.#client, name, range, probe: this.#probe })
      this.#journals.set(first, journal)
    }
    return journal.follow(after)
  }

  peek<Value>(key: Key<Value>): Lookup<Value> | undefined {
    return this.#image.lookup(key)
  }

  peekAll<Value>(family: Family<Value>, prefix: string): readonly Listed<Value>[] {
    return this.#image.list(family, prefix)
  }

  candidate(options: LeadershipOptions): Leadership {
    return new EtcdLeadership(this.#client, this.#server, options, this.#probe)
  }

  get pending(): number {
    return this.#engine.pending
  }

  get waitedMs(): number {
    return this.#engine.waitedMs
  }

  figures(): StoreFigures {
    return {
      queue: this.#engine.load,
      families: Array.from(this.#image.families(), ({ family, size, bytes }) => {
        return { family: family.name, keys: size, bytes }
      }),
      journals: Array.from(this.#journals.values(), (journal) => journal.figures),
      members: this.#poll.members,
    }
  }

  health(): Health {
    const checks = [
      { name: 'etcd', problem: this.#contactProblem, message: 'answers' },
      { name: 'watch', problem: this.#watch.problem, message: 'is following etcd' },
      { name: 'changes', problem: this.#changes.problem, message: 'can be made' },
      { name: 'stopping', problem: this.#isClosing ? 'the server is stopping' : undefined, message: 'no' },
    ].map(({ name, problem, message }) => ({ name, ok: problem === undefined, message: problem ?? message }))
    return { ready: checks.every(({ ok }) => ok), checks }
  }

  members(): Promise<readonly Member[]> {
    return this.#client.versions()
  }

  announceStop(afterMs = 0): void {
    this.#isClosing = true
    this.#engine.hurry(afterMs + stoppingPatienceMs)
  }

  async close(patienceMs = stoppingPatienceMs): Promise<void> {
    this.#isClosing = true
    await this.#engine.close(patienceMs)
    for (const timer of this.#timers) clearInterval(timer)
    this.#watch.close()
    this.#changes.close()
    this.#poll.close()
    for (const journal of this.#journals.values()) journal.close('closed')
    // If this fails, the slots stay until the lease expires. A commit that is still on its way finds no slot, and is kept out.
    await this.#leases.slots.revoke().catch(() => undefined)
    this.#client.close()
  }

  async #readRange(family: Decodable<unknown>, options: PageOptions): Promise<ReadPairs> {
    const start = options.after === undefined ? (options.from ?? family.prefix) : `${options.after}\0`
    const request = {
      key: Buffer.from(start),
      range_end: options.to === undefined ? prefixEnd(family.prefix) : Buffer.from(`${options.to}\0`),
      limit: options.limit ?? 0,
      keys_only: options.keysOnly ?? false,
      ...atRevision(options.revision),
    }
    const range = await this.#client.range(request, options.deadlineMs ?? this.#deadlineMs)
    return {
      kvs: range.kvs,
      count: Number(range.count),
      revision: options.revision ?? BigInt(range.header.revision),
    }
  }

  /** Reads the keys one by one: a range would have etcd count all keys in it. */
  async #readKeys(keys: readonly string[], options: PageOptions): Promise<ReadPairs> {
    let { revision } = options
    const kvs: IKeyValue[] = []
    for (let first = 0; first < keys.length || revision === undefined; first += transactionOperationsMax) {
      const some = keys.slice(first, first + transactionOperationsMax)
      const requests = some.map((key) => ({ key: Buffer.from(key), ...atRevision(revision) }))
      const read = await this.#client.ranges(requests, options.deadlineMs ?? this.#deadlineMs)
      for (const { response_range: range } of read.responses) kvs.push(...range.kvs)
      revision ??= BigInt(read.header.revision)
    }
    return { kvs, count: kvs.length, revision }
  }

  #newestRevision(): Revision {
    return [...this.#image.families()].reduce((newest, held) => {
      return held.newestRevision > newest ? held.newestRevision : newest
    }, 0n)
  }

  /** Drops what is known of etcd, because it may come from a state that etcd has gone back from. */
  #startAfresh(problem: string): void {
    for (const held of this.#image.families()) held.rewind()
    for (const journal of this.#journals.values()) journal.close('expired')
    this.#probe.stateWasReset({ reason: `etcd was put back to an earlier state: ${problem}` })
    this.#watch.startAfresh()
  }

  async #ping(): Promise<void> {
    // Also without writes, keys must live as long as was promised.
    for (const lease of [this.#leases.slots, this.#leases.expiring]) lease.keep()
    const contradicts = this.#lineage.expect(this.#newestRevision())
    try {
      const request = { key: Buffer.from('/ippoold/v1/'), count_only: true }
      const { header } = await this.#client.range(request, pingIntervalMs * 2)
      this.#contactProblem = undefined
      const problem = contradicts(header)
      if (problem !== undefined) this.#startAfresh(problem)
      this.#watch.expect(BigInt(header.revision))
    } catch (fault) {
      const { cause } = asError(fault)
      this.#contactProblem = describeSilence(cause)
      // Without an answer, nothing can be learned about changes.
      if (!isDefiniteRefusal(cause)) return
    }
    await this.#changes.checkIfDue()
  }
}

/** Says why etcd did not answer, or refused. */
function describeSilence(cause: unknown): string {
  const problem = isDefiniteRefusal(cause) ? 'refuses to answer' : 'does not answer'
  const explanation = cause instanceof Error ? explain(cause) : undefined
  return explanation === undefined ? problem : `${problem}: ${explanation.text}`
}
