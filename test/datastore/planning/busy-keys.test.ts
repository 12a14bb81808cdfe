import t from 'tap'
import { BusyKeys } from '../../../src/datastore/planning/busy-keys.ts'

t.test('a key is busy until its commit is over', async (t) => {
  const busy = new BusyKeys()
  t.notOk(busy.has('/a/1'))
  busy.add('/a/1', false)
  t.ok(busy.has('/a/1'))
  t.notOk(busy.has('/a/10'))
  busy.delete('/a/1')
  t.notOk(busy.has('/a/1'))
})

t.test('plans of a contention group wait for the same commit, while it is in flight', async (t) => {
  const busy = new BusyKeys()
  busy.letGroupWait('node-1', '/a/1')
  t.equal(busy.awaitedBy('node-1'), undefined, 'nobody is writing the key')
  for (const key of ['/a/1', '/a/2']) busy.add(key, false)
  busy.letGroupWait('node-1', '/a/1')
  busy.letGroupWait('node-1', '/a/2')
  busy.letGroupWait('node-2', '/a/2')
  t.equal(busy.awaitedBy('node-1'), '/a/1')
  t.equal(busy.awaitedBy('node-2'), '/a/2')
  t.equal(busy.awaitedBy('node-3'), undefined)
  busy.delete('/a/1')
  busy.add('/a/1', false)
  t.equal(busy.awaitedBy('node-1'), undefined, 'the next commit may be none of its concern')
  t.equal(busy.awaitedBy('node-2'), '/a/2')
})

t.test('a guard waits for the commits that would break it', async (t) => {
  const busy = new BusyKeys()
  busy.add('/a/changed', false)
  busy.add('/b/created', true)
  const cases: [prefix: string, guard: 'changed' | 'created', key: string | undefined][] = [
    ['/a/', 'changed', '/a/changed'],
    ['/a/', 'created', undefined],
    ['/b/', 'changed', '/b/created'],
    ['/b/', 'created', '/b/created'],
    ['/c/', 'changed', undefined],
    ['/c/', 'created', undefined],
  ]
  for (const [prefix, guard, key] of cases) t.equal(busy.below(prefix, guard), key, `${guard} ${prefix}`)
})

t.test('a key is contested once two races for it were lost in a row within a second, and for a second', async (t) => {
  let nowMs = 1_000_000
  const busy = new BusyKeys(() => nowMs)
  busy.noteLoss('/a/1')
  t.notOk(busy.isContested('/a/1'), 'one race may be lost by chance')
  nowMs += 1_000
  busy.noteLoss('/a/1')
  t.notOk(busy.isContested('/a/1'), 'and another one much later')
  nowMs += 999
  busy.noteLoss('/a/1')
  t.ok(busy.isContested('/a/1'))
  t.notOk(busy.isContested('/a/2'))
  nowMs += 999
  t.ok(busy.isContested('/a/1'))
  nowMs += 1
  t.notOk(busy.isContested('/a/1'))
})

t.test('races that are lost one by one, with a commit of this server after each, are no contention', async (t) => {
  let nowMs = 1_000_000
  const busy = new BusyKeys(() => nowMs)
  for (let race = 0; race < 10; race++) {
    busy.noteLoss('/a/1')
    busy.noteWin('/a/1')
    nowMs += 5
  }
  t.notOk(busy.isContested('/a/1'))
  t.notOk(busy.isBackingOff)
  busy.noteLoss('/a/1')
  busy.noteWin('/a/2')
  busy.noteLoss('/a/1')
  t.ok(busy.isContested('/a/1'), 'a commit of another key ends no race')
  busy.noteWin('/a/1')
  t.ok(busy.isContested('/a/1'), 'contention is not over with one commit')
})

t.test('after contention this server backs off for two seconds', async (t) => {
  let nowMs = 1_000_000
  const busy = new BusyKeys(() => nowMs)
  busy.noteLoss('/a/1')
  t.notOk(busy.isBackingOff, 'one race may be lost by chance')
  busy.noteLoss('/a/2')
  t.notOk(busy.isBackingOff, 'even two, for different keys')
  busy.noteLoss('/a/1')
  t.ok(busy.isBackingOff)
  nowMs += 1_999
  t.ok(busy.isBackingOff)
  nowMs += 1
  t.notOk(busy.isBackingOff)
})

t.test('races that are over are forgotten, so that memory stays bounded', async (t) => {
  let nowMs = 1_000_000
  const busy = new BusyKeys(() => nowMs)
  for (const time of [1, 2]) for (let number = 0; number < 2_000; number++) busy.noteLoss(`/${time}/${number % 1_000}`)
  t.ok(busy.isContested('/1/7'), 'none that still counts')
  nowMs += 1_000
  busy.noteLoss('/3/1')
  nowMs += 1
  busy.noteLoss('/3/1')
  t.ok(busy.isContested('/3/1'))
  t.notOk(busy.isContested('/1/7'))
})
