import { setTimeout as sleep } from 'node:timers/promises'
import { type AuditSink, type MissingReason, printMissing } from '../audit/index.ts'
import type { Probe } from '../datastore/index.ts'
import type { Now } from '../model/index.ts'
import { lineBreak, RotatingFile, type Rotation } from './rotating-file.ts'

/** The options of the audit log. */
export interface AuditLogOptions extends Rotation {
  /** A path, or `-` for standard output. */
  readonly path: string
  /** While the log cannot be written, `block` refuses calls, and `drop` carries them out, even without events. */
  readonly whenFull: 'block' | 'drop'
  /** The longest time that an answer waits for its event. */
  readonly patienceMs: number
  readonly now: () => Now
  readonly newUid: () => string
  readonly logger: AuditLogger
  readonly probe: Pick<Probe, 'auditEventsWritten' | 'auditEventsDropped' | 'auditLogChecked'>
}

/** The log of what happens to the audit log. */
export interface AuditLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** How long to wait before the next attempt to write; a pipe that is full is only slow. */
const retryMs = 250
const retryFullPipeMs = 10

/** How long a pipe may be full before that counts as a failure. */
const fullPipePatienceMs = 1_000

/** Bytes of events that may wait to be written while events may be dropped. */
const waitingMax = 16 * 1024 * 1024

/** How often calls without events are counted up in an event of their own. */
const countIntervalMs = 1_000

/** How long the end of the server waits for the last events. */
const closePatienceMs = 2_000

/** Events that are written together. */
interface Batch {
  readonly lines: string[]
  bytes: number
  /** When the callers of `written` began to wait. */
  begunAt: number
  written: Waiting
}

/** The promise that the callers of a batch wait for. */
interface Waiting {
  readonly promise: Promise<boolean>
  readonly resolve: (isWritten: boolean) => void
}

/**
 * Writes events: all that are queued go out in one write. Those that could not be written stay queued, and are tried again. With `block`,
 * `write` resolves once the operating system has the line; between a failure and the next success, no call may begin. With `drop`, calls
 * do not wait, and an event for which the queue has no room is dropped and counted.
 */
export class AuditLog implements AuditSink {
  readonly #options: AuditLogOptions
  readonly #file: RotatingFile
  readonly #timer: NodeJS.Timeout
  readonly #missed = new Map<MissingReason, number>()
  #waiting: Batch = newBatch()
  #current: Batch | undefined
  #writing: Promise<void> | undefined
  #problem: string | undefined
  #isGivenUp = false

  private constructor(options: AuditLogOptions, file: RotatingFile) {
    this.#options = options
    this.#file = file
    this.#timer = setInterval(() => {
      this.#tellMissed()
    }, countIntervalMs).unref()
  }

  /** Opens the log. Throws if the file cannot be opened. */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const log = new AuditLog(options, await RotatingFile.open(options.path, options))
    log.#prune()
    return log
  }

  get problem(): string | undefined {
    return this.#options.whenFull === 'block' ? this.#problem : undefined
  }

  write(line: string): Promise<boolean> | undefined {
    const isDropping = this.#options.whenFull === 'drop'
    if (isDropping && this.#waiting.bytes + line.length > waitingMax) {
      this.miss('dropped', 1)
      this.#options.probe.auditEventsDropped({ events: 1 })
      return undefined
    }
    const batch = this.#waiting
    if (batch.lines.length === 0) batch.begunAt = performance.now()
    batch.lines.push(line)
    batch.bytes += line.length
    this.#writing ??= this.#writeAll()
    return isDropping ? undefined : batch.written.promise
  }

  miss(reason: MissingReason, calls: number): void {
    this.#missed.set(reason, (this.#missed.get(reason) ?? 0) + calls)
  }

  /** Writes the queued events, for {@link closePatienceMs} at the most, and closes the file. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#tellMissed()
    await Promise.race([this.#writing, sleep(closePatienceMs, undefined, { ref: false })])
    if (this.#writing !== undefined) {
      this.#options.logger.error({ problem: this.#problem }, 'the last audit events were not written')
    }
    this.#isGivenUp = true
    await this.#writing
    await this.#file.close()
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.lines.length > 0 && !this.#isGivenUp) {
      const batch = this.#waiting
      this.#waiting = newBatch()
      this.#current = batch
      const isWritten = await this.#writeBatch(Buffer.from(batch.lines.join('')))
      if (isWritten) this.#options.probe.auditEventsWritten({ events: batch.lines.length })
      batch.written.resolve(isWritten)
    }
    this.#current = undefined
    // Nothing has run since the queue was found empty, so the next `write` starts anew.
    this.#writing = undefined
  }

  /** Writes all bytes; false if the log is closed before. A line stays in one file, unless another program moves that. */
  async #writeBatch(bytes: Buffer): Promise<boolean> {
    let written = 0
    while (written < bytes.length) {
      if (this.#isGivenUp) return false
      try {
        if (await this.#file.follow()) written = startOfLine(bytes, written)
        if (written === 0 && (await this.#file.rotate(bytes.length))) this.#prune()
        written += await this.#file.write(bytes.subarray(written))
        this.#recover()
      } catch (error) {
        this.#file.lookAgain()
        await this.#pause(error)
      }
    }
    return true
  }

  async #pause(error: unknown): Promise<void> {
    const isFullPipe = error instanceof Error && 'code' in error && error.code === 'EAGAIN'
    const waitedMs = performance.now() - (this.#current?.begunAt ?? 0)
    if (!isFullPipe || waitedMs > fullPipePatienceMs) this.#fail(error)
    await sleep(isFullPipe ? retryFullPipeMs : retryMs)
    for (const batch of [this.#current, this.#waiting]) if (batch !== undefined) this.#giveUp(batch)
  }

  /** Ends the wait of callers that have waited long enough. The lines stay queued. */
  #giveUp(batch: Batch): void {
    if (batch.lines.length === 0 || performance.now() - batch.begunAt < this.#options.patienceMs) return
    batch.written.resolve(false)
    batch.written = newWaiting()
    batch.begunAt = performance.now()
  }

  #fail(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error)
    const { logger, path, whenFull } = this.#options
    if (this.#problem === undefined) {
      const outcome = whenFull === 'block' ? 'calls are refused' : 'events will be dropped'
      this.#options.probe.auditLogChecked({ isFailing: true })
      logger.error({ file: path, problem }, `the audit log cannot be written; ${outcome} until it can`)
    }
    this.#problem = problem
  }

  #recover(): void {
    if (this.#problem === undefined) return
    this.#problem = undefined
    this.#options.probe.auditLogChecked({ isFailing: false })
    this.#options.logger.info({ file: this.#options.path }, 'the audit log can be written again')
  }

  /** Writes how many calls have no event. Not while the log cannot be written: that would only lengthen the queue. */
  #tellMissed(): void {
    if (this.#problem !== undefined) return
    const { now, newUid } = this.#options
    for (const [reason, calls] of this.#missed) void this.write(printMissing(newUid(), reason, calls, now()))
    this.#missed.clear()
  }

  #prune(): void {
    this.#file.prune().catch((error: unknown) => {
      const problem = error instanceof Error ? error.message : String(error)
      this.#options.logger.warn({ problem }, 'old audit logs cannot be removed')
    })
  }
}

function newBatch(): Batch {
  return { lines: [], bytes: 0, begunAt: performance.now(), written: newWaiting() }
}

function newWaiting(): Waiting {
  let resolve = (_isWritten: boolean): void => undefined
  const promise = new Promise<boolean>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** Returns the start of the line that continues at `position`. */
function startOfLine(bytes: Buffer, position: number): number {
  return position === 0 ? 0 : bytes.lastIndexOf(lineBreak, position - 1) + 1
}
