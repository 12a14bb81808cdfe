/** Calls of the HTTP API, and what comes of them. */
export { type Api, type Call, curlOf, given, type Outcome, perform, type Schemas, send } from './client.ts'
export { isSignInNeeded, signIn, signInProblem, signOut, token } from './credentials.ts'
export { signInByCode } from './grants.ts'
export { type Cause, causesAt, type Problem, readProblem } from './problem.ts'
export { caller, followCaller, may } from './rights.ts'
export { serverUrl } from './server-url.ts'
