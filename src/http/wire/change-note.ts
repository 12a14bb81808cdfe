import type { FastifyRequest } from 'fastify'
import type { Reason } from '../../plan/index.ts'

/** The facts about a change for its line in the log: its handle or object, its addresses, its result. */
export interface ChangeNote {
  /** The address of the client. */
  readonly from?: string | undefined
  readonly handle?: string | undefined
  readonly node?: string | undefined
  readonly pool?: string | undefined
  readonly cidr?: string | undefined
  /** The name of an object that the path does not name. */
  readonly name?: string | undefined
  /** Addresses that the handle got, or that were released; before that, those that the request names. */
  readonly addresses?: readonly string[]
  /** The numbers of addresses that were assigned and released. */
  readonly assigned?: number
  readonly released?: number
  readonly blocks?: readonly string[]
  /** Names of several objects, or keys. */
  readonly names?: readonly string[]
  /** Number of addresses or blocks that stayed as they are because something went wrong. */
  readonly failed?: number
  /** The answer of an earlier call with the same key was given again; nothing was changed. */
  readonly repeated?: true
  readonly dryRun?: boolean
  readonly reason?: Reason
  /** The message of the answer, if it is no success. */
  readonly message?: string
}

/** Adds facts to the log line of the change that this request asks for. */
export function noteChange(request: FastifyRequest, note: ChangeNote): void {
  request.changeNote = { ...request.changeNote, ...note }
}

/** True if the request is a dry run. */
export function isDryRun({ changeNote, query }: FastifyRequest): boolean {
  const isAsked = typeof query === 'object' && query !== null && 'dryRun' in query && query.dryRun === 'All'
  return changeNote?.dryRun ?? isAsked
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The facts known so far about the requested change. */
    changeNote: ChangeNote | undefined
  }
}
