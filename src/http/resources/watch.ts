import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { DatastoreUnavailable, type Follower, RevisionCompacted } from '../../datastore/index.ts'
import type { JsonObject } from '../../model/index.ts'
import type { Revision } from '../../plan/index.ts'
import { apiVersion, type ServedKind, type StoredObject } from '../../resources/index.ts'
import type { Store } from '../ipam/index.ts'
import { isTrue, statusOf } from '../schemas/index.ts'
import { RefusalError, refusal, refuseFields, refuseForNow } from '../wire/index.ts'
import { listObjects, type ObjectList, requireReached } from './list.ts'
import { type ObjectSelector, readSelector, type SelectorQuery } from './object-selector.ts'
import type { Representation } from './representation.ts'
import { eventLine, WatchedKind } from './watched-kind.ts'

/** The parameters that decide what a watch tells. */
export interface WatchQuery extends SelectorQuery {
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'NotOlderThan' | 'Exact'
  readonly allowWatchBookmarks?: string
  readonly sendInitialEvents?: string
  readonly timeoutSeconds?: number
}

/** What all watches of a server share. */
export interface WatchOptions {
  readonly store: Pick<Store, 'page' | 'peek' | 'follow'>
  /** Calls back when the server begins to stop; gives the function that takes the request back. */
  readonly onStopping: (end: () => void) => () => void
  /** How many watches there may be at once, of all kinds. */
  readonly watchesMax: number
  /** How often a watcher who wants them gets bookmarks. */
  readonly bookmarkIntervalMs: number
}

/** Whether the query of a list asks for a watch instead. */
export function isWatch(query: unknown): boolean {
  const isGiven = typeof query === 'object' && query !== null && 'watch' in query
  return isGiven && typeof query.watch === 'string' && isTrue(query.watch)
}

/**
 * How long a watch lasts that does not say so, or says 0, which is no limit in Kubernetes: a random time, so that clients do not all
 * come back at once.
 */
const lifetimeMinMs = 30 * 60_000
const lifetimeSpreadMs = 30 * 60_000

/** How many objects of the present state are read at once, and how many changes are sent at once. */
const pageSize = 500
const changesAtOnce = 100

/**
 * The watches of a kind, after the conventions of Kubernetes: one JSON object on each line, for as long as the client stays, its
 * `timeoutSeconds` lasts, or the server runs. A client that does not read falls behind what is remembered, and is cut off.
 * @see docs/kubernetes-api.md section 5
 */
export class Watches<Value extends StoredObject> {
  readonly #options: WatchOptions
  readonly #kind: ServedKind<Value>
  readonly #watched: WatchedKind<Value>
  readonly #count: { open: number }

  constructor(options: WatchOptions, kind: ServedKind<Value>, count: { open: number }) {
    this.#options = options
    this.#kind = kind
    this.#watched = new WatchedKind(options.store, kind)
    this.#count = count
  }

  /** Answers a watch. Throws a refusal for what is wrong with it, and when there are too many watches. */
  async serve(request: FastifyRequest, reply: FastifyReply, query: WatchQuery): Promise<FastifyReply> {
    const start = readStart(query)
    const selector = readSelector(query)
    const { watchesMax, store, onStopping } = this.#options
    if (this.#count.open >= watchesMax)
      throw refuseForNow(`${watchesMax} watches are open, which is all that this server takes. Try again.`)
    // From here on, and not only when etcd has answered: the client may hang up before that, and the server may begin to stop.
    const watch = new Watch()
    this.#count.open++
    const forget = onStopping(() => {
      watch.end()
    })
    reply.raw.once('close', () => {
      this.#count.open--
      forget()
      watch.end()
    })
    if (start.after !== undefined) {
      const { revision } = await store.page(familyOf(this.#kind), { limit: 1 })
      requireReached(revision, String(start.after))
    }
    const stream = Readable.from(
      this.#lines(watch, { start, selector, query, representation: request.representation, log: request.log }),
      // A few hundred lines at a time are enough to keep a client busy.
      { objectMode: false, highWaterMark: 64 * 1024 },
    )
    watch.onOverrun = () => reply.raw.destroy()
    void reply.type('application/json').send(stream)
    // Nothing may happen for long, and the client wants to know that it is being served.
    reply.raw.flushHeaders()
    return reply
  }

  /** The answer has begun, so that a fault can only be told in it; when etcd is away, by its end: the client watches again. */
  async *#lines(watch: Watch, asked: Asked): AsyncGenerator<string, void> {
    try {
      yield* this.#events(watch, asked)
    } catch (fault) {
      if (fault instanceof DatastoreUnavailable) return
      if (!(fault instanceof RefusalError || fault instanceof RevisionCompacted)) asked.log.error({ err: fault }, 'bug')
      yield `${JSON.stringify({ type: 'ERROR', object: statusOf(refusalOf(fault)) })}\n`
    } finally {
      watch.end()
    }
  }

  async *#events(watch: Watch, { start, selector, query, representation }: Asked): AsyncGenerator<string, void> {
    const { timeoutSeconds = 0 } = query
    const lifetimeMs = timeoutSeconds === 0 ? lifetimeMinMs + Math.random() * lifetimeSpreadMs : timeoutSeconds * 1_000
    const endsAt = performance.now() + lifetimeMs
    const hasBookmarks = isTrue(query.allowWatchBookmarks)
    let isFirst = true
    const nextIsFirst = (): boolean => {
      const was = isFirst
      isFirst = false
      return was
    }

    let { after } = start
    if (after === undefined) {
      for await (const page of this.#presentState(watch, query)) {
        after = page.revision
        const lines = start.isStateTold
          ? page.items.map((item) => eventLine('ADDED', representation.event(item, nextIsFirst())))
          : []
        if (lines.length > 0) yield lines.join('')
      }
      if (after === undefined) return
      if (start.isEndTold) yield this.#bookmark(after, representation, nextIsFirst(), initialEventsEnd)
    }

    const follower = await this.#watched.follow(after)
    watch.follow(follower)
    let bookmarkAt = performance.now() + this.#options.bookmarkIntervalMs
    for (;;) {
      const changes = await this.#watched.read(follower.take(changesAtOnce))
      const lines = changes.flatMap((change) => {
        const line = this.#watched.lineOf(change, selector, representation, isFirst)
        if (line === undefined) return []
        isFirst = false
        return [line]
      })
      if (lines.length > 0) yield lines.join('')
      if (follower.ending === 'expired') throw new RevisionCompacted(undefined)
      if (follower.ending !== undefined) return
      const now = performance.now()
      const isOver = now >= endsAt
      if (hasBookmarks && (isOver || now >= bookmarkAt)) {
        const proven = await follower.proven().catch(() => undefined)
        if (proven !== undefined) yield this.#bookmark(proven, representation, nextIsFirst())
        bookmarkAt = performance.now() + this.#options.bookmarkIntervalMs
      }
      if (isOver) return
      if (changes.length === 0) await follower.wait(Math.min(endsAt, hasBookmarks ? bookmarkAt : endsAt) - now)
    }
  }

  /** Every object there is, as of one revision. */
  async *#presentState(
    watch: Watch,
    { labelSelector, fieldSelector, resourceVersion }: WatchQuery,
  ): AsyncGenerator<ObjectList, void> {
    const selected = {
      limit: pageSize,
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    }
    let token: string | undefined = ''
    do {
      const page: ObjectList = await listObjects(this.#options.store, this.#kind, {
        ...selected,
        continue: token,
      })
      yield page
      token = page.next
    } while (token !== undefined && !watch.isOver)
  }

  #bookmark(revision: Revision, representation: Representation, isFirst: boolean, annotations?: JsonObject): string {
    const object = {
      kind: this.#kind.kind,
      apiVersion,
      metadata: {
        resourceVersion: String(revision),
        creationTimestamp: null,
        ...(annotations !== undefined && { annotations }),
      },
      spec: {},
    }
    return eventLine('BOOKMARK', representation.event(object, isFirst))
  }
}

const initialEventsEnd = { 'k8s.io/initial-events-end': 'true' }

/** One client that watches, from the outside. */
class Watch {
  #follower: Follower | undefined
  #isOver = false
  onOverrun: (() => void) | undefined

  get isOver(): boolean {
    return this.#isOver
  }

  follow(follower: Follower): void {
    this.#follower = follower
    // He may be waiting for the client to read, and the client does not.
    follower.onEnd = () => {
      if (follower.ending === 'overrun') this.onOverrun?.()
    }
    if (this.#isOver) follower.stop()
  }

  end(): void {
    this.#isOver = true
    this.#follower?.stop()
  }
}

/** What a client asked for. */
interface Asked {
  readonly start: Start
  readonly selector: ObjectSelector | undefined
  readonly query: WatchQuery
  readonly representation: Representation
  readonly log: FastifyRequest['log']
}

/** Where a watch begins: after a revision, or with the present state. */
interface Start {
  readonly after: Revision | undefined
  readonly isStateTold: boolean
  /** Whether a bookmark says where the present state ends. */
  readonly isEndTold: boolean
}

function readStart(query: WatchQuery): Start {
  const { resourceVersion = '', resourceVersionMatch, sendInitialEvents } = query
  if (sendInitialEvents === undefined && resourceVersionMatch !== undefined) {
    throw forbidden('resourceVersionMatch', 'is for watches with sendInitialEvents')
  }
  if (sendInitialEvents !== undefined && resourceVersionMatch !== 'NotOlderThan') {
    throw forbidden('sendInitialEvents', 'needs resourceVersionMatch=NotOlderThan')
  }
  if (isTrue(sendInitialEvents)) {
    return { after: undefined, isStateTold: true, isEndTold: isTrue(query.allowWatchBookmarks) }
  }
  // Absent, it is none as well.
  const after = BigInt(resourceVersion)
  const isFromNow = after === 0n
  const isStateTold = isFromNow && sendInitialEvents === undefined
  return { after: isFromNow ? undefined : after, isStateTold, isEndTold: false }
}

function forbidden(field: string, message: string): RefusalError {
  return refuseFields('Invalid', [{ field, reason: 'FieldValueForbidden', message: `Forbidden: ${message}` }])
}

function familyOf<Value extends StoredObject>({
  storage,
}: ServedKind<Value>): ServedKind<Value>['storage']['families'][number] {
  const [family] = storage.families
  if (family === undefined) throw new Error('a kind has a family')
  return family
}

function refusalOf(error: unknown): RefusalError {
  if (error instanceof RefusalError) return error
  if (error instanceof RevisionCompacted)
    return refusal('Expired', 'too old resource version: it is not known any more what has changed since; list again')
  return refusal('InternalError', 'The watch cannot go on; watch again.')
}
