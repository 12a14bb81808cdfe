/** The sender of a request, as its credential proves: a user and groups. */
export interface Caller {
  readonly user: string
  /** Distinguishes users that have the same name at different times; undefined if the credential has none. */
  readonly uid?: string | undefined
  readonly groups: readonly string[]
  /** The credential of the caller, in the form of Kubernetes' `credential-id`: `AccessToken=ci`; undefined if it has no name. */
  readonly credentialId?: string | undefined
}

/** The group whose members may do everything. */
export const adminGroup = 'ippoold:admins'

/** The groups of Kubernetes' conventions: of every caller with a valid credential, and of every caller without one. */
export const authenticatedGroup = 'system:authenticated'
const unauthenticatedGroup = 'system:unauthenticated'

/** The caller without a credential, where such callers are allowed. */
export const anonymous: Caller = { user: 'system:anonymous', groups: [unauthenticatedGroup] }

/** Every caller of a server that asks for no credentials. */
export const unchecked: Caller = { user: 'system:anonymous', groups: [unauthenticatedGroup, adminGroup] }
