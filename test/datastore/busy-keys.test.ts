import t from 'tap'
import { BusyKeys } from '../../src/datastore/busy-keys.ts'

t.test('a key is busy until its commit is over', async (t) => {
  const busy = new BusyKeys()
  t.notOk(busy.has('/a/1'))
  busy.add('/a/1', false)
  t.ok(busy.has('/a/1'))
  t.notOk(busy.has('/a/10'))
  busy.delete('/a/1')
  t.notOk(busy.has('/a/1'))
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
