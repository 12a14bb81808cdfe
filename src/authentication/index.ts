/** Identifies the callers of requests. */
export { Authentication, type AuthenticationSettings, UnusableFile } from './authentication.ts'
export { newSecret } from './secrets.ts'
