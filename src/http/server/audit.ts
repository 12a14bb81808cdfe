import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Action, Rights } from '../../access/index.ts'
import {
  annotationDomain,
  type AuditTrail,
  decide,
  type Decision,
  type Happening,
  type ObjectReference,
  printEvent,
  redactBody,
  type Stage,
} from '../../audit/index.ts'
import { type Json, type Now, parseJson } from '../../model/index.ts'
import { calicoGroup } from '../../resources/index.ts'
import { statusOf } from '../schemas/index.ts'
import {
  isDryRun,
  mediaTypeOf,
  noteChange,
  onceClosed,
  reasons,
  refusal,
  type RefusalError,
  refuseForNow,
} from '../wire/index.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The call as the audit sees it; undefined without an audit, and for calls that are only counted. */
    audited: AuditedCall | undefined
  }
}

/** A call on its way, as the audit sees it. */
interface AuditedCall {
  readonly receivedAt: Now
  /** It is unknown once the client has gone. */
  readonly source: string | undefined
  /** Undefined until the caller was looked for. */
  decision?: Decision
}

/** Makes events of calls, by the policy of a trail, and gives them to its sink. */
export class CallAudit {
  readonly #trail: AuditTrail
  readonly #now: () => Now

  constructor(trail: AuditTrail, now: () => Now) {
    this.#trail = trail
    this.#now = now
  }

  /** Notes when and from where each call comes. Call it before any other hook is added. */
  receiveCalls(app: FastifyInstance): void {
    app.decorateRequest('audited', undefined)
    app.addHook('onRequest', (request, _reply, done) => {
      this.#receive(request)
      done()
    })
  }

  /**
   * Records calls. An answer is sent after its event is written, unless events may be dropped. While no event can be written, calls that
   * have one are refused. Call it after the hook that identifies callers, and before the one that compresses answers.
   */
  recordCalls(app: FastifyInstance): void {
    app.addHook('onRequest', (request, _reply, done) => {
      const { problem } = this.#trail.sink
      if (problem !== undefined && this.#decisionOf(request)?.level !== 'None') {
        this.#missRefused(request)
        done(refuseForNow(`The audit log of this server cannot be written (${problem}); nothing was changed.`))
        return
      }
      whenWritten(this.#record(request, 'RequestReceived'), (isWritten) => {
        done(isWritten ? undefined : refuseUnwritten())
      })
    })
    app.addHook('onSend', (request, reply, payload, done) => {
      if (this.#trail.sink.problem !== undefined && request.audited?.decision === undefined) this.#missRefused(request)
      if (payload instanceof Readable) {
        const complete = (): void => void this.#record(request, 'ResponseComplete', reply)
        // The head of the answer is on its way: it is too late to report that no event was written.
        whenWritten(this.#record(request, 'ResponseStarted', reply), () => done(null, payload))
        onceClosed(reply.raw, complete)
        return
      }
      whenWritten(this.#record(request, 'ResponseComplete', reply, payload), (isWritten) => {
        done(null, isWritten ? payload : answerUnwritten(request, reply))
      })
    })
  }

  /** Records a call that no hook sees, because its path cannot be read. */
  recordUnreadable(request: FastifyRequest, reply: FastifyReply): void {
    this.#receive(request)
    void this.#record(request, 'ResponseComplete', reply)
  }

  /** Counts calls that were refused before Fastify saw them. */
  missRefusedEarly(calls: number): void {
    this.#trail.sink.miss('refused-at-limit', calls)
  }

  /** Counts a call that was refused while no events can be written. */
  #missRefused(request: FastifyRequest): void {
    if (request.audited !== undefined) this.#trail.sink.miss('refused-without-log', 1)
    request.audited = undefined
  }

  #receive(request: FastifyRequest): void {
    request.audited = { receivedAt: this.#now(), source: request.socket.remoteAddress }
  }

  #decisionOf(request: FastifyRequest): Decision | undefined {
    const { audited } = request
    if (audited === undefined) return undefined
    audited.decision ??= decide(this.#trail.policy, {
      caller: callerOf(request),
      verb: verbOf(request),
      object: objectOf(request),
      path: pathOf(request),
    })
    return audited.decision
  }

  #record(
    request: FastifyRequest,
    stage: Stage,
    reply?: FastifyReply,
    payload?: unknown,
  ): Promise<boolean> | undefined {
    const decision = this.#decisionOf(request)
    const { audited } = request
    if (audited === undefined || decision === undefined) return undefined
    if (decision.level === 'None' || decision.omitStages.includes(stage)) return undefined
    const call = {
      id: request.id,
      url: request.url,
      verb: verbOf(request),
      caller: callerOf(request),
      source: audited.source,
      agent: request.headers['user-agent'],
      receivedAt: audited.receivedAt,
    }
    const happening: Happening = {
      level: decision.level,
      stage,
      at: this.#now(),
      object: objectOf(request),
      ...(reply !== undefined && { status: statusIn(request, reply) }),
      annotations: annotationsOf(request),
      sent: decision.level === 'Metadata' ? undefined : bodyOf(request.body, decision),
      answered: decision.level === 'RequestResponse' ? answerIn(reply, payload, decision) : undefined,
    }
    return this.#trail.sink.write(printEvent(call, happening))
  }
}

function whenWritten(written: Promise<boolean> | undefined, next: (isWritten: boolean) => void): void {
  if (written === undefined) next(true)
  else void written.then(next)
}

/** Undefined on routes that are for everybody, and before the caller is known. */
function callerOf({ rights }: { readonly rights?: Rights }): Rights['caller'] | undefined {
  return rights?.caller
}

/** Returns the action of a call; undefined if it is about no object. */
function actionOf(request: FastifyRequest): Action | undefined {
  const { access } = request.routeOptions.config
  if (access === undefined || typeof access === 'string') return undefined
  return typeof access === 'function' ? access(request) : access
}

/** As in Kubernetes, calls about no object have the name of their method. */
function verbOf(request: FastifyRequest): string {
  return actionOf(request)?.verb ?? request.method.toLowerCase()
}

/** The path that rules are matched with. A caller can write it in several ways (`/%61pis`, a whole URL), which all lead to one route. */
function pathOf({ url, routeOptions: { url: route } }: FastifyRequest): string {
  return route === undefined || /[:*]/.test(route) ? url.replace(/\?.*$/s, '') : route
}

/** Resources that are no kinds, and the parameters of paths that have their names. */
const ownResources: ReadonlyMap<string, string> = new Map([
  ['addresses', 'ip'],
  ['handles', 'handle'],
  ['affinities', ''],
])

function objectOf(request: FastifyRequest): ObjectReference | undefined {
  const action = actionOf(request)
  if (action === undefined) return undefined
  const { resource } = action
  const { routeOptions, changeNote } = request
  const params = membersIn(request.params)
  const parameter = ownResources.get(resource) ?? ('node' in params ? 'node' : 'name')
  const name = params[parameter]
  const { url: route = '' } = routeOptions
  const ofKind = /^\/apis\/([^/]+\/[^/]+)/.exec(route)?.[1] ?? calicoGroup.apiVersion
  const [apiGroup, version = 'v1'] = ownResources.has(resource) ? [] : ofKind.split('/')
  const [, subresource] = route.split(`/:${parameter}/`)
  return {
    resource,
    name: typeof name === 'string' ? name : changeNote?.name,
    apiGroup,
    apiVersion: version,
    subresource,
  }
}

function membersIn(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}

function statusIn({ changeNote }: FastifyRequest, { statusCode }: FastifyReply): NonNullable<Happening['status']> {
  return { code: statusCode, reason: changeNote?.reason, message: changeNote?.message }
}

/** The facts of the line in the log, but complete. */
function annotationsOf(request: FastifyRequest): Happening['annotations'] {
  const { changeNote, routeOptions } = request
  const { handle: handleInPath } = membersIn(request.params)
  const { handle = handleInPath, node, pool, cidr, addresses, blocks, names, failed, repeated } = changeNote ?? {}
  const isDecided = actionOf(request) !== undefined && callerOf(request) !== undefined
  const facts = {
    operation: routeOptions.schema?.operationId,
    handle: typeof handle === 'string' ? handle : undefined,
    node,
    pool,
    cidr,
    addresses,
    blocks,
    names,
    failed: failed?.toString(),
    repeated: repeated?.toString(),
    'dry-run': isDryRun(request) ? 'true' : undefined,
    'trace-id': request.trace?.ids.traceId,
  }
  return {
    ...(isDecided && { 'authorization.k8s.io/decision': changeNote?.reason === 'Forbidden' ? 'forbid' : 'allow' }),
    ...Object.fromEntries(Object.entries(facts).map(([name, value]) => [`${annotationDomain}/${name}`, value])),
  }
}

/** A body that its route decodes itself, such as protobuf, is no JSON. */
function bodyOf(body: unknown, decision: Decision): Json | undefined {
  return body === undefined || body === null || body instanceof Uint8Array ? undefined : redactBody(body, decision)
}

function answerIn(reply: FastifyReply | undefined, payload: unknown, decision: Decision): Json | undefined {
  if (typeof payload !== 'string' || reply === undefined) return undefined
  if (mediaTypeOf(String(reply.getHeader('content-type'))) !== 'application/json') return undefined
  const parsed = parseJson(payload)
  return parsed.ok ? redactBody(parsed.value, decision) : undefined
}

function refuseUnwritten(): RefusalError {
  return refuseForNow('The audit event of this call could not be written in time; nothing was changed.')
}

/** Replaces an answer whose event could not be written in time: an outcome that is not recorded must not become known. */
function answerUnwritten(request: FastifyRequest, reply: FastifyReply): string {
  const isChanged = request.method !== 'GET' && request.method !== 'HEAD' && reply.statusCode < 300
  const message = 'The change was made, but its audit event could not be written in time; it is written later.'
  const refused = isChanged ? refusal('OutcomeUnknown', message) : refuseUnwritten()
  const { reason } = refused.refusal
  noteChange(request, { reason, message: refused.message })
  void reply.code(reasons[reason].code).type('application/json; charset=utf-8').removeHeader('location')
  return JSON.stringify(statusOf(refused))
}
