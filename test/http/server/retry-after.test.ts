import t from 'tap'
import { RetryAfter } from '../../../src/http/server/retry-after.ts'

t.test('the more callers are refused, the longer they wait; nobody waits for a crowd that has gone', async (t) => {
  const retryAfter = new RetryAfter()
  t.equal(retryAfter.secondsAt(0), 1)
  for (const [refused, seconds] of [
    [1, 1],
    [500, 1],
    [501, 2],
    [4_000, 8],
  ] as const) {
    retryAfter.note(refused, 1_000)
    t.equal(retryAfter.secondsAt(1_000), seconds, `${refused} refused`)
  }
  t.equal(retryAfter.secondsAt(3_499), 8)
  t.equal(retryAfter.secondsAt(3_500), 1)
})
