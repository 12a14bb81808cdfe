import { randomUUID } from 'node:crypto'
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
  MemberFigures,
  Outcome,
  Page,
  PageOptions,
  Store,
  StoreFigures,
  StoreOptions,
  SubmitOptions,
} from '../store.ts'
import { ApiClient, type ApiConnection, ApiFailure, describeRefusal, discoverGroup } from './api/index.ts'
import { Engine, StoredKinds } from './engine/index.ts'
import { formsIn, textAt } from './forms/index.ts'
import { Following } from './following.ts'
import { leaders, LeaseLeadership } from './leadership.ts'
import { cutPage, readEntries } from './pages.ts'

/** How to open a store on an API server. */
export interface KubernetesStoreOptions extends StoreOptions {
  readonly connection: ApiConnection
  /** The namespace of ippoold's own objects; it must exist. */
  readonly namespace: string
  /** Calico's `CALICO_API_GROUP`: the group to use, whatever the API server has. */
  readonly group?: string
}

const openingTimeoutMs = 10_000
const pingIntervalMs = 1_000
const pingTimeoutMs = 2_000
const expiryIntervalMs = 50

/**
 * Connects to an API server, reads what is to be held in memory, and watches it from then on. Throws {@link DatastoreNotOpened} when it
 * does not answer, refuses, or has none of Calico's definitions.
 */
export async function openKubernetesStore(options: KubernetesStoreOptions): Promise<Store> {
  const { connection, namespace, declarations, probe = silentProbe } = options
  const description = `the API server at ${connection.url}`
  const client = new ApiClient(connection, 'ippoold')
  let kinds: StoredKinds | undefined
  try {
    const group = await discoverGroup(client, options.group, openingTimeoutMs)
    const image = new Image([...declarations, declare(leaders)], (key, problem) => {
      probe.valueUnreadable({ key, problem })
    })
    kinds = new StoredKinds(client, image, formsIn(group, namespace), probe)
    await kinds.start(probe)
    return new KubernetesStore(client, kinds, image, { ...options, probe }, description)
  } catch (thrown) {
    await kinds?.close()
    client.close()
    const fault = asError(thrown)
    throw new DatastoreNotOpened(`${description.replace(/^t/, 'T')} cannot be used: ${fault.message}`, fault)
  }
}

/** The store on an API server: each batch of plans is one write of a block, with what leads to it and follows from it. */
class KubernetesStore implements Store {
  readonly description: string
  readonly #client: ApiClient
  readonly #kinds: StoredKinds
  readonly #image: Image
  readonly #engine: Engine
  readonly #probe: Probe
  /** Names this server among all that use the same data. */
  readonly #server = randomUUID()
  readonly #followings = new Map<Following, string>()
  readonly #timers: readonly NodeJS.Timeout[]
  #version = ''
  #contactProblem: string | undefined
  #isClosing = false

  constructor(
    client: ApiClient,
    kinds: StoredKinds,
    image: Image,
    { limits, probe = silentProbe }: KubernetesStoreOptions,
    description: string,
  ) {
    this.description = description
    this.#client = client
    this.#kinds = kinds
    this.#image = image
    this.#probe = probe
    this.#engine = new Engine({ kinds, image, limits, probe })
    this.#timers = [
      setInterval(() => void this.#ping(), pingIntervalMs),
      setInterval(() => {
        this.#engine.expire()
      }, expiryIntervalMs),
    ]
  }

  submit<Answer>(plan: (view: View) => Plan<Answer>, options?: SubmitOptions): Promise<Outcome<Answer>> {
    return this.#engine.submit(plan, options)
  }

  async page<Value>(family: Decodable<Value>, options: PageOptions = {}): Promise<Page<Value>> {
    const entries = await available(readEntries(this.#kinds.of(family), [family.prefix], options.revision))
    return cutPage(family, entries, options)
  }

  async follow(families: readonly Decodable<unknown>[], after: Revision): Promise<Follower> {
    const [first] = families
    if (first === undefined) throw new Error('There must be a family to follow.')
    const kind = this.#kinds.of(first)
    const prefixes = families.map(({ prefix }) => prefix)
    const hooks = {
      broke: (error: Error) => {
        this.#probe.watchBroke({ watch: 'journal', error })
      },
      left: (following: Following) => {
        this.#followings.delete(following)
        this.#probe.followerEnded({ ending: following.follower.ending ?? 'closed' })
      },
    }
    const following = await available(Following.begin(kind, prefixes, after, hooks))
    this.#followings.set(following, kind.families[0]?.family.name ?? first.prefix)
    this.#probe.followerStarted({})
    return following.follower
  }

  peek<Value>(key: Key<Value>): Lookup<Value> | undefined {
    return this.#image.lookup(key)
  }

  peekAll<Value>(family: Family<Value>, prefix: string): readonly Listed<Value>[] {
    return this.#image.list(family, prefix)
  }

  candidate(options: LeadershipOptions): Leadership {
    return new LeaseLeadership(this, this.#server, options, this.#probe)
  }

  get pending(): number {
    return this.#engine.pending
  }

  get waitedMs(): number {
    return this.#engine.waitedMs
  }

  figures(): StoreFigures {
    const families = Array.from(this.#image.families(), ({ family, size, bytes }) => {
      return { family: family.name, keys: size, bytes }
    })
    const journals = Array.from(this.#followings, ([{ sizes }, journal]) => ({ journal, ...sizes }))
    return { queue: this.#engine.load, families, journals, members: [this.#member()] }
  }

  health(): Health {
    const checks = [
      { name: 'kubernetes', problem: this.#contactProblem, message: 'answers' },
      { name: 'watch', problem: this.#kinds.problem, message: 'is following the API server' },
      { name: 'stopping', problem: this.#isClosing ? 'the server is stopping' : undefined, message: 'no' },
    ].map(({ name, problem, message }) => ({ name, ok: problem === undefined, message: problem ?? message }))
    return { ready: checks.every(({ ok }) => ok), checks }
  }

  async members(): Promise<readonly Member[]> {
    await this.#ping()
    const version = this.#contactProblem === undefined ? this.#version : 'unreachable'
    return [{ endpoint: this.#client.connection.url, version }]
  }

  announceStop(afterMs = 0): void {
    this.#isClosing = true
    this.#engine.hurry(afterMs + stoppingPatienceMs)
  }

  async close(patienceMs = stoppingPatienceMs): Promise<void> {
    this.#isClosing = true
    await this.#engine.close(patienceMs)
    for (const timer of this.#timers) clearInterval(timer)
    for (const following of this.#followings.keys()) following.end('closed')
    await this.#kinds.close()
    this.#client.close()
  }

  #member(): MemberFigures {
    return {
      endpoint: this.#client.connection.url,
      isAnswering: this.#contactProblem === undefined,
      hasLeader: undefined,
      isLeader: undefined,
      databaseBytes: undefined,
      databaseUsedBytes: undefined,
      quotaBytes: undefined,
      alarms: [],
    }
  }

  async #ping(): Promise<void> {
    const outcome = await this.#client.send({ method: 'GET', path: '/version', timeoutMs: pingTimeoutMs })
    if (outcome.kind === 'answered') {
      this.#version = textAt(outcome.object, 'gitVersion')
      this.#contactProblem = undefined
    } else if (outcome.kind === 'refused') {
      this.#contactProblem = `refuses to answer: ${describeRefusal(outcome.refusal)}`
    } else this.#contactProblem = `does not answer: ${outcome.error.message}`
  }
}

/** What a read gives; a failure of the API server as one of the store. */
async function available<Value>(read: Promise<Value>): Promise<Value> {
  try {
    return await read
  } catch (fault) {
    if (!(fault instanceof ApiFailure)) throw fault
    throw new DatastoreUnavailable('ServiceUnavailable', `The data cannot be read: ${fault.message}`, { cause: fault })
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
