import t from 'tap'
import { BusyKeys } from '../../../../src/datastore/etcd/engine/busy-keys.ts'

t.test('a key is busy until its commit is over', async (t) => {
  const busy = new BusyKeys()
  t.notOk(busy.has('/a/1'))
  busy.add('/a/1', false)
  t.ok(busy.has('/a/1'))
  t.notOk(busy.has('/a/10'))
  busy.delete('/a/1')
  t.notOk(busy.has('/a/1'))
})

t.test('who reads the same keys waits for the same commit, for as long as it is under way', async (t) => {
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

t.test('a key is contested once two races for it were lost within a second, and for a second', async (t) => {
  let nowMs = 1_000_000
  const busy = new BusyKeys(() => nowMs)
  busy.lost('/a/1')
  t.notOk(busy.isContested('/a/1'), 'one race may be lost by chance')
  nowMs += 1_000
  busy.lost('/a/1')
  t.notOk(busy.isContested('/a/1'), 'and another one much later')
  nowMs += 999
  busy.lost('/a/1')
  t.ok(busy.isContested('/a/1'))
  t.notOk(busy.isContested('/a/2'))
  nowMs += 999
  t.ok(busy.isContested('/a/1'))
  nowMs += 1
  t.notOk(busy.isContested('/a/1'))
})

t.test('after a fight there is a truce for two seconds', async (t) => {
  let nowMs = 1_000_000
  const busy = new BusyKeys(() => nowMs)
  busy.lost('/a/1')
  t.notOk(busy.isBackingOff, 'one race may be lost by chance')
  busy.lost('/a/2')
  t.notOk(busy.isBackingOff, 'even two, for different keys')
  busy.lost('/a/1')
  t.ok(busy.isBackingOff)
  nowMs += 1_999
  t.ok(busy.isBackingOff)
  nowMs += 1
  t.notOk(busy.isBackingOff)
})

t.test('races that are over are forgotten, so that memory stays bounded', async (t) => {
  let nowMs = 1_000_000
  const busy = new BusyKeys(() => nowMs)
  for (const time of [1, 2]) for (let number = 0; number < 2_000; number++) busy.lost(`/${time}/${number % 1_000}`)
  t.ok(busy.isContested('/1/7'), 'none that still counts')
  nowMs += 1_000
  busy.lost('/3/1')
  nowMs += 1
  busy.lost('/3/1')
  t.ok(busy.isContested('/3/1'))
  t.notOk(busy.isContested('/1/7'))
})
