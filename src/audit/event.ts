import type { Caller } from '../access/index.ts'
import { formatMicroTime, type Json, type JsonObject, type Now, stringifyJson } from '../model/index.ts'
import type { Level, ObjectReference, Stage } from './policy.ts'
import { redactText, redactUrl } from './redaction.ts'

/** The domain of the names of ippoold's annotations. */
export const annotationDomain = 'ippoold.io'

/** The facts about a call that are known when it arrives. */
export interface ReceivedCall {
  /** The request id, as in the log. */
  readonly id: string
  /** Path and query. */
  readonly url: string
  readonly verb: string
  /** Undefined if the caller is unknown. */
  readonly caller: Caller | undefined
  readonly source: string | undefined
  readonly agent: string | undefined
  readonly receivedAt: Now
}

/** The facts that an event adds to a {@link ReceivedCall}. */
export interface Happening {
  readonly level: Level
  readonly stage: Stage
  readonly at: Now
  readonly object?: ObjectReference | undefined
  /** The answer; undefined before there is one. */
  readonly status?: {
    readonly code: number
    readonly reason?: string | undefined
    readonly message?: string | undefined
  }
  /** The facts in ippoold's own words; lists are joined with commas. */
  readonly annotations: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The body that was sent, without secrets. */
  readonly sent?: Json | undefined
  /** The body of the answer, without secrets. */
  readonly answered?: Json | undefined
}

/** Prints an event: one line in the form of Kubernetes' `audit.k8s.io/v1 Event`, with its line break. */
export function printEvent(call: ReceivedCall, happening: Happening): string {
  const { caller, receivedAt } = call
  const { level, stage, at, object, status, sent, answered } = happening
  return printLine({
    level,
    auditID: call.id,
    stage,
    requestURI: redactUrl(call.url),
    verb: call.verb,
    user: caller === undefined ? {} : userOf(caller),
    ...(call.source !== undefined && { sourceIPs: [call.source] }),
    ...(call.agent !== undefined && { userAgent: call.agent }),
    ...(object !== undefined && { objectRef: membersOf({ ...object }) }),
    ...(status !== undefined && { responseStatus: { metadata: {}, ...statusOf(status) } }),
    ...(sent !== undefined && { requestObject: sent }),
    ...(answered !== undefined && { responseObject: answered }),
    requestReceivedTimestamp: formatMicroTime(receivedAt),
    stageTimestamp: formatMicroTime(at),
    annotations: membersOf(happening.annotations),
  })
}

/** The reasons for calls without events of their own: refused at the limit, refused because none could be written, or dropped. */
export type MissingReason = 'refused-at-limit' | 'refused-without-log' | 'dropped'

const missingMessages: Readonly<Record<MissingReason, string>> = {
  'refused-at-limit': 'calls were refused before they were read: too many were in flight',
  'refused-without-log': 'calls were refused: their events could not be written',
  dropped: 'events were dropped: they could not be written',
}

/** Prints the event that stands for several calls without events of their own. */
export function printMissing(id: string, reason: MissingReason, calls: number, at: Now): string {
  const code = reason === 'dropped' ? undefined : { code: 503, reason: 'ServiceUnavailable' }
  return printLine({
    level: 'Metadata',
    auditID: id,
    stage: 'ResponseComplete',
    requestURI: '',
    verb: '',
    user: {},
    responseStatus: { metadata: {}, ...code, message: `${calls} ${missingMessages[reason]}` },
    requestReceivedTimestamp: formatMicroTime(at),
    stageTimestamp: formatMicroTime(at),
    annotations: { [`${annotationDomain}/calls-${reason}`]: String(calls) },
  })
}

/** Prints the line of an event. As a backstop, removes secrets wherever they are. */
function printLine(members: JsonObject): string {
  return `${redactText(stringifyJson({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', ...members }))}\n`
}

function userOf({ user, uid, groups }: Caller): JsonObject {
  return { username: user, ...(uid !== undefined && { uid }), groups }
}

function statusOf({ code, reason, message }: NonNullable<Happening['status']>): JsonObject {
  return {
    ...(code >= 400 && { status: 'Failure' }),
    ...(message !== undefined && { message }),
    ...(reason !== undefined && { reason }),
    code,
  }
}

/** The members that have a value. */
function membersOf(members: Readonly<Record<string, string | readonly string[] | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value].flat().join(',')]])),
  )
}
