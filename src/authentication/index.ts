/** Finds out who sends a request. */
export { Authentication, type AuthenticationSettings, UnusableFile } from './authentication.ts'
export { newSecret } from './secrets.ts'
