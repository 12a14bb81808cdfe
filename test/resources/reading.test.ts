import t from 'tap'
import { poolKey } from '../../src/model/index.ts'
import { planRead, quoteObject, readMatching } from '../../src/resources/index.ts'
import { brokenPrecondition, conflict, readStored } from '../../src/resources/reading.ts'
import { FakeView } from '../support/fake-view.ts'
import { granted, mustPool, poolKind } from './fixtures.ts'

const kind = poolKind()

t.test('an object is read with the revision that wrote it', (t) => {
  const view = new FakeView()
  const revision = view.put(poolKey('pool-a'), mustPool())
  view.put(poolKey('pool-b'), mustPool({}, { name: 'pool-b' }))
  const read = granted(planRead(view, kind, 'pool-a'))
  t.equal(read.revision, revision)
  t.equal(read.value.name, 'pool-a')
  t.ok(view.reads.has(poolKey('pool-a').text))
  t.end()
})

t.test('a missing object is not found', (t) => {
  t.match(planRead(new FakeView(), kind, 'pool-a'), {
    answer: { ok: false, refusal: { reason: 'NotFound', message: 'ippools.projectcalico.org "pool-a" not found' } },
    writes: [],
  })
  t.end()
})

t.test('an object that does not meet the preconditions is refused', (t) => {
  const view = new FakeView()
  t.match(readMatching(view, kind, 'pool-a', {}), { ok: false, refusal: { reason: 'NotFound' } })
  const revision = view.put(poolKey('pool-a'), mustPool())
  const meant = { resourceVersion: String(revision) }
  t.match(readMatching(view, kind, 'pool-a', meant), { ok: true, value: { revision } })
  t.match(readMatching(view, kind, 'pool-a', { resourceVersion: '99' }), {
    ok: false,
    refusal: { reason: 'Conflict' },
  })
  t.end()
})

t.test('an object that cannot be read is an internal error, which names its key', (t) => {
  const view = new FakeView()
  view.putText(poolKey('pool-a').text, '{')
  t.match(readStored(view, kind, 'pool-a'), {
    ok: false,
    refusal: {
      reason: 'InternalError',
      message: /\/calico\/resources\/v3\/projectcalico\.org\/ippools\/pool-a: not JSON/,
    },
  })
  t.end()
})

t.test('preconditions are compared with the stored object', (t) => {
  const stored = { value: mustPool({}, { uid: 'u' }), revision: 7n }
  const rows: readonly (readonly [
    name: string,
    Parameters<typeof brokenPrecondition>[2],
    reason: string | undefined,
  ])[] = [
    ['none', {}, undefined],
    ['empty ones', { uid: '', resourceVersion: '' }, undefined],
    ['its UID', { uid: 'u' }, undefined],
    ['another UID', { uid: 'v' }, 'Conflict'],
    ['its version', { resourceVersion: '7' }, undefined],
    ['an older version', { resourceVersion: '6' }, 'Conflict'],
    ['a newer version', { resourceVersion: '8' }, 'Conflict'],
    ['another spelling', { resourceVersion: '07' }, 'Conflict'],
    ['a version that is none', { resourceVersion: '7a' }, 'BadRequest'],
    ['both', { uid: 'u', resourceVersion: '7' }, undefined],
    ['one of both', { uid: 'v', resourceVersion: '7' }, 'Conflict'],
  ]
  for (const [name, preconditions, reason] of rows) {
    t.equal(brokenPrecondition(kind, stored, preconditions)?.reason, reason, name)
  }
  t.equal(
    brokenPrecondition(kind, stored, { resourceVersion: '6' })?.message,
    'Operation cannot be fulfilled on ippools.projectcalico.org "pool-a": the object has been modified; please apply your changes to the latest version and try again',
  )
  t.match(brokenPrecondition(kind, stored, { uid: 'v' })?.message, /UID in precondition: v, UID in object meta: u$/)
  t.end()
})

t.test('an object is named as Kubernetes does', (t) => {
  t.equal(quoteObject(kind, 'a"b'), 'ippools.projectcalico.org "a\\"b"')
  t.match(conflict(kind, 'x', 'why'), { reason: 'Conflict', message: /"x": why$/ })
  t.end()
})
