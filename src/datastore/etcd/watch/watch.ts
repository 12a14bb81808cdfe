import type { IWatchResponse } from 'etcd3'
import type { Revision } from '../../../plan/index.ts'
import type { Probe } from '../../probe.ts'
import type { EtcdClient } from '../client.ts'
import type { HeldFamily } from '../../image/index.ts'
import { loadFamily } from '../snapshot.ts'
import { type KeyRange, prefixEnd } from '../keys.ts'
import { watchProgressMs, watchSilenceMaxMs } from '../limits.ts'
import { WatchStream } from './stream.ts'

/** A revision that etcd has reached, and since when the watch is expected to reach it. */
interface Expected {
  readonly revision: Revision
  readonly sinceMs: number
}

/** Somebody who waits until the watch has reached a revision. */
interface Waiting {
  readonly revision: Revision
  readonly reached: () => void
}

/**
 * Keeps the families in memory up to date, with one watcher for all of them. etcd promises an order of events within a watcher only, so
 * one watcher tells that everything up to a revision has arrived, whichever family changed. It resumes from the last revision that all
 * families are known to be complete at; if history has been compacted up to there, they are read again. Progress requests tell a stream
 * that is silent from one on which nothing happens. A stream that is behind, because its member is cut off from the others, shows by the
 * revisions that reads have seen.
 */
export class ImageWatch {
  readonly #client: EtcdClient
  readonly #families: readonly HeldFamily[]
  readonly #range: KeyRange
  readonly #probe: Probe
  readonly #stream: WatchStream
  readonly #waiting = new Set<Waiting>()
  /** True once etcd has confirmed the watcher of the open stream. */
  #isConfirmed = false
  /** True while everything is read again: the history that the watch needs is gone, or nothing that is held is valid. */
  #isLost = false
  /** True once etcd has refused the watcher for lack of a right, until it takes one. */
  #isDenied = false
  #isClosed = false
  #heardAtMs = 0
  #expected: Expected | undefined
  #progressTimer: NodeJS.Timeout | undefined

  /** Watches `families`, and the keys below `markPrefix`: see {@link untilReached}. */
  constructor(client: EtcdClient, families: readonly HeldFamily[], markPrefix: string, probe: Probe) {
    this.#client = client
    this.#families = families
    this.#range = spanOf([...families.map(({ family }) => family.prefix), markPrefix])
    this.#probe = probe
    this.#stream = new WatchStream(client, 'image', probe, {
      prepare: (isCurrent) => this.#readLost(isCurrent),
      opened: () => {
        this.#createWatcher()
      },
      received: (response) => {
        this.#receive(response)
      },
      broke: () => {
        this.#reset()
      },
    })
  }

  /** True while events arrive. Otherwise plans work on older data, and more commits fail. */
  get isConnected(): boolean {
    return this.#isConfirmed
  }

  /** The reason for which memory may be older than {@link watchSilenceMaxMs}; undefined while it is not. */
  get problem(): string | undefined {
    if (this.#isLost) return 'is reading everything afresh: what was known of etcd cannot be continued'
    if (this.#isDenied) return this.#describeMissingRight()
    if (!this.isConnected) return 'is not connected to etcd'
    return this.#isOverdue(performance.now()) ? 'is behind: the member of etcd that it follows is' : undefined
  }

  /** Watches from what the families hold, until closed. */
  start(): void {
    this.#progressTimer = setInterval(() => {
      this.#askForProgress()
    }, watchProgressMs)
    this.#reset()
    this.#stream.open()
  }

  /** Says that etcd has reached `revision`: the stream must reach it before long. */
  expect(revision: Revision): void {
    this.#expected ??= { revision, sinceMs: performance.now() }
  }

  /**
   * Resolves with true when every change up to `revision` is in memory; with false when that takes longer than `patienceMs`. `revision`
   * must be that of a change in the watched range, such as a mark: others are not told.
   */
  async untilReached(revision: Revision, patienceMs: number): Promise<boolean> {
    if (this.#isReached(revision)) return true
    return new Promise((resolve) => {
      const end = (isReached: boolean): void => {
        clearTimeout(timer)
        this.#waiting.delete(waiting)
        resolve(isReached)
      }
      const waiting = {
        revision,
        reached: () => {
          end(true)
        },
      }
      const timer = setTimeout(end, patienceMs, false)
      this.#waiting.add(waiting)
    })
  }

  /** Reads all families from scratch, after {@link HeldFamily.rewind}, and watches from there. */
  startAfresh(): void {
    // A ping that was under way when the store was closed may come back now.
    if (this.#isClosed) return
    this.#isLost = true
    this.#reset()
    this.#stream.open()
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#progressTimer)
    this.#stream.close()
  }

  async #readLost(isCurrent: () => boolean): Promise<void> {
    this.#heardAtMs = performance.now()
    if (!this.#isLost) return
    for (const held of this.#families) {
      await loadFamily(this.#client, held)
      if (!isCurrent()) return
    }
    this.#isLost = false
  }

  /** Forgets the watcher of the last stream. What the next one must reach counts from its opening: else it is given up too early. */
  #reset(): void {
    this.#heardAtMs = performance.now()
    this.#expected = undefined
    this.#isConfirmed = false
  }

  /** Asks for progress, or gives a stream up that is silent or behind. The answer tells the member's revision, and nothing of events. */
  #askForProgress(): void {
    const nowMs = performance.now()
    // While the families are read, etcd has no watcher to report on.
    if (!this.#isLost && nowMs - this.#heardAtMs > watchSilenceMaxMs)
      this.#stream.resume(new Error('The watch is silent.'))
    else if (!this.#isLost && this.#isOverdue(nowMs)) this.#stream.resume(new Error('The watch is behind.'))
    else this.#stream.send({ progress_request: {} })
  }

  #isOverdue(nowMs: number): boolean {
    return this.#expected !== undefined && nowMs - this.#expected.sinceMs > watchSilenceMaxMs
  }

  #describeMissingRight(): string {
    const { start, end } = this.#range
    return `is refused: etcd's user may not read the whole range from ${start.toString()} to ${end.toString()}. Grant it to a role of the user: etcdctl role grant-permission ROLE read ${start.toString()} ${end.toString()}`
  }

  #isReached(revision: Revision): boolean {
    return this.#families.every(({ completeRevision }) => completeRevision >= revision)
  }

  #createWatcher(): void {
    const [first, ...others] = this.#families.map(({ completeRevision }) => completeRevision)
    const known = others.reduce((least, one) => (one < least ? one : least), first ?? 0n)
    this.#stream.send({
      create_request: {
        key: this.#range.start,
        range_end: this.#range.end,
        // The revision that is known, not the next: compaction removes deletions at the first revision asked for, and etcd does not say
        // so. It refuses when compaction went further.
        start_revision: String(known),
        progress_notify: true,
      },
    })
  }

  #receive(response: IWatchResponse): void {
    this.#hear(BigInt(response.header.revision))
    if (response.canceled) this.#cancelled(response)
    else if (response.created) {
      this.#isConfirmed = true
      this.#isDenied = false
      this.#stream.confirm()
    } else if (response.watch_id !== answerToProgressRequest) this.#takeEvents(response)
  }

  #hear(revision: Revision): void {
    this.#heardAtMs = performance.now()
    if (this.#expected === undefined || revision < this.#expected.revision) return
    this.#probe.watchCaughtUp({ watch: 'image', lagMs: this.#heardAtMs - this.#expected.sinceMs })
    this.#expected = undefined
  }

  #takeEvents(response: IWatchResponse): void {
    for (const event of response.events) {
      const key = event.kv.key.toString()
      const held = this.#families.find(({ family }) => key.startsWith(family.prefix))
      const revision = BigInt(event.kv.mod_revision)
      if (held === undefined || revision <= held.completeRevision) continue
      const isDeleted = event.type === 'Delete'
      held.applyChange(key, {
        revision,
        createRevision: isDeleted ? 0n : BigInt(event.kv.create_revision),
        value: isDeleted ? undefined : event.kv.value,
      })
    }
    // All events of one revision come in one response. The header's revision is the store's, which may be ahead of events still to come;
    // it speaks for the watcher only in a response without events, a progress notification.
    const last = response.events.at(-1)
    const upTo = BigInt(last === undefined ? response.header.revision : last.kv.mod_revision)
    for (const held of this.#families) held.completeUpTo(upTo)
    for (const { revision, reached } of this.#waiting) if (revision <= upTo) reached()
  }

  #cancelled({ compact_revision: compactRevision, cancel_reason: reason }: IWatchResponse): void {
    if (BigInt(compactRevision) === 0n) {
      this.#isDenied = reason.includes('permission denied')
      // The stream keeps the token that it was opened with, which may have expired.
      this.#stream.resume(new Error(`etcd cancelled a watch: ${reason}`))
      return
    }
    for (const { family } of this.#families) {
      this.#probe.familyReread({ family: family.name, reason: `compacted at ${compactRevision}: ${reason}` })
    }
    this.startAfresh()
  }
}

/** The id of the watcher that etcd gives to the answer to a progress request, which is about all of the stream. */
const answerToProgressRequest = '-1'

/** The smallest range that has all keys below these prefixes. */
function spanOf(prefixes: readonly string[]): KeyRange {
  const ordered = (ends: readonly Buffer[]): Buffer[] => ends.toSorted((one, other) => Buffer.compare(one, other))
  const start = ordered(prefixes.map((prefix) => Buffer.from(prefix))).at(0)
  const end = ordered(prefixes.map((prefix) => prefixEnd(prefix))).at(-1)
  if (start === undefined || end === undefined) throw new Error('There is nothing to watch.')
  return { start, end }
}
