import type { FastifyInstance } from 'fastify'
import { refuseForNow } from './errors.ts'
import { isWatch } from './resource-watch.ts'

/**
 * Turns away calls below `app` beyond `callsMax` at once, before their body is read. A call counts from its head until its answer
 * is through or its connection has gone; `pending` tells of those that go on without their callers.
 */
export function limitCalls(app: FastifyInstance, callsMax: number, pending: () => number): void {
  // Made once: it is given when there is no time to lose.
  const refused = refuseForNow(
    `${callsMax} calls are under way, which is all that this server takes; nothing was changed. Try again.`,
  )
  let underWay = 0
  app.addHook('onRequest', ({ query, method }, reply, done) => {
    // A watch waits for most of its time, and is counted by itself.
    if (method === 'GET' && isWatch(query)) {
      done()
      return
    }
    if (Math.max(underWay, pending()) >= callsMax) {
      done(refused)
      return
    }
    underWay++
    let isOver = false
    const leave = (): void => {
      if (!isOver) underWay--
      isOver = true
    }
    // The first comes before the caller can have the answer and send the next call, the second also without an answer.
    reply.raw.once('finish', leave).once('close', leave)
    done()
  })
}
