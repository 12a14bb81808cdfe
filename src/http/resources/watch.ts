import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { DatastoreUnavailable, type Follower, RevisionCompacted } from '../../datastore/index.ts'
import type { JsonObject } from '../../model/index.ts'
import type { Revision } from '../../plan/index.ts'
import type { ServedKind, StoredObject } from '../../resources/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import { isTrue, statusOf } from '../schemas/index.ts'
import { isAdmin, type Shares, sharerOf } from '../shares.ts'
import { onceClosed, RefusalError, refusal, refuseFields, refuseForNow } from '../wire/index.ts'
import { listObjects, type ObjectList } from './list.ts'
import type { ObjectAccess } from './object-access.ts'
import { allOf, type ObjectSelector, readObjectSelector, type SelectorQuery } from './object-selector.ts'
import { followPoolMoves } from './pool-moves.ts'
import type { Representation } from './representation.ts'
import { printEvent, WatchedKind } from './watched-kind.ts'

/** The query parameters that decide which events a watch sends. */
export interface WatchQuery extends SelectorQuery {
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'NotOlderThan' | 'Exact'
  readonly allowWatchBookmarks?: string
  readonly sendInitialEvents?: string
  readonly timeoutSeconds?: number
}

/** Dependencies of the watches of a server. */
export interface WatchOptions {
  readonly store: Pick<ServedStore, 'page' | 'peek' | 'follow'>
  /** Calls `callback` when the server begins to stop. Calling the result unsubscribes. */
  readonly onStopping: (callback: () => void) => () => void
  /** Counts the open watches of all kinds, and whose they are. */
  readonly shares: Pick<Shares, 'isFull' | 'enter'>
  /** Interval between bookmarks, for clients that ask for them. */
  readonly bookmarkIntervalMs: number
}

/** True if the query of a list asks for a watch instead. */
export function isWatch(query: unknown): boolean {
  const isGiven = typeof query === 'object' && query !== null && 'watch' in query
  return isGiven && typeof query.watch === 'string' && isTrue(query.watch)
}

/**
 * Lifetime of a watch without `timeoutSeconds`, or with 0, which means no limit in Kubernetes. It is random, so that clients do not all
 * reconnect at the same time.
 */
const lifetimeMinMs = 30 * 60_000
const lifetimeSpreadMs = 30 * 60_000

/** Objects of the current state that are read at once, and changes that are sent at once. */
const pageSize = 500
const changesAtOnce = 100

/**
 * The watches of a kind, by the conventions of Kubernetes: one JSON object on each line, until the client disconnects, `timeoutSeconds`
 * have passed, or the server stops. A client that reads too slowly falls behind the changes that are kept, and is disconnected.
 * @see docs/kubernetes-api.md section 5
 */
export class Watches<Value extends StoredObject> {
  readonly #options: WatchOptions
  readonly #kind: ServedKind<Value>
  readonly #watched: WatchedKind<Value>

  constructor(options: WatchOptions, kind: ServedKind<Value>) {
    this.#options = options
    this.#kind = kind
    this.#watched = new WatchedKind(options.store, kind)
  }

  /** Sends the events of a watch. Throws a refusal for a wrong parameter, and when too many watches are open. */
  async serve(
    request: FastifyRequest,
    reply: FastifyReply,
    query: WatchQuery,
    access: ObjectAccess<Value>,
  ): Promise<FastifyReply> {
    const start = readStart(query)
    const mayWatch = access.selectorFor('watch')
    const selector = allOf<Value>(readObjectSelector(query), mayWatch)
    const { shares, store, onStopping } = this.#options
    const { caller } = access.rights
    const sharer = sharerOf(caller, request.ip)
    if (shares.isFull(sharer) && !isAdmin(caller))
      throw refuseForNow(
        'As many watches are open as this server allows, and as many of yours as your share. Try again.',
      )
    // Before anything is awaited: the client may disconnect and the server may begin to stop in the meantime.
    const watch = new Watch()
    const leave = shares.enter(sharer)
    const unsubscribe = onStopping(() => {
      watch.end()
    })
    const outdate = (): void => {
      watch.outdate()
    }
    const forgetRights = access.rights.onOutdated(outdate)
    const forgetCredential = request.onCredentialEnd?.(outdate)
    onceClosed(reply.raw, () => {
      leave()
      unsubscribe()
      forgetRights()
      forgetCredential?.()
      watch.end()
    })
    const wanted = BigInt(query.resourceVersion ?? 0)
    if (wanted > 0n) {
      const { revision } = await store.page(familyOf(this.#kind), { limit: 1 })
      if (wanted > revision) throw notReached(wanted, revision)
    }
    const stream = Readable.from(
      this.#lines(watch, {
        ...{ start, selector, mayWatch, query },
        dependsOnPools: mayWatch !== undefined && access.dependsOnPools,
        representation: request.representation,
        log: request.log,
      }),
      // A few hundred lines: enough to keep a client busy.
      { objectMode: false, highWaterMark: 64 * 1024 },
    )
    watch.onOverrun = () => reply.raw.destroy()
    void reply.type('application/json').send(stream)
    // The first event may take long, and the client waits for the headers.
    reply.raw.flushHeaders()
    return reply
  }

  /**
   * The response has begun, so a fault becomes an event of type `ERROR`. If etcd is not available, the response ends without one, and the
   * client watches again.
   */
  async *#lines(watch: Watch, asked: Asked<Value>): AsyncGenerator<string, void> {
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

  async *#events(
    watch: Watch,
    { start, selector, mayWatch, dependsOnPools, query, representation }: Asked<Value>,
  ): AsyncGenerator<string, void> {
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
      for await (const page of this.#currentState(watch, query, mayWatch)) {
        after = page.revision
        const lines = start.sendsState
          ? page.items.map((item) => printEvent('ADDED', representation.event(item, nextIsFirst())))
          : []
        if (lines.length > 0) yield lines.join('')
      }
      if (after === undefined) return
      if (start.marksEnd) yield this.#bookmark(after, representation, nextIsFirst(), initialEventsEnd)
    }

    if (dependsOnPools) {
      const onMove = (): void => {
        watch.outdate()
      }
      watch.followBeside(await followPoolMoves(this.#options.store, after, onMove))
    }
    const follower = await this.#watched.follow(after)
    watch.follow(follower)
    let bookmarkAt = performance.now() + this.#options.bookmarkIntervalMs
    for (;;) {
      const changes = await this.#watched.read(follower.take(changesAtOnce))
      if (watch.isOutdated) throw rightsChanged()
      const lines = changes.flatMap((change) => {
        const line = this.#watched.printChange(change, selector, representation, isFirst)
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

  /** Reads all selected objects as of one revision, page by page. */
  async *#currentState(
    watch: Watch,
    { labelSelector, fieldSelector, resourceVersion }: WatchQuery,
    mayWatch: ObjectSelector<Value> | undefined,
  ): AsyncGenerator<ObjectList, void> {
    const selected = {
      limit: pageSize,
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    }
    let token: string | undefined = ''
    do {
      const page: ObjectList = await listObjects(
        this.#options.store,
        this.#kind,
        { ...selected, continue: token },
        mayWatch,
      )
      if (watch.isOutdated) throw rightsChanged()
      yield page
      token = page.next
    } while (token !== undefined && !watch.isOver)
  }

  #bookmark(revision: Revision, representation: Representation, isFirst: boolean, annotations?: JsonObject): string {
    const object = {
      kind: this.#kind.kind,
      apiVersion: this.#kind.group.apiVersion,
      metadata: {
        resourceVersion: String(revision),
        creationTimestamp: null,
        ...(annotations !== undefined && { annotations }),
      },
      spec: {},
    }
    return printEvent('BOOKMARK', representation.event(object, isFirst))
  }
}

const initialEventsEnd = { 'k8s.io/initial-events-end': 'true' }

/** One open watch, as the server controls it. */
class Watch {
  #follower: Follower | undefined
  #beside: Pick<Follower, 'stop'> | undefined
  #isOver = false
  #isOutdated = false
  onOverrun: (() => void) | undefined

  get isOver(): boolean {
    return this.#isOver
  }

  follow(follower: Follower): void {
    this.#follower = follower
    // The stream may be waiting for a client that does not read.
    follower.onEnd = () => {
      if (follower.ending === 'overrun') this.onOverrun?.()
    }
    if (this.#isOver) follower.stop()
  }

  /** Takes a follower that ends with the watch. */
  followBeside(follower: Pick<Follower, 'stop'>): void {
    this.#beside = follower
    if (this.#isOver) follower.stop()
  }

  /** True once the caller may see other objects than when the watch began, or its credential has ended. */
  get isOutdated(): boolean {
    return this.#isOutdated
  }

  outdate(): void {
    this.#isOutdated = true
    this.end()
  }

  end(): void {
    this.#isOver = true
    this.#follower?.stop()
    this.#beside?.stop()
  }
}

/** The request of a watch. */
interface Asked<Value> {
  readonly start: Start
  readonly selector: ObjectSelector<Value> | undefined
  /** True for the objects that the caller may watch; undefined if these are all. */
  readonly mayWatch: ObjectSelector<Value> | undefined
  /** True if these change with the pools that objects belong to. */
  readonly dependsOnPools: boolean
  readonly query: WatchQuery
  readonly representation: Representation
  readonly log: FastifyRequest['log']
}

/** Where a watch begins: after a revision, or, if `after` is undefined, with the current state. */
interface Start {
  readonly after: Revision | undefined
  /** The current state is sent as `ADDED` events. */
  readonly sendsState: boolean
  /** A bookmark follows the current state. */
  readonly marksEnd: boolean
}

function readStart(query: WatchQuery): Start {
  const { resourceVersion = '', resourceVersionMatch, sendInitialEvents } = query
  if (sendInitialEvents === undefined && resourceVersionMatch !== undefined) {
    throw refuseParameter('resourceVersionMatch', 'is for watches with sendInitialEvents')
  }
  if (sendInitialEvents !== undefined && resourceVersionMatch !== 'NotOlderThan') {
    throw refuseParameter('sendInitialEvents', 'needs resourceVersionMatch=NotOlderThan')
  }
  if (isTrue(sendInitialEvents)) {
    return { after: undefined, sendsState: true, marksEnd: isTrue(query.allowWatchBookmarks) }
  }
  // No version and version 0 both mean the current state.
  const after = BigInt(resourceVersion)
  const isFromNow = after === 0n
  const sendsState = isFromNow && sendInitialEvents === undefined
  return { after: isFromNow ? undefined : after, sendsState, marksEnd: false }
}

/**
 * The answer to a watch from a revision in the future. Only an etcd that was put back to an earlier state has not reached a revision that a
 * client knows. Lists answer `Timeout` then, as Kubernetes does; after that to a watch, many clients would never list again.
 */
function notReached(wanted: Revision, revision: Revision): RefusalError {
  const message = `too new resource version: ${wanted} (${revision}): the datastore was put back to an earlier state; list again`
  return refusal('Expired', message)
}

/** The end of a watch after the rights of its caller have changed, or its credential has ended: informers list again. */
function rightsChanged(): RefusalError {
  return refusal('Expired', 'what you may see has changed; list again')
}

function refuseParameter(field: string, message: string): RefusalError {
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
    return refusal(
      'Expired',
      'too old resource version: the datastore has compacted the changes since then; list again',
    )
  return refusal('InternalError', 'The watch failed; watch again.')
}
