import t from 'tap'
import { attemptsMax, waitBeforeRetry } from '../../src/cli/api/retries.ts'

type Attempt = Parameters<typeof waitBeforeRetry>[0]

const lost: Attempt = {
  status: undefined,
  reason: undefined,
  retryAfter: undefined,
  isUnsent: false,
  isRepeatable: true,
  number: 1,
}

const cases: readonly (readonly [name: string, attempt: Partial<Attempt>, waitMs: number | undefined])[] = [
  ['a server that is busy says when', { status: 503, retryAfter: '2' }, 2_000],
  ['so does a limit', { status: 429, retryAfter: '30' }, 30_000],
  ['it has changed nothing, so any call is sent again', { status: 503, retryAfter: '1', isRepeatable: false }, 1_000],
  ['without a time, it is not', { status: 503 }, undefined],
  ['nor with a date', { status: 503, retryAfter: 'Mon, 30 Nov 2026 12:00:00 GMT' }, undefined],
  ['"at once" is not taken literally', { status: 503, retryAfter: '0' }, 250],
  ['a refusal is final', { status: 409 }, undefined],
  ['a lost connection may be tried again', {}, 250],
  ['more slowly each time', { number: 4 }, 2_000],
  ['and not for ever', { number: attemptsMax }, undefined],
  ['what must not be done twice is not sent twice', { isRepeatable: false }, undefined],
  ['nobody there', { isUnsent: true }, undefined],
  ['an unknown outcome is asked for by the same key', { status: 500, reason: 'OutcomeUnknown' }, 250],
  ['not without one', { status: 500, reason: 'OutcomeUnknown', isRepeatable: false }, undefined],
  ['a fault is final', { status: 500, reason: 'InternalError' }, undefined],
]
for (const [name, attempt, waitMs] of cases) t.equal(waitBeforeRetry({ ...lost, ...attempt }), waitMs, name)
