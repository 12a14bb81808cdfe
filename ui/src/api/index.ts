/** Calls of the HTTP API, and what comes of them. */
export { type Api, type Call, curlOf, given, type Outcome, perform, type Schemas, send, serverUrl } from './client.ts'
export { isSignInNeeded, signIn, signOut, token } from './credentials.ts'
export { type Cause, causesAt, type Problem, readProblem } from './problem.ts'
export { caller, followCaller, may } from './rights.ts'
