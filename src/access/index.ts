/** Callers of requests, and their rights. Pure. */
export { adminGroup, anonymous, authenticatedGroup, type Caller, unchecked } from './caller.ts'
export {
  type AccessedObject,
  type Action,
  type CallLimit,
  covers,
  coversHandle,
  coversPool,
  denied,
  type Grant,
  may,
  mayAlways,
  maySometimes,
  noRights,
  Policies,
  type Rights,
  unlimited,
  type Verb,
  verbs,
} from './rights.ts'
export { excessOf } from './escalation.ts'
export {
  type AdminWays,
  type Credentials,
  type Gatekeeper,
  type Identification,
  type OnEnd,
  openGate,
} from './gatekeeper.ts'
export {
  type IdentityProvider,
  openSignIn,
  type SignIn,
  type SignInGrant,
  SignInRefused,
  type SignInTokens,
  type SignInWays,
} from './sign-in.ts'
