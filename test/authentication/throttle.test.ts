import t from 'tap'
import { Throttle } from '../../src/authentication/throttle.ts'

const limits = { failuresMax: 3, secondsPerFailure: 2, acceptedSeconds: 60, entriesMax: 4 }

function throttleAt(): { readonly throttle: Throttle; readonly clock: { ms: number } } {
  const clock = { ms: 0 }
  return { clock, throttle: new Throttle(() => clock.ms, limits) }
}

function fail(throttle: Throttle, address: string, times: number): void {
  for (let failure = 0; failure < times; failure += 1) throttle.failed(address)
}

t.test('an address that fails too often has to wait, and not longer for failing more', async (t) => {
  const { throttle, clock } = throttleAt()
  fail(throttle, '192.0.2.1', 2)
  t.equal(throttle.waitSeconds('192.0.2.1', 'x'), 0)
  fail(throttle, '192.0.2.1', 1)
  t.equal(throttle.waitSeconds('192.0.2.1', 'x'), 2)
  t.equal(throttle.waitSeconds('192.0.2.2', 'x'), 0, 'another address does not')
  fail(throttle, '192.0.2.1', 1_000)
  t.equal(throttle.waitSeconds('192.0.2.1', 'x'), 2)
  clock.ms += 1_500
  t.equal(throttle.waitSeconds('192.0.2.1', 'x'), 1)
  clock.ms += 500
  t.equal(throttle.waitSeconds('192.0.2.1', 'x'), 0, 'one more attempt')
  fail(throttle, '192.0.2.1', 1)
  t.equal(throttle.waitSeconds('192.0.2.1', 'x'), 2)
})

t.test('who was let in from the address before is not locked out by others', async (t) => {
  const { throttle, clock } = throttleAt()
  throttle.accepted('192.0.2.1', 'good')
  fail(throttle, '192.0.2.1', 9)
  t.equal(throttle.waitSeconds('192.0.2.1', 'good'), 0)
  t.equal(throttle.waitSeconds('192.0.2.1', 'guess'), 2)
  fail(throttle, '192.0.2.2', 9)
  t.equal(throttle.waitSeconds('192.0.2.2', 'good'), 2, 'but only from there')
  clock.ms += 61_000
  fail(throttle, '192.0.2.1', 9)
  t.equal(throttle.waitSeconds('192.0.2.1', 'good'), 2, 'and for a while')
})

t.test('a network of IPv6 counts as one address', async (t) => {
  const same = [
    ['2001:db8::1', '2001:db8::2'],
    ['2001:db8:0:0:1::', '2001:db8::2:3:4'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::1'],
    ['::1', '::2'],
  ] as const
  for (const [one, other] of same) {
    const { throttle } = throttleAt()
    fail(throttle, one, 3)
    t.equal(throttle.waitSeconds(other, 'x'), 2, `${one} ${other}`)
  }
  const different = [
    ['2001:db8:0:1::1', '2001:db8:0:2::1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
    ['2001:db8::', '2001:db9::'],
  ] as const
  for (const [one, other] of different) {
    const { throttle } = throttleAt()
    fail(throttle, one, 3)
    t.equal(throttle.waitSeconds(other, 'x'), 0, `${one} ${other}`)
  }
})

t.test('only so many addresses are remembered', async (t) => {
  const { throttle } = throttleAt()
  fail(throttle, '192.0.2.1', 3)
  for (let host = 2; host <= 4; host += 1) fail(throttle, `192.0.2.${host}`, 1)
  t.equal(throttle.waitSeconds('192.0.2.1', 'x'), 2)
  fail(throttle, '192.0.2.5', 1)
  t.equal(throttle.waitSeconds('192.0.2.1', 'x'), 0)
})
