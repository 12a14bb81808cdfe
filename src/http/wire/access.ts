import type { FastifyRequest } from 'fastify'
import { type Action, denied, type OnEnd, type Rights } from '../../access/index.ts'
import { RefusalError } from './errors.ts'

/**
 * The callers that may use a route: all, even without a credential; all with one; or those that may do the action, at least to some
 * objects. The route itself decides about each object.
 */
export type RouteAccess = 'everybody' | 'authenticated' | Action | ((request: FastifyRequest) => Action)

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The callers that may use the route. Every route names them. */
    access?: RouteAccess
  }
  interface FastifyRequest {
    /** The caller of the request, and its rights. Absent on routes for everybody. */
    rights: Rights
    /** Subscribes to the end of the credential of the request; undefined if the server does not learn of it. */
    onCredentialEnd: OnEnd | undefined
    /** The action that the caller wants to do; undefined before it is determined, and on routes that require no right. */
    action: Action | undefined
  }
}

/** Makes the refusal of an action. It says which right is needed, and nothing about any object. */
export function refuseAccess(rights: Rights, action: Action): RefusalError {
  return new RefusalError(denied(rights, action))
}
