import t from 'tap'
import { jsonObject, poolKey } from '../../../src/model/index.ts'
import { planApply } from '../../../src/resources/index.ts'
import { objectIn } from '../../../src/resources/object/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import { causesOf, context, granted, poolBody, poolKind, storedPool, strict } from '../fixtures.ts'

const kind = poolKind()
const key = poolKey('pool-a')

interface Asked {
  readonly manager?: string
  readonly isForced?: boolean
}

function apply(view: FakeView, body: unknown, { manager = 'kubectl', isForced = false }: Asked = {}, name = 'pool-a') {
  const plan = planApply(view, kind, name, body, { isForced }, { ...strict, manager })
  return { ...plan, answer: view.apply(plan) }
}

function viewWithPool(text = storedPool): FakeView {
  const view = new FakeView()
  view.putText(key.text, text)
  return view
}

t.test('a missing object is created', (t) => {
  const view = new FakeView()
  const created = apply(view, { spec: { cidr: '10.10.0.0/24' } })
  t.match(granted(created), { isWritten: true, revisionBefore: undefined, warnings: [] })
  t.match(granted(created).value.object, {
    metadata: {
      name: 'pool-a',
      uid: context.uid,
      creationTimestamp: '2026-11-23T03:59:00Z',
      managedFields: [
        {
          manager: 'kubectl',
          operation: 'Apply',
          apiVersion: 'projectcalico.org/v3',
          time: '2026-11-23T03:59:00Z',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:spec': { 'f:cidr': {} } },
        },
      ],
    },
    spec: { blockSize: 26 },
  })
  t.equal(view.text(key.text)?.includes('"name":"pool-a"'), true)
  const again = apply(view, poolBody())
  t.match(granted(again), { isWritten: false, revisionBefore: view.revision })
  t.strictSame(again.writes, [], 'the same again writes nothing')
  t.end()
})

t.test('a stored object is changed', (t) => {
  const view = viewWithPool()
  const revision = view.revision
  const changed = apply(view, { ...poolBody({ disabled: true }, { labels: { a: 'b' } }), kind: 'IPPool' })
  t.match(granted(changed), { isWritten: true, revisionBefore: revision })
  t.match(granted(changed).value.object, {
    metadata: { labels: { a: 'b' } },
    spec: { disabled: true, natOutgoing: true },
  })
  const dropped = apply(view, poolBody())
  t.notMatch(granted(dropped).value.object, { spec: { disabled: true } })
  t.equal(objectIn(granted(dropped).value.object, 'metadata')['labels'], undefined)
  t.match(granted(dropped).value.object, { spec: { natOutgoing: true } }, 'what nobody manages stays')
  t.end()
})

t.test('a default block size is stored once, and then cannot be changed', (t) => {
  const view = new FakeView()
  apply(view, poolBody({ blockSize: 28 }))
  t.match(granted(apply(view, poolBody())).value.object, { spec: { blockSize: 28 } })
  t.end()
})

t.test('a field of another manager is a conflict, or is taken with force', (t) => {
  const view = new FakeView()
  apply(view, poolBody({ natOutgoing: true }))
  const mine = { manager: 'other' }
  const body = poolBody({ natOutgoing: false })
  t.match(apply(view, body, mine), {
    answer: {
      refusal: {
        reason: 'Conflict',
        message: 'Apply failed with 1 conflict: conflict with "kubectl": .spec.natOutgoing',
      },
    },
    writes: [],
  })
  t.match(granted(apply(view, body, { ...mine, isForced: true })), { isWritten: true })
  t.match(apply(view, poolBody({ natOutgoing: true })).answer, { refusal: { reason: 'Conflict' } })
  t.end()
})

t.test('the outcome is validated like any change', (t) => {
  t.strictSame(causesOf(apply(viewWithPool(), poolBody({ cidr: '10.10.0.0/25', vxlanMode: 'x' }))), [
    'spec.cidr: FieldValueInvalid',
    'spec.vxlanMode: FieldValueNotSupported',
  ])
  t.strictSame(causesOf(apply(new FakeView(), { spec: {} })), ['spec.cidr: FieldValueRequired'])
  t.strictSame(causesOf(apply(new FakeView(), poolBody({ allowedUses: ['Tunnel', 'Tunnel'] }))), [
    'spec.allowedUses[1]: FieldValueDuplicate',
  ])
  for (const view of [new FakeView(), viewWithPool()]) {
    t.match(apply(view, poolBody({ bogus: 1 })).answer, {
      refusal: { reason: 'BadRequest', message: /unknown field "spec.bogus"/ },
    })
    const options = { manager: 'kubectl', isForced: false }
    t.strictSame(granted(planApply(view, kind, 'pool-a', poolBody({ bogus: 1 }), options, context)).warnings, [
      'unknown field "spec.bogus"',
    ])
  }
  t.end()
})

t.test('fields that a newer Calico stored stay', (t) => {
  const view = viewWithPool(
    storedPool.replace('"natOutgoing":true', '"natOutgoing":true,"newer":null,"other":{"a":[1]}'),
  )
  const changed = granted(apply(view, poolBody({ disabled: true })))
  t.match(changed.value.object, { spec: { disabled: true, other: { a: [1] } } })
  t.equal(objectIn(changed.value.object, 'spec')['newer'], null)
  t.end()
})

const rows: readonly (readonly [
  name: string,
  body: unknown,
  options: Asked,
  reason: string,
  field: string | undefined,
])[] = [
  ['no manager', poolBody(), { manager: '' }, 'Invalid', 'fieldManager'],
  ['a manager that cannot be printed', poolBody(), { manager: 'a\u0000' }, 'Invalid', 'fieldManager'],
  ['managedFields', poolBody({}, { managedFields: [] }), {}, 'BadRequest', 'metadata.managedFields'],
  ['no object', [], {}, 'BadRequest', undefined],
  ['another kind', { ...poolBody(), kind: 'Node' }, {}, 'BadRequest', 'kind'],
  ['another name', poolBody({}, { name: 'pool-b' }), {}, 'BadRequest', 'metadata.name'],
  ['another object', poolBody({}, { uid: 'x' }), {}, 'Conflict', undefined],
]
for (const [name, body, options, reason, field] of rows) {
  t.test(`refused: ${name}`, (t) => {
    for (const view of [new FakeView(), viewWithPool()]) {
      t.match(apply(view, body, options), { answer: { ok: false, refusal: { reason } }, writes: [] })
      if (field !== undefined) t.match(apply(view, body, options).answer, { refusal: { causes: [{ field }] } })
    }
    t.end()
  })
}

t.test('refused as kubectl prints it', (t) => {
  t.match(apply(new FakeView(), poolBody(), { manager: '' }).answer, {
    refusal: {
      message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      causes: [{ reason: 'FieldValueRequired' }],
    },
  })
  t.end()
})

t.test('with a resourceVersion as precondition', (t) => {
  const version = (resourceVersion: string) => poolBody({}, { resourceVersion })
  t.match(apply(viewWithPool(), version('1')).answer, { refusal: { reason: 'Conflict' } })
  t.match(granted(apply(viewWithPool(), version('2'))), { isWritten: true })
  t.match(apply(new FakeView(), version('2')).answer, { refusal: { reason: 'BadRequest' } }, 'a new object has none')
  t.ok(apply(new FakeView(), poolBody({}, { managedFields: null })).answer.ok, 'null is not given')
  t.end()
})

t.test('what cannot be read is left alone', (t) => {
  t.match(apply(viewWithPool('{'), poolBody()), { answer: { refusal: { reason: 'InternalError' } }, writes: [] })
  t.end()
})

t.test('without entries, the object stays as it is', (t) => {
  const view = viewWithPool(storedPool.replace('"natOutgoing":true', '"natOutgoing":true,"disabled":true'))
  const applied = granted(apply(view, poolBody({ disabled: false })))
  t.equal(objectIn(applied.value.object, 'spec')['disabled'], false)
  t.match(applied.value.object, jsonObject([['metadata', { managedFields: [{ manager: 'kubectl' }] }]]))
  t.end()
})

t.test('a configuration with too many labels is refused, unless the object has as many', (t) => {
  const labels = (count: number): object =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${String(index)}`, 'v']))
  const body = (count: number): object => ({ metadata: { labels: labels(count) }, spec: { cidr: '10.10.0.0/24' } })
  const refused = ['metadata.labels: FieldValueInvalid']
  t.equal(apply(new FakeView(), body(1_000)).answer.ok, true)
  t.strictSame(causesOf(apply(new FakeView(), body(1_001))), refused)
  const view = viewWithPool(
    storedPool.replace('"metadata":{', `"metadata":{"labels":${JSON.stringify(labels(1_001))},`),
  )
  t.equal(apply(view, body(1_001), { isForced: true }).answer.ok, true)
  t.strictSame(causesOf(apply(view, body(1_002), { isForced: true })), refused)
  t.end()
})
