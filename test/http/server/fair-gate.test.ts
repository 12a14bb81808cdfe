import fc from 'fast-check'
import t from 'tap'
import { FairGate } from '../../../src/http/server/fair-gate.ts'

const options = { places: 8, placesBesideModest: 4, modestMax: 1, keepMs: 50, patienceMs: 1_000 }

/** A gate, and which calls have begun or were refused, by their names. */
function openGate() {
  const gate = new FairGate(options)
  const begun: string[] = []
  const refused: string[] = []
  const enter = (caller: string, name: string, now = 0): ((now: number) => void) =>
    gate.enter(
      caller,
      now,
      () => begun.push(name),
      () => refused.push(name),
    )
  return { gate, begun, refused, enter }
}

t.test('a caller alone has all places, and its calls begin in their order', async (t) => {
  const { gate, begun, enter } = openGate()
  const leave = Array.from({ length: 12 }, (_, n) => enter('a', String(n)))
  t.strictSame(begun, ['0', '1', '2', '3', '4', '5', '6', '7'])
  t.equal(gate.waiting, 4)
  leave[5]?.(1)
  leave[5]?.(1)
  t.strictSame(begun.slice(8), ['8'], 'a call ends once')
  for (const end of leave) end(2)
  t.equal(begun.length, 12)
  t.equal(gate.waiting, 0)
})

t.test('whoever comes beside a greedy caller begins at once; the greedy one keeps its share only', async (t) => {
  const { begun, enter } = openGate()
  const greedy = Array.from({ length: 20 }, (_, n) => enter('greedy', `g${n}`))
  const modest = enter('modest', 'm0')
  t.equal(begun.at(-1), 'm0')
  for (const end of greedy.slice(0, 6)) end(1)
  t.equal(begun.length, 9, 'two are left, which is half of the places beside a modest caller')
  greedy[6]?.(1)
  t.equal(begun.at(-1), 'g8')
  modest(2)
  greedy[7]?.(3)
  t.equal(begun.length, 11, 'the share of the modest one is kept for a moment')
  greedy[8]?.(100)
  t.equal(begun.length, 18, 'and then it is free: eight are under way again')
})

t.test('callers that all send many have half of the places each', async (t) => {
  const { begun, enter } = openGate()
  const first = Array.from({ length: 8 }, (_, n) => enter('a', `a${n}`))
  const second = Array.from({ length: 8 }, (_, n) => enter('b', `b${n}`))
  t.equal(begun.length, 8 + 4)
  for (const end of first.slice(0, 5)) end(1)
  t.equal(begun.length, 12, 'the first one had more')
  for (const end of second.slice(0, 2)) end(2)
  t.equal(begun.length, 14)
})

t.test('a call that leaves before it began takes no place, then or later', async (t) => {
  const { gate, begun, enter } = openGate()
  const ends = Array.from({ length: 10 }, (_, n) => enter('a', String(n)))
  ends[8]?.(1)
  ends[0]?.(1)
  t.strictSame(begun.slice(8), ['9'])
  t.equal(gate.waiting, 0)
})

t.test('a call that has waited for too long is refused, those after it are not', async (t) => {
  const { gate, refused, enter } = openGate()
  for (let n = 0; n < 8; n++) enter('a', String(n))
  const late = enter('a', 'late', 10)
  enter('a', 'later', 500)
  gate.expire(1_009)
  t.strictSame(refused, [])
  gate.expire(1_010)
  t.strictSame(refused, ['late'])
  late(1_010)
  t.equal(gate.waiting, 1)
  gate.expire(1_011)
  t.strictSame(refused, ['late'])
})

t.test(
  'whatever happens: who has nothing under way never waits, nobody has more than a share, and all begin',
  async (t) => {
    const steps = fc.array(
      fc.record({ caller: fc.nat(5), isEnd: fc.boolean(), which: fc.nat(20), after: fc.nat(30) }),
      {
        maxLength: 200,
      },
    )
    fc.assert(
      fc.property(steps, (taken) => {
        const gate = new FairGate(options)
        const open: { caller: number; isBegun: boolean; end: (now: number) => void }[] = []
        const underWay = (caller: number): number => open.filter((one) => one.caller === caller && one.isBegun).length
        let now = 0
        for (const { caller, isEnd, which, after } of taken) {
          now += after
          if (isEnd) {
            const begun = open.filter((one) => one.isBegun)
            const one = begun[which % Math.max(1, begun.length)]
            if (one === undefined) continue
            open.splice(open.indexOf(one), 1)
            one.end(now)
          } else {
            const isIdle = underWay(caller) === 0
            const one = { caller, isBegun: false, end: (_now: number): void => undefined }
            open.push(one)
            one.end = gate.enter(
              String(caller),
              now,
              () => {
                const before = open.find((other) => other.caller === caller && !other.isBegun)
                if (before !== one) throw new Error('an earlier call of the same caller waits')
                one.isBegun = true
              },
              () => undefined,
            )
            if (isIdle && !one.isBegun) throw new Error('a caller with nothing under way waits')
          }
          for (let each = 0; each <= 5; each++) {
            if (underWay(each) > options.places) throw new Error('more than all places')
            if (underWay(each) === 0 && open.some((one) => one.caller === each))
              throw new Error('a call waits for nothing')
          }
        }
        while (open.length > 0) {
          const one = open.find(({ isBegun }) => isBegun)
          if (one === undefined) throw new Error('calls wait for ever')
          open.splice(open.indexOf(one), 1)
          one.end(now)
        }
        if (gate.waiting !== 0) throw new Error('somebody waits')
      }),
    )
    t.pass('in every run')
  },
)
