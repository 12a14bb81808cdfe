import fc from 'fast-check'
import t from 'tap'
import { FairGate, type GateCall, type GateOptions } from '../../../src/http/server/fair-gate.ts'

const usual = {
  ...{ callsMax: 1_000, slowCallsMax: 20, slowMs: 100, patienceMs: 1_000, arrivalMs: 100 },
  ...{ places: 8, placesBesideModest: 4, modestMax: 1, keepMs: 50 },
  ...{ perTurn: 1_000, perTurnOfCrowd: 1_000, crowdMin: 1_000 },
}

/** A gate, its turns, and which calls have begun or were refused, by their names. */
function openGate(changes: Partial<GateOptions> = {}) {
  const turns: ((now: number) => void)[] = []
  const gate = new FairGate({ ...usual, nextTurn: (callback) => turns.push(callback), ...changes })
  const begun: string[] = []
  const late: string[] = []
  const calls = new Map<string, GateCall>()
  const enter = (
    caller: string,
    name: string,
    now = 0,
    rest: { isAdmin?: boolean; pending?: number; waitedMs?: number } = {},
  ) => {
    const arrival = { caller, isAdmin: false, now, pending: 0, waitedMs: 0, ...rest }
    const call = gate.enter(arrival, { begin: () => begun.push(name), refuse: () => late.push(name) })
    if (call !== undefined) calls.set(name, call)
    return call !== undefined
  }
  const callOf = (name: string): GateCall => {
    const call = calls.get(name)
    if (call === undefined) throw new Error(`${name} was refused.`)
    return call
  }
  const arrive = (name: string, now = 0): void => {
    const waiter = { begin: () => begun.push(`${name} goes on`), refuse: () => late.push(`${name} does not`) }
    gate.arrive(callOf(name), waiter, now)
  }
  const leave = (name: string, now = 0): void => gate.leave(callOf(name), now)
  const answer = (name: string, now = 0): void => gate.answer(callOf(name), now)
  const turn = (now = 0): void => {
    for (const callback of turns.splice(0)) callback(now)
  }
  return { gate, begun, late, enter, arrive, leave, answer, turn, callOf }
}

/** Enters calls `a0`, `a1`, and so on, of the caller `a`. */
function enterMany(enter: (caller: string, name: string) => boolean, caller: string, count: number): boolean[] {
  return Array.from({ length: count }, (_, n) => enter(caller, `${caller}${n}`))
}

t.test('a caller alone has all places, and its calls begin in their order', async (t) => {
  const { gate, begun, enter, leave, callOf } = openGate()
  enterMany(enter, 'a', 12)
  t.strictSame(begun, ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'])
  t.equal(gate.waiting, 4)
  leave('a5', 1)
  leave('a5', 1)
  t.strictSame(begun.slice(8), ['a8'], 'a call ends once')
  t.equal(callOf('a8').waitedMs, 1)
  for (let n = 0; n < 12; n++) leave(`a${n}`, 2)
  t.equal(begun.length, 12)
  t.equal(gate.waiting, 0)
  t.equal(gate.open, 0)
})

t.test('a call that is answered makes place at once, and counts until its answer is sent', async (t) => {
  const { gate, begun, enter, leave, answer } = openGate({ callsMax: 10 })
  enterMany(enter, 'a', 10)
  answer('a0')
  answer('a0')
  t.strictSame(begun.slice(8), ['a8'])
  t.equal(gate.open, 10)
  t.equal(gate.served, 1)
  t.notOk(enter('a', 'more'))
  leave('a0')
  t.strictSame(begun.slice(8), ['a8'], 'its place was given away before')
  t.ok(enter('a', 'more'))
})

t.test('whoever comes beside a greedy caller begins at once; the greedy one keeps its share only', async (t) => {
  const { begun, enter, leave } = openGate()
  enterMany(enter, 'g', 20)
  enter('m', 'm0')
  t.equal(begun.at(-1), 'm0')
  for (let n = 0; n < 6; n++) leave(`g${n}`, 1)
  t.equal(begun.length, 9, 'two are left, which is half of the places beside a modest caller')
  leave('g6', 1)
  t.equal(begun.at(-1), 'g8')
  leave('m0', 2)
  leave('g7', 3)
  t.equal(begun.length, 11, 'the share of the modest one is kept for a moment')
  leave('g8', 100)
  t.equal(begun.length, 18, 'and then it is free: eight are under way again')
})

t.test('callers that all send many have half of the places each', async (t) => {
  const { begun, enter, leave } = openGate()
  enterMany(enter, 'a', 8)
  enterMany(enter, 'b', 8)
  t.equal(begun.length, 8 + 4)
  for (let n = 0; n < 5; n++) leave(`a${n}`, 1)
  t.equal(begun.length, 12, 'the first one had more')
  for (let n = 0; n < 2; n++) leave(`b${n}`, 2)
  t.equal(begun.length, 14)
})

t.test('a call that leaves before it began takes no place, then or later', async (t) => {
  const { gate, begun, enter, leave } = openGate()
  enterMany(enter, 'a', 10)
  leave('a8', 1)
  leave('a0', 1)
  t.strictSame(begun.slice(8), ['a9'])
  t.equal(gate.waiting, 0)
})

t.test('a call that has waited for too long is refused, those after it are not', async (t) => {
  const { gate, begun, late, enter, arrive, leave } = openGate()
  enterMany(enter, 'a', 8)
  for (let n = 0; n < 8; n++) arrive(`a${n}`)
  enter('a', 'late', 10)
  enter('a', 'later', 500)
  t.equal(gate.waitedMs(600), 590)
  gate.expire(1_009)
  t.strictSame(late, [])
  gate.expire(1_010)
  gate.expire(1_011)
  t.strictSame(late, ['late'], 'once')
  leave('a0', 1_011)
  t.strictSame(begun.slice(16), ['later'])
  leave('late', 1_012)
  t.equal(gate.waiting, 0)
  t.equal(gate.open, 8)
})

t.test('a call whose body arrives slowly has no place meanwhile, and waits for one then', async (t) => {
  const { gate, begun, late, enter, arrive, leave, answer, callOf } = openGate()
  enterMany(enter, 'a', 12)
  for (let n = 1; n < 8; n++) arrive(`a${n}`)
  t.equal(begun.at(-1), 'a7 goes on', 'at once')
  gate.expire(99)
  t.equal(begun.length, 15)
  gate.expire(100)
  t.strictSame(begun.slice(15), ['a8'], 'in the place of a0')
  gate.expire(100)
  arrive('a8', 150)
  arrive('a0', 150)
  t.strictSame(begun.slice(16), ['a8 goes on'])
  for (let n = 1; n < 4; n++) answer(`a${n}`, 160)
  t.strictSame(begun.slice(17), ['a9', 'a10', 'a11'])
  answer('a4', 170)
  t.strictSame(begun.slice(20), ['a0 goes on'])
  t.equal(callOf('a0').waitedMs, 20)
  gate.expire(300)
  enterMany(enter, 'b', 8)
  arrive('a9', 310)
  leave('a9', 320)
  t.strictSame(late, ['a9 does not'], 'its client has gone')
})

t.test('each turn of the event loop begins a few calls, of each caller in turn, and fewer of a crowd', async (t) => {
  const { begun, enter, turn, leave } = openGate({
    places: 100,
    placesBesideModest: 100,
    perTurn: 5,
    perTurnOfCrowd: 3,
    crowdMin: 8,
  })
  enterMany(enter, 'a', 11)
  t.equal(begun.length, 5)
  enterMany(enter, 'b', 2)
  enter('c', 'c0')
  turn()
  t.strictSame(begun.slice(5), ['a5', 'b0', 'c0'], 'of a crowd')
  for (let n = 0; n < 5; n++) leave(`a${n}`)
  turn()
  t.strictSame(begun.slice(8), ['a6', 'b1', 'a7'])
  leave('b0')
  leave('b1')
  turn()
  t.strictSame(begun.slice(11), ['a8', 'a9', 'a10'], 'no crowd any more')
  turn()
  t.ok(enter('c', 'c1'))
  t.equal(begun.at(-1), 'c1', 'a turn with room begins a call at once')
})

t.test('a call that is answered as it begins lets the next ones begin, however many there are', async (t) => {
  let begun = 0
  const gate = new FairGate({
    ...usual,
    callsMax: 100_000,
    perTurn: 100_000,
    perTurnOfCrowd: 100_000,
    nextTurn: () => undefined,
  })
  const enter = (begin: (call: GateCall) => void) =>
    gate.enter({ caller: 'a', isAdmin: false, now: 0, pending: 0, waitedMs: 0 }, { begin, refuse: () => undefined })
  const first = Array.from({ length: 8 }, () => enter(() => undefined))
  for (let n = 0; n < 50_000; n++) {
    enter((call) => {
      begun++
      gate.leave(call, 0)
    })
  }
  t.equal(begun, 0)
  if (first[0] !== undefined) gate.leave(first[0], 0)
  t.equal(begun, 50_000)
})

t.test('a caller alone has the whole limit; beside others, each has its share once the limit is reached', async (t) => {
  const { enter, leave } = openGate({ callsMax: 10 })
  t.notOk(enterMany(enter, 'greedy', 10).includes(false))
  t.notOk(enter('greedy', 'more'))
  t.ok(enter('greedy', 'admin', 0, { isAdmin: true }), 'an admin is never refused')
  leave('admin')
  t.notOk(enterMany(enter, 'modest', 5).includes(false), 'its share of 5')
  t.notOk(enter('modest', 'more'))
  t.ok(enter('third', 'third'))
  for (let n = 0; n < 10; n++) leave(`greedy${n}`)
  t.ok(enter('greedy', 'more'))
  t.ok(enter('modest', 'more'))
})

t.test('all callers together have no more than twice the limit', async (t) => {
  const { enter } = openGate({ callsMax: 4 })
  for (let n = 0; n < 8; n++) t.ok(enter(`caller ${n}`, String(n)))
  t.notOk(enter('one more', 'x'))
})

t.test('a full store refuses everybody but admins', async (t) => {
  const { enter } = openGate({ callsMax: 4 })
  t.notOk(enter('a', 'a', 0, { pending: 4 }))
  t.ok(enter('a', 'a', 0, { pending: 4, isAdmin: true }))
  t.ok(enter('a', 'b', 0, { pending: 3 }))
})

t.test('while calls wait for too long, fewer may be open, by the share of each caller', async (t) => {
  const { enter, leave } = openGate()
  enterMany(enter, 'a', 19)
  t.ok(enter('a', 'a19', 0, { waitedMs: 101 }), 'they are few')
  t.ok(enter('a', 'a20', 0, { waitedMs: 100 }), 'they wait for a moment only')
  t.notOk(enter('a', 'a21', 0, { waitedMs: 101 }), 'the store is slow')
  t.ok(enter('b', 'b0', 0, { waitedMs: 101 }), 'another caller has its share')
  t.notOk(enter('a', 'a21', 101), 'the first of its calls that wait has waited for too long')
  t.ok(enter('b', 'b1', 101), 'those of another caller have not')
  for (let n = 0; n < 20; n++) leave(`a${n}`, 101)
  t.ok(enter('a', 'a21', 101))
})

t.test(
  'whatever happens: who has nothing under way never waits, nobody has more than a share, and all begin',
  async (t) => {
    const steps = fc.array(
      fc.record({ caller: fc.nat(5), isEnd: fc.boolean(), which: fc.nat(20), after: fc.nat(30) }),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(steps, fc.constantFrom(1, 1_000), (taken, perTurn) => {
        const turns: ((now: number) => void)[] = []
        const gate = new FairGate({ ...usual, perTurn, nextTurn: (callback) => turns.push(callback) })
        const open: { caller: number; isBegun: boolean; call?: GateCall }[] = []
        const underWay = (caller: number): number => open.filter((one) => one.caller === caller && one.isBegun).length
        let now = 0
        const endTurns = (): void => {
          while (turns.length > 0) turns.shift()?.(now)
        }
        const end = (one: (typeof open)[number]): void => {
          open.splice(open.indexOf(one), 1)
          if (one.call !== undefined) gate.leave(one.call, now)
          endTurns()
        }
        for (const { caller, isEnd, which, after } of taken) {
          now += after
          if (isEnd) {
            const begun = open.filter((one) => one.isBegun)
            const one = begun[which % Math.max(1, begun.length)]
            if (one !== undefined) end(one)
          } else {
            const isIdle = underWay(caller) === 0
            const one: (typeof open)[number] = { caller, isBegun: false }
            open.push(one)
            const begin = (): void => {
              const before = open.find((other) => other.caller === caller && !other.isBegun)
              if (before !== one) throw new Error('an earlier call of the same caller waits')
              one.isBegun = true
            }
            const arrival = { caller: String(caller), isAdmin: false, now, pending: 0, waitedMs: 0 }
            const call = gate.enter(arrival, { begin, refuse: () => undefined })
            if (call === undefined) throw new Error('a call is refused')
            one.call = call
            endTurns()
            if (isIdle && !one.isBegun) throw new Error('a caller with nothing under way waits')
          }
          for (let each = 0; each <= 5; each++) {
            if (underWay(each) > usual.places) throw new Error('more than all places')
            if (underWay(each) === 0 && open.some((one) => one.caller === each))
              throw new Error('a call waits for nothing')
          }
        }
        while (open.length > 0) {
          const one = open.find(({ isBegun }) => isBegun)
          if (one === undefined) throw new Error('calls wait for ever')
          end(one)
        }
        if (gate.waiting !== 0 || gate.open !== 0) throw new Error('somebody waits')
      }),
    )
    t.pass('in every run')
  },
)
