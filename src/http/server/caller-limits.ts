import type { FastifyInstance } from 'fastify'
import type { Probe } from '../../datastore/index.ts'
import { isWatch } from '../resources/index.ts'
import { onceClosed, refusal } from '../wire/index.ts'
import { CallLimits } from './call-limits.ts'

/**
 * Refuses calls below `app` that exceed a limit of a policy for their caller (429). `probe` hears of each. Call it after it is known who sends a
 * call.
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
