import type { CallLimit } from '../../access/index.ts'

/** A token bucket: it had `tokens` at the time `at`, in milliseconds. Each call takes one; they come back with time. */
export interface Bucket {
  readonly tokens: number
  readonly at: number
}

/** The rate at which calls may begin: so many in a second, and `burst` at once. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Returns the bucket at the time `now`, with the tokens that have come back since. */
export function refill({ tokens, at }: Bucket, { perSecond, burst }: Rate, now: number): Bucket {
  return { tokens: Math.min(burst, tokens + (Math.max(0, now - at) / 1_000) * perSecond), at: now }
}

/** The limit that a call exceeds, and the seconds after which it may be sent again. */
export interface Excess {
  readonly limit: 'requestsPerSecond' | 'concurrentRequests'
  readonly message: string
  readonly retryAfterSeconds: number
}

/** The calls of one subject of one policy. */
interface Usage {
  bucket: Bucket | undefined
  inFlight: number
}

/** Above this number of usages, the idle ones are removed. */
const usagesMax = 10_000

/** Counts the calls of each subject of each policy, and says which of them are too many. Time comes in as a value, in milliseconds. */
export class CallLimits {
  readonly #usages = new Map<string, Usage>()

  /**
   * Counts a call to which these limits apply, or says which of them it exceeds; then it counts for none. A call that `isWatch` is not in
   * flight. Returns what to call when it is over.
   */
  enter(limits: readonly CallLimit[], now: number, isWatch: boolean): (() => void) | Excess {
    const taken = limits.map((limit) => ({ limit, usage: this.#usageOf(limit) }))
    for (const { limit, usage } of taken) {
      const excess = excessOf(limit, usage, now, isWatch)
      if (excess !== undefined) return excess
    }
    for (const { limit, usage } of taken) {
      const rate = rateOf(limit)
      if (rate !== undefined) usage.bucket = take(bucketOf(usage, rate, now))
      if (!isWatch) usage.inFlight++
    }
    if (this.#usages.size > usagesMax) this.#forgetIdle(now)
    let isOver = isWatch
    return () => {
      if (isOver) return
      isOver = true
      for (const { usage } of taken) usage.inFlight--
    }
  }

  #usageOf({ policy, subject }: CallLimit): Usage {
    const key = JSON.stringify([policy, subject.kind, subject.name])
    const usage = this.#usages.get(key) ?? { bucket: undefined, inFlight: 0 }
    this.#usages.set(key, usage)
    return usage
  }

  /** A rate is back at its burst after an hour, whatever it is, and a usage without a call says no more than a new one. */
  #forgetIdle(now: number): void {
    for (const [key, { bucket, inFlight }] of this.#usages) {
      if (inFlight === 0 && (bucket === undefined || now - bucket.at > 3_600_000)) this.#usages.delete(key)
    }
  }
}

function rateOf({ limits: { requestsPerSecond: perSecond, burst } }: CallLimit): Rate | undefined {
  return perSecond === undefined ? undefined : { perSecond, burst: burst ?? perSecond }
}

function bucketOf({ bucket }: Usage, rate: Rate, now: number): Bucket {
  return bucket === undefined ? { tokens: rate.burst, at: now } : refill(bucket, rate, now)
}

function take({ tokens, at }: Bucket): Bucket {
  return { tokens: tokens - 1, at }
}

function excessOf(limit: CallLimit, usage: Usage, now: number, isWatch: boolean): Excess | undefined {
  const { policy, subject, limits } = limit
  const whose = `of AccessPolicy ${JSON.stringify(policy)} for ${subject.kind} ${JSON.stringify(subject.name)}`
  const { concurrentRequests } = limits
  if (!isWatch && concurrentRequests !== undefined && usage.inFlight >= concurrentRequests) {
    const message = `The limit concurrentRequests ${whose} is reached: ${concurrentRequests} calls are in flight; nothing was changed.`
    return { limit: 'concurrentRequests', message, retryAfterSeconds: 1 }
  }
  const rate = rateOf(limit)
  if (rate === undefined) return undefined
  const { tokens } = bucketOf(usage, rate, now)
  if (tokens >= 1) return undefined
  const message = `The limit requestsPerSecond ${whose} is reached: ${rate.perSecond} calls in a second; nothing was changed.`
  return { limit: 'requestsPerSecond', message, retryAfterSeconds: Math.ceil((1 - tokens) / rate.perSecond) }
}
