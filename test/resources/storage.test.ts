import t from 'tap'
import { affinities, affinityKey, confirmedAffinity, poolKey, pools } from '../../src/model/index.ts'
import { mustParseCidr } from '../../src/net/index.ts'
import { put } from '../../src/plan/index.ts'
import { declareStorage, showFamily, showStored } from '../../src/resources/storage.ts'
import { FakeView } from '../support/fake-view.ts'
import { mustPool } from './fixtures.ts'

t.test('an object is stored under the key of its name', (t) => {
  const view = new FakeView()
  const storage = declareStorage('ippools', pools, poolKey)
  const pool = mustPool()
  t.strictSame(storage.lookup(view, 'pool-a'), { kind: 'absent' })
  view.apply({ answer: undefined, writes: storage.put(pool) })
  t.match(storage.lookup(view, 'pool-a'), { kind: 'value', value: { name: 'pool-a' } })
  t.strictSame(storage.families, [pools])
  t.strictSame(view.keys('/'), [
    '/calico/resources/v3/projectcalico.org/ippools/pool-a',
    '/ippoold/v1/annexes/ippools/pool-a',
  ])
  t.end()
})

t.test('a value of another form is shown as an object, and what cannot be read stays unreadable', (t) => {
  const view = new FakeView()
  const key = affinityKey({ type: 'host', name: 'n' }, mustParseCidr('10.0.0.0/26'))
  const show = (key: string, { state }: { state: string }) => `${key} ${state}`
  const family = showFamily(affinities, show)
  t.equal(family.prefix, affinities.prefix)
  t.strictSame(showStored(view, key, show), { kind: 'absent' })
  view.apply({ answer: undefined, writes: [put(key, confirmedAffinity)] })
  t.match(showStored(view, key, show), { kind: 'value', value: `${key.text} confirmed`, revision: view.revision })
  t.strictSame(family.decode(key.text, '{"state":"pending"}'), { ok: true, value: `${key.text} pending` })
  t.match(family.decode(key.text, '{'), { ok: false, problem: /JSON/ })
  view.putText(key.text, '{')
  t.match(showStored(view, key, show), { kind: 'unreadable' })
  t.end()
})
