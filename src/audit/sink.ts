import type { MissingReason } from './event.ts'
import type { AuditPolicy } from './policy.ts'

/** Where events go. */
export interface AuditSink {
  /** Why no call may begin: its event could not be written. Undefined while events are written, and where they may be dropped. */
  readonly problem: string | undefined
  /**
   * Takes the line of an event. Undefined if the answer need not wait for it. Otherwise resolves with true once the operating system has
   * it, and with false when the answer has waited for long enough; it is written later then.
   */
  write(line: string): Promise<boolean> | undefined
  /** Counts a call that has no event. */
  miss(reason: MissingReason, calls: number): void
}

/** Which events there are, and where they go. */
export interface AuditTrail {
  readonly policy: AuditPolicy
  readonly sink: AuditSink
}
