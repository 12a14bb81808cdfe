import t from 'tap'
import { unlimited } from '../../../src/access/index.ts'
import { clusterInformationKey, poolKey } from '../../../src/model/index.ts'
import { planSplit } from '../../../src/resources/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import { rightsBy, type WrittenRule } from '../../support/rights.ts'
import { context, granted, mustParse, mustPool, storedPool, withCondition, written } from '../fixtures.ts'

const uids = Array.from({ length: 64 }, (_, index) => `uid-${index}`)

function split(view: FakeView, count: number, name = 'pool-a', rights = unlimited) {
  return planSplit(view, name, count, { now: context.now, uids, rights })
}

t.test('a split needs the right to change the pool, and to create its parts', (t) => {
  const updating = { verbs: ['update'], resources: ['ippools'] }
  const creating = { verbs: ['create'], resources: ['ippools'] }
  const team = "team == 'blue'"
  const cases: [rules: WrittenRule[], want: string | undefined][] = [
    [[updating, creating], undefined],
    [[], 'NotFound'],
    [[{ ...updating, poolSelector: team }, creating], 'NotFound'],
    [[{ verbs: ['get'], resources: ['ippools'] }, creating], 'Forbidden'],
    [[updating], 'Forbidden'],
    [[updating, { ...creating, poolSelector: team }], 'Forbidden'],
  ]
  for (const [rules, want] of cases) {
    const view = start()
    const rights = rightsBy(...rules)
    const { answer } = split(view, 2, 'pool-a', rights)
    t.equal(answer.ok ? undefined : answer.refusal.reason, want, JSON.stringify(rules))
    if (want !== undefined) continue
    view.apply(split(view, 2, 'pool-a', rights))
    t.ok(split(view, 2, 'pool-a', rights).answer.ok, 'repeated')
  }
  const done = start()
  done.apply(split(done, 2))
  t.match(split(done, 2, 'pool-a', rightsBy({ ...updating, poolSelector: team })).answer, {
    refusal: { reason: 'NotFound' },
  })
  const broken = start('{')
  t.match(split(broken, 2, 'pool-a', rightsBy({ ...updating, poolSelector: team })).answer, {
    refusal: { reason: 'NotFound' },
  })
  t.match(split(broken, 2, 'pool-a', rightsBy(updating)).answer, { refusal: { reason: 'Conflict' } })
  t.end()
})

function start(text = storedPool): FakeView {
  const view = new FakeView()
  view.putText(poolKey('pool-a').text, text)
  return view
}

const names = (view: FakeView): readonly string[] =>
  view.keys('/calico/resources/').map((key) => key.replace(/^.*\//, ''))

t.test('the parts have the spec of the whole, byte for byte, and all of it is one transaction', (t) => {
  const part = (index: number, cidr: string): string =>
    withCondition(storedPool)
      .replace('"pool-a"', `"split-pool-a-${index}"`)
      .replace('7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10', `uid-${index}`)
      .replace('10.10.0.0/24', cidr)
  t.strictSame(written(split(start(), 4)), {
    [poolKey('split-pool-a-0').text]: part(0, '10.10.0.0/26'),
    [poolKey('split-pool-a-1').text]: part(1, '10.10.0.64/26'),
    [poolKey('split-pool-a-2').text]: part(2, '10.10.0.128/26'),
    [poolKey('split-pool-a-3').text]: part(3, '10.10.0.192/26'),
    [poolKey('pool-a').text]: undefined,
  })
  t.end()
})

t.test('parts are enabled, and keep nothing of the whole but its spec', (t) => {
  const view = start(
    storedPool
      .replace('"natOutgoing"', '"disabled":true,"newer":1,"natOutgoing"')
      .replace('"uid"', '"labels":{"a":"b"},"uid"'),
  )
  const stored = mustParse(written(split(view, 2))[poolKey('split-pool-a-0').text])
  t.match(stored['spec'], { newer: 1, natOutgoing: true })
  t.notOk('disabled' in (stored['spec'] as object))
  t.strictSame(Object.keys(stored['metadata'] as object), ['name', 'uid', 'creationTimestamp'])
  t.end()
})

t.test('the number of parts is a power of two that leaves a block to each', (t) => {
  t.ok(split(start(), 2).answer.ok)
  t.ok(split(start(), 32).answer.ok, 'of one block each')
  for (const count of [-2, 0, 1, 3, 6, 2.5, 64, 128]) {
    const { answer, writes } = split(start(), count)
    t.match(answer, { ok: false, refusal: { reason: 'Invalid', causes: [{ field: 'parts', message: /2 to 32/ }] } })
    t.strictSame(writes, [])
  }
  const view = new FakeView()
  view.put(poolKey('pool-a'), mustPool({ cidr: 'fd00::/64' }))
  t.match(split(view, 64).answer, { ok: true })
  t.match(split(view, 128).answer, { refusal: { causes: [{ message: /2 to 64/ }] } })
  view.put(poolKey('pool-a'), mustPool({ cidr: '10.0.0.0/26', blockSize: 26 }))
  t.match(split(view, 2).answer, { refusal: { causes: [{ message: /a single block/ }] } })
  t.end()
})

t.test('what is left half-way is carried on, and a split that is done is answered again', (t) => {
  const view = start()
  const first = granted(split(view, 4))
  view.apply(split(view, 4))
  t.match(split(view, 4), {
    answer: { ok: true, value: { parts: first.parts.map(({ name }) => ({ name })) } },
    writes: [],
  })

  view.putText(poolKey('pool-a').text, storedPool.replace('"natOutgoing"', '"disabled":true,"natOutgoing"'))
  view.remove(poolKey('split-pool-a-2').text)
  const before = view.text(poolKey('split-pool-a-1').text)
  view.apply(split(view, 4))
  t.strictSame(
    names(view),
    [0, 1, 2, 3].map((index) => `split-pool-a-${index}`),
  )
  t.equal(view.text(poolKey('split-pool-a-1').text), before)

  t.match(split(view, 2).answer, { refusal: { reason: 'NotFound' } }, 'another number of parts')
  t.match(split(view, 8).answer, { refusal: { reason: 'NotFound' } })
  t.match(split(view, 3).answer, { refusal: { reason: 'NotFound' } })
  t.end()
})

t.test('without the pool or parts that fit there is nothing to split', (t) => {
  const view = new FakeView()
  t.match(split(view, 2).answer, { refusal: { reason: 'NotFound' } })
  view.put(poolKey('split-pool-a-0'), mustPool({ cidr: '0.0.0.0/0', disabled: true }, { name: 'split-pool-a-0' }))
  view.put(poolKey('split-pool-a-1'), mustPool({ cidr: '10.0.0.0/24' }, { name: 'split-pool-a-1' }))
  t.match(split(view, 2).answer, { refusal: { reason: 'NotFound' } })
  view.put(poolKey('split-pool-a-0'), mustPool({ cidr: '10.0.1.0/24' }, { name: 'split-pool-a-0' }))
  t.match(split(view, 2).answer, { refusal: { reason: 'NotFound' } }, 'in another order')
  view.put(poolKey('split-pool-a-1'), mustPool({ cidr: '10.0.2.0/24' }, { name: 'split-pool-a-1' }))
  t.match(split(view, 2).answer, { refusal: { reason: 'NotFound' } }, 'side by side, and not of one pool')
  t.end()
})

t.test('a name that another pool has refuses the split', (t) => {
  const view = start()
  view.put(poolKey('split-pool-a-1'), mustPool({ cidr: '10.99.0.0/24' }, { name: 'split-pool-a-1' }))
  t.match(split(view, 2), { answer: { refusal: { reason: 'Conflict', message: /split-pool-a-1/ } }, writes: [] })
  view.putText(poolKey('split-pool-a-1').text, '{')
  t.match(split(view, 2).answer, { refusal: { reason: 'Conflict' } })
  t.end()
})

t.test('a pool that is being deleted, or cannot be read, stays as it is', (t) => {
  const going = storedPool.replace('"uid"', '"deletionTimestamp":"2026-11-23T04:00:00Z","uid"')
  t.match(split(start(going), 2).answer, { refusal: { reason: 'Conflict', message: /being deleted/ } })
  t.match(split(start('{'), 2).answer, { refusal: { reason: 'Conflict', message: /cannot be read/ } })
  t.end()
})

t.test('a cluster of Calico’s must be locked', (t) => {
  const view = start()
  const information = '{"metadata":{"name":"default"},"spec":{"datastoreReady":true}}'
  view.putText(clusterInformationKey.text, information)
  t.match(split(view, 2).answer, { refusal: { reason: 'Conflict', message: /datastoreReady/ } })
  view.putText(clusterInformationKey.text, information.replace('true', 'false'))
  t.ok(split(view, 2).answer.ok)
  t.end()
})

t.test('a long name is cut so that the names of the parts fit', (t) => {
  const view = new FakeView()
  const name = 'x'.repeat(253)
  view.put(poolKey(name), mustPool({ cidr: '10.0.0.0/16' }, { name }))
  const { parts } = granted(split(view, 64, name))
  t.ok(parts.every((part) => part.name.length <= 253))
  t.equal(new Set(parts.map((part) => part.name)).size, 64)
  t.end()
})
