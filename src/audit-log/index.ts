/** Writes the events of the audit: to a file with rotation, or standard output. Reads the policy that says which there are. */
export { AuditLog, type AuditLogOptions } from './audit-log.ts'
export { readAuditPolicyFile } from './policy-file.ts'
