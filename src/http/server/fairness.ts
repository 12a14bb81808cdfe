import type { FastifyInstance, FastifyRequest } from 'fastify'
import { unchecked } from '../../access/index.ts'
import type { Probe } from '../../datastore/index.ts'
import { isWatch } from '../resources/index.ts'
import { onceClosed, refusal, type RefusalError, refuseForNow } from '../wire/index.ts'
import { CallLimits } from './call-limits.ts'
import { FairGate } from './fair-gate.ts'

/**
 * Calls that a caller may have under way if nobody else calls: those of one batch, and of the next, which gathers meanwhile. With more,
 * more than that would wait in the store, where nobody passes them.
 */
const places = 128

/** Chosen by estimate, and to be checked with `npm run bench:fairness`: small batches, so that a call beside them waits for little work. */
const placesBesideModest = 16

const modestMax = 4

/** Longer than a client in the same network needs to send its next call. */
const keepMs = 50

const expiryIntervalMs = 250

/**
 * Refuses calls below `app` that exceed a limit of a policy for their caller (429). Call it after it is known who sends a call, and before calls
 * are counted that are in flight. `probe` hears of each.
 */
export function limitCallers(app: FastifyInstance, probe: Pick<Probe, 'callLimited'>): void {
  const callLimits = new CallLimits()
  app.addHook('onRequest', ({ rights: { limits }, method, query }, reply, done) => {
    if (limits.length === 0) {
      done()
      return
    }
    const entered = callLimits.enter(limits, performance.now(), method === 'GET' && isWatch(query))
    if (typeof entered === 'function') {
      // `finish` comes before the caller can have the response and send its next call; `close` also comes without a response.
      reply.raw.once('finish', entered)
      onceClosed(reply.raw, entered)
      done()
    } else {
      const { limit, message, retryAfterSeconds } = entered
      probe.callLimited({ limit })
      done(refusal('TooManyRequests', message, { retryAfterSeconds }))
    }
  })
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Ends what the call takes of the share of its caller. */
    leaveGate: ((now: number) => void) | undefined
  }
}

/**
 * Lets calls below `app` begin by the shares of those who send them, after their bodies were read: nobody takes a place by sending slowly. A
 * watch needs no place, and a report none once it has begun. `probe` hears how many calls wait, and how long each has waited.
 */
export function shareFairly(
  app: FastifyInstance,
  deadlineMs: number,
  probe: Pick<Probe, 'callsWaiting' | 'callBegun'>,
): void {
  const gate = new FairGate({ places, placesBesideModest, modestMax, keepMs, patienceMs: deadlineMs })
  const timer = setInterval(() => {
    gate.expire(performance.now())
  }, expiryIntervalMs).unref()
  app.addHook('onClose', (_app, done) => {
    clearInterval(timer)
    done()
  })
  app.decorateRequest('leaveGate', undefined)
  app.addHook('preHandler', (request, reply, done) => {
    if (request.method === 'GET' && isWatch(request.query)) {
      done()
      return
    }
    const call = { isDecided: false, sinceMs: performance.now() }
    const decide = (refused?: RefusalError): void => {
      if (call.isDecided) return
      call.isDecided = true
      if (refused === undefined) probe.callBegun({ waitedMs: performance.now() - call.sinceMs })
      done(refused)
    }
    const begin = (): void => decide()
    const refuse = (): void => decide(tooLate())
    request.leaveGate = gate.enter(callerOf(request), call.sinceMs, begin, refuse)
    probe.callsWaiting({ calls: gate.waiting })
    // What has not begun need not begin for a client that has gone.
    if (!call.isDecided) onceClosed(reply.raw, () => decide(refuseForNow('The client has gone; nothing was changed.')))
  })
  app.addHook('onSend', (request, _reply, payload, done) => {
    request.leaveGate?.(performance.now())
    probe.callsWaiting({ calls: gate.waiting })
    done(null, payload)
  })
}

function tooLate(): RefusalError {
  const message = 'The deadline passed while the call waited for earlier ones of the same caller; nothing was changed.'
  return refusal('Timeout', message)
}

/** The user, or the address of a caller whom nobody knows. */
function callerOf({ rights: { caller }, ip }: FastifyRequest): string {
  return caller.user === unchecked.user ? `address ${ip}` : `user ${caller.user}`
}
