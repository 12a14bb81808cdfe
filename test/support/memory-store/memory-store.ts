import { setImmediate as turn } from 'node:timers/promises'
import {
  type Declaration,
  expired,
  Follower,
  type Health,
  type Leadership,
  type LeadershipOptions,
  type Member,
  type Outcome,
  type Page,
  type PageOptions,
  RevisionCompacted,
  stopping,
  type Store,
  type StoreFigures,
  type SubmitOptions,
} from '../../../src/datastore/index.ts'
import {
  type Decodable,
  type Family,
  inOrder,
  type Key,
  type Listed,
  type Lookup,
  type Plan,
  type Revision,
  type View,
  type Write,
} from '../../../src/plan/index.ts'
import type { ObjectServer } from './object-server.ts'
import { entriesOf, lookUp, ServerView } from './server-view.ts'
import { type Done, settleHandle, takeBack } from './take-back.ts'

/**
 * A store without transactions, as one on a Kubernetes API server would be: it writes the objects of a plan one after the other, in the
 * order of `inOrder`, each by compare and swap. Callers really interleave: others get their turn before each write. When a write loses
 * its race, the plan's earlier writes are taken back, and the plan runs again; what a plan has only read is looked at once more after its
 * last write. Handles and affinities that are lost after the blocks are settled are mended, not taken back: the blocks are the truth.
 */
export class MemoryStore implements Store {
  readonly description = 'memory'
  readonly waitedMs = 0
  readonly #server: ObjectServer
  readonly #deadlineMs: number
  readonly #stopListening: () => void
  #pending = 0
  #isStopping = false

  constructor(server: ObjectServer, declarations: readonly Declaration[], deadlineMs: number) {
    this.#server = server
    this.#deadlineMs = deadlineMs
    const tell = (key: string): void => {
      for (const { family, observer } of declarations) {
        if (key.startsWith(family.prefix)) observer?.changed(key, lookUp(server, family, key))
      }
    }
    for (const key of server.keys('/')) tell(key)
    this.#stopListening = server.listen(({ key }) => {
      tell(key)
    })
  }

  get pending(): number {
    return this.#pending
  }

  async submit<Answer>(plan: (view: View) => Plan<Answer>, options: SubmitOptions = {}): Promise<Outcome<Answer>> {
    if (this.#isStopping) throw stopping()
    const deadline = performance.now() + (options.deadlineMs ?? this.#deadlineMs)
    this.#pending++
    try {
      for (let attempt = 1; performance.now() < deadline; attempt++) {
        const view = new ServerView(this.#server)
        const { answer, writes } = plan(view)
        if (options.dryRun === true || writes.length === 0) return { answer, revision: view.revision }
        const revision = await this.#carryOut(view, writes)
        if (revision !== undefined) return { answer, revision }
        for (let turns = Math.random() * attempt * 4; turns > 0; turns--) await turn()
      }
      throw expired()
    } finally {
      this.#pending--
    }
  }

  page<Value>(family: Decodable<Value>, options: PageOptions = {}): Promise<Page<Value>> {
    const { limit = 0, after = '', from = '', to, keys: only, revision = this.#server.revision } = options
    if (revision < this.#server.compacted) return Promise.reject(new RevisionCompacted(undefined))
    const keys = this.#server
      .keys(family.prefix, revision)
      .filter((key) => key > after && key >= from && (to === undefined || key <= to))
      .filter((key) => only === undefined || only.includes(key))
    const entries = entriesOf(this.#server, family, limit === 0 ? keys : keys.slice(0, limit), revision)
    return Promise.resolve({ entries, revision, remaining: keys.length - entries.length })
  }

  follow(families: readonly Decodable<unknown>[], after: Revision): Promise<Follower> {
    const server = this.#server
    if (after < server.compacted) return Promise.reject(new RevisionCompacted(undefined))
    const prefixes = families.map(({ prefix }) => prefix)
    const source = {
      changesAfter: (seen: Revision, max: number) => server.changesAfter(seen, prefixes).slice(0, max),
      get ceiling() {
        return server.revision
      },
      prove: () => Promise.resolve(),
    }
    const stopListening = server.listen(() => {
      follower.wake()
    })
    const follower = new Follower(source, after, stopListening)
    return Promise.resolve(follower)
  }

  peek<Value>(key: Key<Value>): Lookup<Value> {
    return lookUp(this.#server, key.family, key.text)
  }

  peekAll<Value>(family: Family<Value>, prefix: string): readonly Listed<Value>[] {
    return entriesOf(this.#server, family, this.#server.keys(prefix))
  }

  candidate(options: LeadershipOptions): Leadership {
    return new MemoryLeadership(this.#server, options)
  }

  figures(): StoreFigures {
    return { queue: { waiting: 0, inFlight: 0 }, families: [], journals: [], members: [] }
  }

  health(): Health {
    return { ready: !this.#isStopping, checks: [{ name: 'memory', ok: !this.#isStopping, message: 'answers' }] }
  }

  members(): Promise<readonly Member[]> {
    return Promise.resolve([{ endpoint: 'memory', version: '1' }])
  }

  announceStop(): void {
    this.#isStopping = true
  }

  async close(): Promise<void> {
    this.#isStopping = true
    while (this.#pending > 0) await turn()
    this.#stopListening()
  }

  /** Writes a plan's objects. Undefined when it lost a race, and what it had written was taken back. */
  async #carryOut(view: ServerView, writes: readonly Write[]): Promise<Revision | undefined> {
    const values = new Map<string, unknown>()
    const valueOf = (key: Key<unknown>): unknown => {
      const found = lookUp(this.#server, key.family, key.text, view.revision)
      return found.kind === 'value' ? found.value : undefined
    }
    const ordered = inOrder(writes, valueOf)
    const committing = ordered.findLastIndex(({ key }) => key.family.part === 'block')
    const revisions = new Map(view.reads)
    const done: Done[] = []
    for (const [index, write] of ordered.entries()) {
      const { key } = write
      const expected = revisions.get(key.text)
      if (expected === undefined) throw new Error(`The plan writes ${key.text} without reading it.`)
      if (write.kind === 'delete' && expected === 0n) continue
      const before = values.has(key.text) ? values.get(key.text) : valueOf(key)
      const [after, text] = write.kind === 'put' ? [write.value, write.encode()] : [undefined, undefined]
      const revision = await this.#server.swap(key.text, expected, text)
      if (revision !== undefined) {
        done.push({ key, before, after, revision })
        values.set(key.text, after)
        revisions.set(key.text, text === undefined ? 0n : revision)
        continue
      }
      const { part } = key.family
      if (committing < 0 || index < committing || (part !== 'handle' && part !== 'affinity')) {
        await takeBack(this.#server, done)
        return undefined
      }
      while (part === 'handle' && !(await settleHandle(this.#server, { key, before, after }))) continue
    }
    if (view.isStillTrue(new Set(writes.map(({ key }) => key.text)))) return done.at(-1)?.revision ?? view.revision
    await takeBack(this.#server, done)
    return undefined
  }
}

/** Who leads a task is an object of its own. A leader that is gone is never replaced: nothing here goes without closing. */
class MemoryLeadership implements Leadership {
  readonly #server: ObjectServer
  readonly #options: LeadershipOptions
  readonly #key: Key<string>
  readonly #id = String(Math.random())
  #campaign: Promise<void> = Promise.resolve()
  isLeading = false

  constructor(server: ObjectServer, options: LeadershipOptions) {
    this.#server = server
    this.#options = options
    const family: Family<string> = {
      name: 'leaders',
      prefix: '/leaders/',
      held: 'values',
      part: 'record',
      decode: (_key, text) => ({ ok: true, value: text }),
      encode: (id) => id,
    }
    this.#key = { family, text: `/leaders/${options.task}` }
  }

  start(): void {
    this.#campaign = this.#server.swap(this.#key.text, 0n, this.#id).then((revision) => {
      this.isLeading = revision !== undefined
      if (this.isLeading) this.#options.changed(true)
    })
  }

  async stop(): Promise<void> {
    await this.#campaign
    if (this.isLeading) await this.#server.swap(this.#key.text, this.#server.read(this.#key.text).revision, undefined)
  }

  isProved(view: View): boolean {
    const leader = view.get(this.#key)
    return leader.kind === 'value' && leader.value === this.#id
  }
}
