import fc from 'fast-check'
import t from 'tap'
import { RunSet } from '../../src/net/index.ts'

function setOf(...numbers: readonly bigint[]): RunSet {
  const set = new RunSet()
  for (const number of numbers) set.add(number)
  return set
}

t.test('a new set is empty', (t) => {
  const set = new RunSet()
  t.equal(set.size, 0n)
  t.notOk(set.has(0n))
  t.equal(set.nextAbsent(7n), 7n)
  t.end()
})

t.test('adding and deleting twice is adding and deleting once', (t) => {
  const set = setOf(5n, 5n)
  t.equal(set.size, 1n)
  set.delete(6n)
  set.delete(5_000_000n)
  t.equal(set.size, 1n)
  set.delete(5n)
  set.delete(5n)
  t.equal(set.size, 0n)
  t.notOk(set.has(5n))
  t.end()
})

t.test('the next absent number is the one after the run', (t) => {
  const set = setOf(3n, 5n, 4n, 7n)
  t.equal(set.nextAbsent(0n), 0n)
  t.equal(set.nextAbsent(3n), 6n)
  t.equal(set.nextAbsent(5n), 6n)
  t.equal(set.nextAbsent(7n), 8n)
  set.add(6n)
  t.equal(set.nextAbsent(3n), 8n)
  set.delete(4n)
  t.equal(set.nextAbsent(3n), 4n)
  t.equal(set.nextAbsent(5n), 8n)
  t.end()
})

t.test('a run goes on from one page of 4,096 to the next', (t) => {
  const set = setOf(4094n, 4095n, 4096n, 4097n)
  t.equal(set.nextAbsent(4094n), 4098n)
  set.delete(4096n)
  t.equal(set.nextAbsent(4094n), 4096n)
  t.ok(set.has(4095n))
  t.end()
})

t.test('numbers have no limit', (t) => {
  const top = 2n ** 74n - 1n
  const set = setOf(top, top - 1n, -1n, 0n)
  t.ok(set.has(top))
  t.equal(set.nextAbsent(top - 1n), top + 1n)
  t.equal(set.nextAbsent(-1n), 1n)
  t.equal(set.size, 4n)
  t.end()
})

t.test('262,144 blocks come and go in an order that makes as many runs as possible', (t) => {
  const count = 262_144n
  const set = new RunSet()
  for (let number = 0n; number < count; number += 2n) set.add(number)
  t.equal(set.size, count / 2n)
  for (let number = count - 1n; number > 0n; number -= 2n) set.add(number)
  t.equal(set.size, count)
  t.equal(set.nextAbsent(0n), count)
  set.delete(count - 1n)
  t.equal(set.nextAbsent(0n), count - 1n)
  for (let number = 0n; number < count; number += 1n) set.delete(number)
  t.equal(set.size, 0n)
  t.end()
})

t.test('a run over many full pages ends where a number is missing', (t) => {
  const pages = 5n
  const set = new RunSet()
  for (let number = 0n; number < pages * 4_096n + 3n; number++) set.add(number)
  t.equal(set.nextAbsent(1n), pages * 4_096n + 3n)
  set.delete(3n * 4_096n + 7n)
  t.equal(set.nextAbsent(1n), 3n * 4_096n + 7n)
  t.equal(set.nextAbsent(3n * 4_096n + 8n), pages * 4_096n + 3n)
  set.add(3n * 4_096n + 7n)
  t.equal(set.nextAbsent(4_096n), pages * 4_096n + 3n)
  t.end()
})

t.test('a run set behaves as a set in any sequence of operations', (t) => {
  const number = fc.oneof(
    fc.bigInt({ min: 0n, max: 24n }),
    fc.bigInt({ min: 4084n, max: 4108n }),
    fc.bigInt({ min: 2n ** 74n - 12n, max: 2n ** 74n + 12n }),
  )
  const steps = fc.array(fc.record({ number, isAdded: fc.boolean() }), { maxLength: 120, size: 'max' })
  const property = fc.property(steps, fc.array(number, { minLength: 1 }), (steps, asked) => {
    const set = new RunSet()
    const naive = new Set<bigint>()
    for (const { number, isAdded } of steps) {
      if (isAdded) set.add(number)
      else set.delete(number)
      if (isAdded) naive.add(number)
      else naive.delete(number)
    }
    return (
      set.size === BigInt(naive.size) &&
      asked.every((each) => set.has(each) === naive.has(each) && set.nextAbsent(each) === naiveNextAbsent(naive, each))
    )
  })
  t.doesNotThrow(() => {
    fc.assert(property, { numRuns: 500 })
  })
  t.end()
})

function naiveNextAbsent(naive: ReadonlySet<bigint>, from: bigint): bigint {
  let number = from
  while (naive.has(number)) number += 1n
  return number
}
