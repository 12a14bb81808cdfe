import type { MissingReason } from './event.ts'
import type { AuditPolicy } from './policy.ts'

/** The destination of events. */
export interface AuditSink {
  /** The reason to refuse new calls: an event could not be written. Undefined while events are written, and where they may be dropped. */
  readonly problem: string | undefined
  /**
   * Queues the line of an event. Returns undefined if the answer need not wait for it. Otherwise resolves with true once the operating
   * system has it, or with false when the answer has waited long enough; the line is written later then.
   */
  write(line: string): Promise<boolean> | undefined
  /** Counts a call that has no event. */
  miss(reason: MissingReason, calls: number): void
}

/** A policy of the audit, and the destination of its events. */
export interface AuditTrail {
  readonly policy: AuditPolicy
  readonly sink: AuditSink
}
