import fc from 'fast-check'
import t from 'tap'
import type { CallLimit } from '../../../src/access/index.ts'
import { CallLimits, refill } from '../../../src/http/server/call-limits.ts'

const none = { requestsPerSecond: undefined, burst: undefined, concurrentRequests: undefined }

function limitOf(limits: Partial<CallLimit['limits']>, policy = 'p', name = 'blue'): CallLimit {
  return { policy, subject: { kind: 'Group', name }, limits: { ...none, ...limits } }
}

t.test('a rate lets a burst begin at once, and then one call whenever its time has come', async (t) => {
  const calls = new CallLimits()
  const limits = [limitOf({ requestsPerSecond: 10, burst: 3 })]
  const isLetIn = (now: number): boolean => typeof calls.enter(limits, now, false) === 'function'
  t.strictSame([0, 0, 0, 0, 99, 100, 100, 199, 200].map(isLetIn), [
    true,
    true,
    true,
    false,
    false,
    true,
    false,
    false,
    true,
  ])
  t.strictSame([10_000, 10_000, 10_000, 10_000].map(isLetIn), [true, true, true, false], 'never more than the burst')
  t.match(calls.enter(limits, 10_000, false), {
    message: /^The limit requestsPerSecond of AccessPolicy "p" for Group "blue" is reached: 10 calls in a second/,
    retryAfterSeconds: 1,
  })
})

t.test('without a burst, as many may begin at once as in a second', async (t) => {
  const calls = new CallLimits()
  const limits = [limitOf({ requestsPerSecond: 2 })]
  const outcomes = [0, 0, 0].map((now) => typeof calls.enter(limits, now, false))
  t.strictSame(outcomes, ['function', 'function', 'object'])
})

t.test('so many calls may be in flight, watches aside', async (t) => {
  const calls = new CallLimits()
  const limits = [limitOf({ concurrentRequests: 2 })]
  const first = calls.enter(limits, 0, false)
  calls.enter(limits, 0, false)
  t.type(calls.enter(limits, 0, true), 'function', 'a watch')
  t.match(calls.enter(limits, 0, false), { message: /^The limit concurrentRequests .*2 calls are in flight/ })
  if (typeof first === 'function') {
    first()
    first()
  }
  t.type(calls.enter(limits, 0, false), 'function')
  t.type(calls.enter(limits, 0, false), 'object', 'a call ends once')
})

t.test('each subject of each policy has its own; a call that exceeds one counts for none', async (t) => {
  const calls = new CallLimits()
  const wide = limitOf({ requestsPerSecond: 2 }, 'wide')
  const narrow = limitOf({ requestsPerSecond: 1 }, 'narrow')
  t.type(calls.enter([wide, narrow], 0, false), 'function')
  t.match(calls.enter([wide, narrow], 0, false), { message: /"narrow"/ })
  t.type(calls.enter([wide], 0, false), 'function', 'the refused call took nothing of it')
  t.type(calls.enter([limitOf({ requestsPerSecond: 1 }, 'narrow', 'red')], 0, false), 'function')
})

t.test('a limit that was changed holds from the next call on', async (t) => {
  const calls = new CallLimits()
  t.type(calls.enter([limitOf({ requestsPerSecond: 1 })], 0, false), 'function')
  t.type(calls.enter([limitOf({ requestsPerSecond: 1 })], 0, false), 'object')
  t.type(calls.enter([limitOf({ requestsPerSecond: 1_000 })], 1, false), 'function')
  t.type(calls.enter([limitOf({})], 1, false), 'function')
})

t.test('over any time, no more calls begin than the burst and the rate allow', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(200)), (...given) => {
      const [requestsPerSecond, burst, pauses] = given
      const calls = new CallLimits()
      let now = 0
      let begun = 0
      for (const pause of pauses) {
        now += pause
        if (typeof calls.enter([limitOf({ requestsPerSecond, burst })], now, false) === 'function') begun++
      }
      return begun <= burst + (now / 1_000) * requestsPerSecond + 1e-6
    }),
  )
  t.strictSame(refill({ tokens: 1, at: 500 }, { perSecond: 10, burst: 5 }, 400), { tokens: 1, at: 400 }, 'time stands')
})
