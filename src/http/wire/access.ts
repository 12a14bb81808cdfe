import type { FastifyRequest } from 'fastify'
import { type Action, denied, type OnEnd, type Rights } from '../../access/index.ts'
import { RefusalError } from './errors.ts'

/**
 * Who may call a route: everybody, also without a credential; everybody who has one; or those who may do the action, at least to some
 * objects. Which objects is for the route to decide.
 */
export type RouteAccess = 'everybody' | 'authenticated' | Action | ((request: FastifyRequest) => Action)

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route. Every route says so. */
    access?: RouteAccess
  }
  interface FastifyRequest {
    /** Who sends the request, and what they may do. Not on routes that are for everybody. */
    rights: Rights
    /** Tells of the end of the credential of the request; undefined if nobody hears of that. */
    onCredentialEnd: OnEnd | undefined
    /** What the caller wants to do; undefined before that is looked at, and on routes that ask for no right. */
    action: Action | undefined
  }
}

/** Makes the refusal of an action. It says what would be needed, and nothing about any object. */
export function refuseAccess(rights: Rights, action: Action): RefusalError {
  return new RefusalError(denied(rights, action))
}
