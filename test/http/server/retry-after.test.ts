import t from 'tap'
import { RetryAfter } from '../../../src/http/server/retry-after.ts'

t.test('the more callers are refused for each that is served, the longer they wait', async (t) => {
  const retryAfter = new RetryAfter()
  t.equal(retryAfter.secondsAt(0), 1)
  for (const [refused, served, seconds] of [
    [1, 1_000, 1],
    [250, 1_000, 1],
    [251, 1_000, 2],
    [1_000, 1_000, 4],
    [1_000, 500, 8],
    [4_000, 100, 10],
    [1, 0, 10],
  ] as const) {
    retryAfter.note(refused, served, 1_000)
    t.equal(retryAfter.secondsAt(1_000), seconds, `${refused} refused, ${served} served`)
  }
})

t.test('nobody waits for a crowd that has gone', async (t) => {
  const retryAfter = new RetryAfter()
  retryAfter.note(1_000, 1_000, 1_000)
  t.equal(retryAfter.secondsAt(3_499), 4)
  t.equal(retryAfter.secondsAt(3_500), 1)
})
