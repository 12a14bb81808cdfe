import type { IncomingMessage, ServerResponse } from 'node:http'
import { parse } from 'node:querystring'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Probe, ServedStore } from '../../datastore/index.ts'
import { isWatch } from '../resources/index.ts'
import { onceClosed, type RefusalError, refuseForNow } from '../wire/index.ts'
import { credentialOf } from './access.ts'
import { EarlyRefusals, type EarlyRefusalOptions } from './early-refusals.ts'
import { FairGate, type GateCall } from './fair-gate.ts'
import { KnownCallers } from './known-callers.ts'
import type { OnStopping } from './stopping.ts'

/** Which calls the server admits, and how many. */
export interface Admission extends Pick<EarlyRefusalOptions, 'requestId' | 'refused'> {
  /** Calls that may be in flight at once. */
  readonly callsMax: number
  /** Milliseconds after which an operation that is not done fails. */
  readonly deadlineMs: number
  /** Its operations include those whose callers have gone. */
  readonly store: Pick<ServedStore, 'pending' | 'waitedMs'>
  /** How the paths of these calls begin. */
  readonly prefixes: readonly string[]
  readonly onStopping: OnStopping
  /** Hears of the calls at the gate. */
  readonly probe: Pick<Probe, 'callsCounted' | 'callBegun'>
}

declare module 'node:http' {
  interface IncomingMessage {
    /** The place of the call at the gate; undefined for requests that need none. */
    gateCall?: GateCall
    /** The refusal of a call that may not begin. */
    refusedAtGate?: RefusalError
  }
}

/**
 * Calls that a caller may have under way if there is no other caller: those of one batch, and of the next, which gathers meanwhile. Any
 * beyond that would wait in the store, where calls of other callers cannot overtake them.
 */
const places = 128

/** Small batches, so that a call beside them waits for little work; measured with `npm run bench:fairness`. */
const placesBesideModest = 16

const modestMax = 4

/** Longer than a client in the same network needs to send its next call. */
const keepMs = 50

/** As many as one batch gathers from as many callers. */
const perTurn = 64

/** A turn of the event loop takes some milliseconds then. */
const perTurnOfCrowd = 16

/** Fewer open calls are no crowd. */
const crowdMin = 128

/** Share of its deadline that a call may wait for those before it. Beyond it, more of them only wait longer. */
const waitShareMax = 0.3

/** So few calls may wait until their deadline: a commit of many takes a slow etcd no longer than one of few. */
const slowCallsMax = 512

/** Nobody takes a place by sending slowly. */
const arrivalMs = 100

const expiryIntervalMs = 100

/**
 * Decides which calls below `app` begin, wait or are refused, before their body is read, by the shares of those who send them; see
 * {@link FairGate}. A call counts from its head until its response is sent or its connection is closed. A watch needs no place, and a
 * report none once it has begun. Call it after the hook that finds out who sends a call.
 */
export function admitCalls(app: FastifyInstance, admission: Admission): void {
  const { callsMax, deadlineMs, store, prefixes, probe } = admission
  const gate = new FairGate({
    ...{ callsMax, slowCallsMax, slowMs: deadlineMs * waitShareMax, patienceMs: deadlineMs, arrivalMs },
    ...{ places, placesBesideModest, modestMax, keepMs, perTurn, perTurnOfCrowd, crowdMin },
    nextTurn: (callback) => setImmediate(() => callback(performance.now())),
  })
  const timer = setInterval(() => gate.expire(performance.now()), expiryIntervalMs).unref()
  app.addHook('onClose', (_app, done) => {
    clearInterval(timer)
    done()
  })
  const callers = new KnownCallers()
  const refusals = new EarlyRefusals({ ...admission, log: app.log, gate })
  followCalls(app, gate, callers, refusals)
  probe.callsCounted({ callsMax, count: () => ({ inFlight: gate.open, waiting: gate.waiting }) })
  let isStopping = false
  admission.onStopping(() => {
    isStopping = true
  })
  const refuse = (request: IncomingMessage, response: ServerResponse): void => {
    if (isFromPage(request)) {
      request.refusedAtGate = refusals.error
      app.routing(request, response)
    } else refusals.send(response)
  }
  app.server.removeAllListeners('request')
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A server that is stopping gives another response.
    if (isStopping || !isCall(request, prefixes)) {
      app.routing(request, response)
      return
    }
    const { name: caller, isAdmin } = callers.find(credentialOf(request), request.socket.remoteAddress)
    const { pending, waitedMs } = store
    const call = gate.enter(
      { caller, isAdmin, now: performance.now(), pending, waitedMs },
      {
        begin: (begun) => {
          probe.callBegun({ waitedMs: begun.waitedMs })
          request.gateCall = begun
          app.routing(request, response)
        },
        refuse: () => refuse(request, response),
      },
    )
    if (call === undefined) {
      refuse(request, response)
      return
    }
    const leave = (): void => gate.leave(call, performance.now())
    // `finish` comes before the caller can have the response and send its next call; `close` also comes without a response.
    response.once('finish', leave)
    onceClosed(response, leave)
  })
}

/** Tells the gate which calls have arrived and which are answered, and remembers who has sent them. */
function followCalls(app: FastifyInstance, gate: FairGate, callers: KnownCallers, refusals: EarlyRefusals): void {
  app.addHook('onRequest', ({ raw, rights }, _reply, done) => {
    callers.note(credentialOf(raw), rights.caller)
    done(raw.refusedAtGate)
  })
  app.addHook('preHandler', ({ raw }, _reply, done) => {
    if (raw.gateCall === undefined) done()
    else {
      const waiter = { begin: () => done(), refuse: () => done(refusals.error) }
      gate.arrive(raw.gateCall, waiter, performance.now())
    }
  })
  app.addHook('onSend', ({ raw }, { statusCode }, payload, done) => {
    if (raw.gateCall !== undefined) gate.answer(raw.gateCall, performance.now())
    if (statusCode === 401) callers.forget(credentialOf(raw))
    done(null, payload)
  })
}

/** True if the head of a request shows that it is a call that needs a place. */
function isCall({ method, url = '' }: IncomingMessage, prefixes: readonly string[]): boolean {
  const path = pathOf(url)
  if (!prefixes.some((prefix) => path.startsWith(prefix))) return false
  const isWatching = method === 'GET' && url.includes('watch') && isWatch(parse(url.slice(url.indexOf('?') + 1)))
  return !isWatching
}

/** The path of a target, which may be written in an odd way. */
function pathOf(url: string): string {
  if (url.startsWith('/') && !url.includes('%')) return url
  const [path = ''] = url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').split(/[?#]/)
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** A web page gets other headers, or another refusal. */
function isFromPage({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
}

/** Share of its deadline that an operation may spend waiting for the event loop. Beyond it, more work only makes everything slower. */
const eventLoopShareMax = 0.5

/** Refuses requests while the event loop is late. */
export function limitEventLoopDelay(app: FastifyInstance, deadlineMs: number): void {
  void app.register(underPressure, {
    maxEventLoopDelay: deadlineMs * eventLoopShareMax,
    pressureHandler: refuseUnderPressure,
  })
}

/** The delay is infinite after a second in which it could not be measured at all: that is no evidence of overload. */
function refuseUnderPressure(
  _request: FastifyRequest,
  _reply: FastifyReply,
  _type: string,
  delayMs: number | undefined,
): Promise<void> {
  if (delayMs === Number.POSITIVE_INFINITY) return Promise.resolve()
  return Promise.reject(refuseForNow('The server is overloaded; nothing was changed.'))
}
