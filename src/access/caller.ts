/** Who sends a request, as it has proved. */
export interface Caller {
  readonly user: string
  /** Tells users apart who have the same name one after the other; undefined if the credential has none. */
  readonly uid?: string | undefined
  readonly groups: readonly string[]
  /** Which credential the caller has shown, in the form of Kubernetes' `credential-id`: `AccessToken=ci`; undefined if it has no name. */
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
