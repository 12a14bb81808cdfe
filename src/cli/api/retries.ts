/** An attempt at a call that has not succeeded. */
export interface Attempt {
  /** Of the answer; undefined if none came. */
  readonly status: number | undefined
  /** The reason of its Status. */
  readonly reason: string | undefined
  /** The header of the answer, in seconds. */
  readonly retryAfter: string | undefined
  /** True if the connection was never made, so that the server has not seen the call. */
  readonly isUnsent: boolean
  /** True if the call may be carried out twice: a read, or one with an `Idempotency-Key`. */
  readonly isRepeatable: boolean
  /** From 1. */
  readonly number: number
}

/** How often a call is tried. */
export const attemptsMax = 8

/**
 * How long to wait before the call is sent again, in ms; undefined if it must not be. A server that asks to wait (429, 503) has changed
 * nothing. Without an answer only what can be repeated is sent again.
 */
export function waitBeforeRetry({
  status,
  reason,
  retryAfter,
  isUnsent,
  isRepeatable,
  number,
}: Attempt): number | undefined {
  if (number >= attemptsMax) return undefined
  const pauseMs = Math.min(250 * 2 ** (number - 1), 4_000)
  if (status === 429 || status === 503) {
    const seconds = Number(retryAfter)
    return retryAfter === undefined || !(seconds >= 0) ? undefined : Math.max(seconds * 1_000, pauseMs)
  }
  // Nobody listens there. A name that was mistyped should not take long to tell.
  if (isUnsent) return undefined
  const isLost = status === undefined || status === 502 || reason === 'OutcomeUnknown'
  return isLost && isRepeatable ? pauseMs : undefined
}
