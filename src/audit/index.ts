/** The audit: decides which calls are recorded, and prints their events. Pure. */
export {
  annotationDomain,
  type Happening,
  type MissingReason,
  printEvent,
  printMissing,
  type ReceivedCall,
} from './event.ts'
export {
  type AuditPolicy,
  type AuditRule,
  decide,
  type Decision,
  defaultPolicy,
  type Level,
  type MatchedCall,
  type ObjectReference,
  type Stage,
} from './policy.ts'
export { type PolicyReading, readAuditPolicy } from './read-policy.ts'
export { redactBody } from './redaction.ts'
export type { AuditSink, AuditTrail } from './sink.ts'
