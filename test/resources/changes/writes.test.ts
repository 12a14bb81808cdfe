import t from 'tap'
import { type Json, type JsonObject, type Pool, poolKey, stringifyJson } from '../../../src/model/index.ts'
import { planChange, type SetManagers } from '../../../src/resources/changes/writes.ts'
import { planDelete, planCreate, planJsonPatch, planMergePatch, planReplace } from '../../../src/resources/index.ts'
import { ipreservationKind } from '../../../src/resources/kinds/ipreservation.ts'
import { objectIn, showObject } from '../../../src/resources/object/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import {
  causesOf,
  context,
  granted,
  mustParse,
  mustPool,
  poolBody,
  poolKind,
  storedPool,
  strict,
  withCondition,
  written,
} from '../fixtures.ts'

const kind = poolKind()
const key = poolKey('pool-a')

/** A datastore that holds the worked example. */
function viewWithPool(text = storedPool): FakeView {
  const view = new FakeView()
  view.putText(key.text, text)
  return view
}

/** The stored pool with other text in some places. */
function edited(...replacements: readonly (readonly [from: string, to: string])[]): string {
  return replacements.reduce((text, [from, to]) => text.replace(from, to), storedPool)
}

t.test('create', (t) => {
  t.test('stores an object once', (t) => {
    const view = new FakeView()
    const created = granted({ answer: view.apply(planCreate(view, kind, poolBody(), context)), writes: [] })
    t.match(created, { isWritten: true, revisionBefore: undefined, warnings: [] })
    t.match(created.value.object, { metadata: { name: 'pool-a', generation: 1 } })
    t.equal(view.text(key.text), withCondition(edited(['"natOutgoing":true,', ''], ['29', '26'])))
    t.match(planCreate(view, kind, poolBody(), context), {
      answer: { refusal: { reason: 'AlreadyExists', message: 'ippools.projectcalico.org "pool-a" already exists' } },
      writes: [],
    })
    t.end()
  })

  t.test('leaves what cannot be read alone', (t) => {
    const plan = planCreate(viewWithPool('{'), kind, poolBody(), context)
    t.match(plan, { answer: { refusal: { reason: 'AlreadyExists' } }, writes: [] })
    t.end()
  })

  t.test('generates a name', (t) => {
    const body = { metadata: { generateName: 'pool-' }, spec: { cidr: '10.10.0.0/24' } }
    const plan = planCreate(new FakeView(), kind, body, context)
    t.strictSame(Object.keys(written(plan)), [poolKey('pool-7f1d0').text])
    t.end()
  })

  t.test('does not look for a name that is none', (t) => {
    const view = new FakeView()
    t.strictSame(causesOf(planCreate(view, kind, poolBody({}, { name: 'a/b' }), context)), [
      'metadata.name: FieldValueInvalid',
    ])
    t.notOk(view.reads.has(poolKey('a/b').text))
    t.end()
  })

  t.test('refuses another kind, and an object with a resourceVersion', (t) => {
    const bad: readonly (readonly [string, unknown])[] = [
      ['nothing', undefined],
      ['another kind', { ...poolBody(), kind: 'Node' }],
      ['a resource version', poolBody({}, { resourceVersion: '7' })],
    ]
    for (const [name, body] of bad) {
      t.match(
        planCreate(new FakeView(), kind, body, context),
        { answer: { refusal: { reason: 'BadRequest' } }, writes: [] },
        name,
      )
    }
    t.ok(
      planCreate(new FakeView(), kind, poolBody({}, { resourceVersion: '' }), context).answer.ok,
      'an empty one is none',
    )
    t.match(planCreate(new FakeView(), kind, poolBody({ bogus: 1 }), strict).answer, {
      refusal: { reason: 'BadRequest' },
    })
    t.strictSame(granted(planCreate(new FakeView(), kind, poolBody({ bogus: 1 }), context)).warnings, [
      'unknown field "spec.bogus"',
    ])
    t.end()
  })
  t.end()
})

t.test('replace', (t) => {
  const body = mustParse(storedPool)
  const [metadata, spec] = [objectIn(body, 'metadata'), objectIn(body, 'spec')]

  t.test('stores the new object in place of the old one', (t) => {
    const view = viewWithPool()
    const revision = view.revision
    const plan = planReplace(
      view,
      kind,
      'pool-a',
      { ...body, spec: { ...spec, natOutgoing: false, disabled: true } },
      strict,
    )
    t.strictSame(written(plan), { [key.text]: withCondition(edited(['"natOutgoing":true', '"disabled":true'])) })
    t.match(granted(plan), { isWritten: true, revisionBefore: revision })
    t.end()
  })

  t.test('keeps what the server sets, and fills in defaults', (t) => {
    const view = viewWithPool()
    const plan = planReplace(view, kind, 'pool-a', { spec: { cidr: '10.10.0.0/24' } }, strict)
    const stored = withCondition(edited(['"natOutgoing":true,', '']))
    t.strictSame(written(plan), { [key.text]: stored }, 'blockSize is the stored one')
    t.end()
  })

  t.test('writes nothing when nothing changes', (t) => {
    const bodies: readonly (readonly [string, JsonObject])[] = [
      ['the very same', body],
      ['as it was answered', { ...body, metadata: { ...metadata, resourceVersion: '2' }, status: {} }],
      ['without defaults', { metadata: { name: 'pool-a' }, spec: { cidr: '10.10.0.0/24', natOutgoing: true } }],
      [
        'with a time of its own',
        { ...body, metadata: { ...metadata, creationTimestamp: '2026-11-23T03:59:00.000Z', generation: 1 } },
      ],
    ]
    for (const [name, given] of bodies) {
      const view = viewWithPool()
      const plan = planReplace(view, kind, 'pool-a', given, strict)
      t.match(granted(plan), { isWritten: false, revisionBefore: 2n }, name)
      t.strictSame(plan.writes, [], name)
    }
    const older = viewWithPool(edited([',"assignmentMode":"Automatic"', '']))
    t.strictSame(planReplace(older, kind, 'pool-a', body, strict).writes, [], 'a default that is now said')
    t.end()
  })

  t.test('keeps empty fields that were sent, once', (t) => {
    const view = viewWithPool()
    const given = { ...body, spec: { ...spec, disabled: false, namespaceSelector: '' } }
    const plan = planReplace(view, kind, 'pool-a', given, strict)
    t.match(granted(plan), { isWritten: true, value: { object: { spec: { disabled: false, namespaceSelector: '' } } } })
    t.strictSame(written(plan), { [key.text]: withCondition(storedPool) }, 'Calico sees the spec that it saw')
    view.apply(plan)
    t.strictSame(planReplace(view, kind, 'pool-a', given, strict).writes, [])
    t.end()
  })

  t.test('spells the CIDR canonically, whatever spelling is stored', (t) => {
    const text = '{"metadata":{"name":"pool-a"},"spec":{"cidr":"FD00:0::/64"}}'
    const plan = planReplace(
      viewWithPool(text),
      kind,
      'pool-a',
      { spec: { cidr: 'fd00:0:0:0::/64', disabled: true } },
      strict,
    )
    t.match(granted(plan).value.object, { spec: { cidr: 'fd00::/64', blockSize: 122, disabled: true } })
    t.end()
  })

  t.test('can name the version and the UID it is meant for', (t) => {
    const rows: readonly (readonly [name: string, metadata: Record<string, Json>, reason: string | undefined])[] = [
      ['no version', {}, undefined],
      ['an empty version', { resourceVersion: '' }, undefined],
      ['this version', { resourceVersion: '2' }, undefined],
      ['another version', { resourceVersion: '1' }, 'Conflict'],
      ['a version that is none', { resourceVersion: 'x' }, 'BadRequest'],
      ['this object', { uid: context.uid }, undefined],
      ['another object', { uid: 'x' }, 'Conflict'],
      ['its name', { name: 'pool-a' }, undefined],
      ['another name', { name: 'pool-b' }, 'BadRequest'],
    ]
    for (const [name, metadata, reason] of rows) {
      const plan = planReplace(viewWithPool(), kind, 'pool-a', { metadata, spec }, strict)
      t.equal(plan.answer.ok ? undefined : plan.answer.refusal.reason, reason, name)
    }
    t.end()
  })

  t.test('refuses a missing object, an unreadable one, and another kind', (t) => {
    const reasonOf = (view: FakeView, given: unknown) => planReplace(view, kind, 'pool-a', given, strict).answer
    t.match(reasonOf(new FakeView(), body), { refusal: { reason: 'NotFound' } })
    t.match(reasonOf(viewWithPool('{'), body), { refusal: { reason: 'InternalError' } })
    t.match(reasonOf(viewWithPool(), []), { refusal: { reason: 'BadRequest' } })
    t.match(reasonOf(viewWithPool(), { ...body, bogus: 1 }), { refusal: { reason: 'BadRequest' } })
    t.end()
  })

  t.test('refuses everything that is wrong, and every change that must not be', (t) => {
    const spec = { cidr: '10.10.0.0/25', blockSize: 28, ipipMode: 'x' }
    t.strictSame(causesOf(planReplace(viewWithPool(), kind, 'pool-a', { spec }, strict)), [
      'spec.cidr: FieldValueInvalid',
      'spec.blockSize: FieldValueInvalid',
      'spec.ipipMode: FieldValueNotSupported',
    ])
    t.end()
  })

  t.test('does not ask about other pools and blocks, as Calico does not', (t) => {
    const view = viewWithPool()
    view.put(poolKey('pool-b'), mustPool({}, { name: 'pool-b' }))
    t.ok(planReplace(view, kind, 'pool-a', { spec: { ...spec, disabled: true } }, strict).answer.ok)
    t.end()
  })
  t.end()
})

t.test('a pool that is being deleted', (t) => {
  const terminating = edited(
    [
      '"creationTimestamp":"2026-11-23T03:59:00Z"',
      '"creationTimestamp":"2026-11-23T03:59:00Z","deletionTimestamp":"2026-11-23T04:00:00Z","finalizers":["projectcalico.org/ippool-finalizer","a/b"]',
    ],
    ['"natOutgoing":true', '"disabled":true'],
  )

  t.test('can be labelled, and its other finalizers removed', (t) => {
    const patch = { metadata: { labels: { a: 'b' }, finalizers: ['projectcalico.org/ippool-finalizer'] } }
    const plan = planMergePatch(viewWithPool(terminating), kind, 'pool-a', patch, strict)
    t.match(granted(plan).value.object, { metadata: patch.metadata })
    t.end()
  })

  t.test('keeps the finalizer of the server', (t) => {
    const plan = planMergePatch(viewWithPool(terminating), kind, 'pool-a', { metadata: { finalizers: null } }, strict)
    t.match(granted(plan).value.object, { metadata: { finalizers: ['projectcalico.org/ippool-finalizer'] } })
    t.end()
  })

  t.test('cannot be enabled again', (t) => {
    const patch = { metadata: { deletionTimestamp: null }, spec: { disabled: false } }
    t.strictSame(causesOf(planMergePatch(viewWithPool(terminating), kind, 'pool-a', patch, strict)), [
      'spec.disabled: FieldValueForbidden',
    ])
    const undead = planMergePatch(
      viewWithPool(terminating),
      kind,
      'pool-a',
      { metadata: { deletionTimestamp: null } },
      strict,
    )
    t.strictSame(undead.writes, [], 'the time of its deletion is not for clients to change')
    t.end()
  })
  t.end()
})

t.test('merge patch', (t) => {
  const rows: readonly (readonly [name: string, patch: JsonObject, from: string, to: string])[] = [
    ['a new field', { spec: { disabled: true } }, '"natOutgoing":true', '"natOutgoing":true,"disabled":true'],
    ['a changed list', { spec: { allowedUses: ['Workload'] } }, '["Workload","Tunnel"]', '["Workload"]'],
    ['a removed field', { spec: { natOutgoing: null } }, '"natOutgoing":true,', ''],
    ['a removed field with a default', { spec: { assignmentMode: null, blockSize: null } }, '', ''],
    ['a label', { metadata: { labels: { b: '2', a: '1' } } }, '"},"spec"', '","labels":{"a":"1","b":"2"}},"spec"'],
    ['an annotation that is not there', { metadata: { annotations: { a: null } } }, '', ''],
    [
      'the version that is meant',
      { metadata: { resourceVersion: '2' }, spec: { disabled: true } },
      '"natOutgoing":true',
      '"natOutgoing":true,"disabled":true',
    ],
    ['the status', { status: { conditions: [] } }, '', ''],
    ['nothing', {}, '', ''],
  ]
  for (const [name, patch, from, to] of rows) {
    t.test(name, (t) => {
      const plan = planMergePatch(viewWithPool(), kind, 'pool-a', patch, strict)
      const after = from === '' ? {} : { [key.text]: withCondition(edited([from, to])) }
      t.strictSame(written(plan), after)
      t.equal(granted(plan).isWritten, from !== '')
      t.end()
    })
  }

  t.test('refuses what a replace would', (t) => {
    const refusals: readonly (readonly [name: string, patch: unknown, reason: string])[] = [
      ['another version', { metadata: { resourceVersion: '1' } }, 'Conflict'],
      ['another name', { metadata: { name: 'pool-b' } }, 'BadRequest'],
      ['an unknown field', { spec: { bogus: true } }, 'BadRequest'],
      ['a wrong value', { spec: { vxlanMode: 'x' } }, 'Invalid'],
      ['no CIDR', { spec: { cidr: null } }, 'Invalid'],
      ['no spec', { spec: null }, 'Invalid'],
      ['no object', [], 'BadRequest'],
      ['no patch', undefined, 'BadRequest'],
    ]
    for (const [name, patch, reason] of refusals) {
      t.match(
        planMergePatch(viewWithPool(), kind, 'pool-a', patch, strict),
        { answer: { refusal: { reason } }, writes: [] },
        name,
      )
    }
    t.match(planMergePatch(new FakeView(), kind, 'pool-a', {}, strict).answer, { refusal: { reason: 'NotFound' } })
    t.end()
  })

  t.test('keeps fields of a newer Calico, and says that they cannot be changed', (t) => {
    const text = edited(['"assignmentMode"', '"future":{"a":18446744073709551615},"assignmentMode"'])
    const after = edited(
      ['"natOutgoing":true', '"disabled":true'],
      ['"Automatic"}', '"Automatic","future":{"a":18446744073709551615}}'],
    )
    const plan = planMergePatch(
      viewWithPool(text),
      kind,
      'pool-a',
      { spec: { natOutgoing: null, disabled: true } },
      strict,
    )
    t.strictSame(written(plan), { [key.text]: withCondition(after) })
    const removal = planMergePatch(viewWithPool(text), kind, 'pool-a', { spec: { future: null } }, context)
    t.strictSame(granted(removal).warnings, ['unknown field "spec.future"'])
    t.strictSame(removal.writes, [])
    t.end()
  })
  t.end()
})

t.test('JSON patch', (t) => {
  const rows: readonly (readonly [name: string, patch: Json, from: string, to: string])[] = [
    [
      'a new field',
      [{ op: 'add', path: '/spec/disabled', value: true }],
      '"natOutgoing":true',
      '"natOutgoing":true,"disabled":true',
    ],
    ['a removed field', [{ op: 'remove', path: '/spec/natOutgoing' }], '"natOutgoing":true,', ''],
    ['a removed item', [{ op: 'remove', path: '/spec/allowedUses/0' }], '"Workload","Tunnel"', '"Tunnel"'],
    [
      'a test',
      [
        { op: 'test', path: '/metadata/resourceVersion', value: '2' },
        { op: 'replace', path: '/spec/natOutgoing', value: false },
      ],
      '"natOutgoing":true,',
      '',
    ],
    [
      'no version',
      [
        { op: 'remove', path: '/metadata/resourceVersion' },
        { op: 'remove', path: '/spec/natOutgoing' },
      ],
      '"natOutgoing":true,',
      '',
    ],
    ['nothing', [], '', ''],
  ]
  for (const [name, patch, from, to] of rows) {
    t.test(name, (t) => {
      const plan = planJsonPatch(viewWithPool(), kind, 'pool-a', patch, strict)
      t.strictSame(written(plan), from === '' ? {} : { [key.text]: withCondition(edited([from, to])) })
      t.end()
    })
  }

  t.test('is refused as a whole', (t) => {
    const refusals: readonly (readonly [name: string, patch: unknown, reason: string])[] = [
      ['a failed test', [{ op: 'test', path: '/spec/natOutgoing', value: false }], 'Invalid'],
      ['a path that leads nowhere', [{ op: 'remove', path: '/spec/disabled' }], 'Invalid'],
      [
        'a version that is not this one',
        [{ op: 'replace', path: '/metadata/resourceVersion', value: '1' }],
        'Conflict',
      ],
      ['what is no patch', { spec: {} }, 'BadRequest'],
      ['an object turned into something else', [{ op: 'replace', path: '', value: [] }], 'BadRequest'],
      ['a prototype', [{ op: 'add', path: '/__proto__', value: { polluted: true } }], 'BadRequest'],
      ['a wrong type', [{ op: 'replace', path: '/spec/natOutgoing', value: 'true' }], 'Invalid'],
    ]
    for (const [name, patch, reason] of refusals) {
      t.match(
        planJsonPatch(viewWithPool(), kind, 'pool-a', patch, strict),
        { answer: { refusal: { reason } }, writes: [] },
        name,
      )
    }
    t.end()
  })
  t.end()
})

const shownOf = (pool: Pool) => stringifyJson(showObject(kind, pool, 7n))

t.test('the value of an answer equals the one that is read back', (t) => {
  const view = viewWithPool()
  const changed = granted({
    answer: view.apply(planMergePatch(view, kind, 'pool-a', { spec: { disabled: false, natOutgoing: false } }, strict)),
    writes: [],
  })
  const lookup = kind.storage.lookup(view, 'pool-a')
  t.equal(lookup.kind, 'value')
  if (lookup.kind === 'value') t.equal(shownOf(changed.value), shownOf(lookup.value))
  t.equal(
    objectIn(changed.value.object, 'spec')['natOutgoing'],
    false,
    'what was sent is answered, although it is not stored',
  )
  t.notMatch(view.text(key.text), /natOutgoing/)
  t.end()
})

t.test('the status is changed by itself, and nothing else with it', (t) => {
  const view = viewWithPool()
  const status = { ...context, subresource: 'status' } as const
  const conditions = [{ type: 'Seen', status: 'True' }]
  const body = { metadata: { labels: { a: 'b' } }, spec: { disabled: true }, status: { conditions } }
  view.apply(planMergePatch(view, kind, 'pool-a', body, context))
  t.match(mustParse(view.text(key.text)), { metadata: { labels: { a: 'b' } }, spec: { disabled: true } })
  const allocatable = { type: 'Allocatable', status: 'False', reason: 'PoolDisabled' }
  t.match(
    mustParse(view.text(key.text))['status'],
    { conditions: [allocatable] },
    'only the server changes it with the rest',
  )
  const other = { ...body, metadata: { labels: { a: 'c' } }, spec: { disabled: false } }
  const { value } = granted({ answer: view.apply(planReplace(view, kind, 'pool-a', other, status)), writes: [] })
  t.match(value.object, {
    metadata: { labels: { a: 'b' }, generation: 2 },
    spec: { disabled: true },
    status: { conditions: [...conditions, allocatable] },
  })
  const patch = { status: { conditions: null }, spec: { disabled: false } }
  view.apply(planMergePatch(view, kind, 'pool-a', patch, status))
  t.match(mustParse(view.text(key.text)), { spec: { disabled: true }, status: { conditions: [allocatable] } })
  t.strictSame(causesOf(planReplace(view, kind, 'pool-a', { status: { conditions: 'x' } }, status)), [
    'status.conditions: FieldValueTypeInvalid',
  ])
  t.end()
})

t.test('managers that cannot be read are refused', (t) => {
  const body = poolBody({}, { managedFields: [{ manager: 'x', operation: 'Nothing' }] })
  const merged = { metadata: body['metadata'] ?? null }
  t.match(causesOf(planMergePatch(viewWithPool(), kind, 'pool-a', merged, context))[0], /^metadata\.managedFields/)
  t.end()
})

t.test('an object that is being deleted is removed with its last finalizer, unless its kind refuses', (t) => {
  const body = { metadata: { name: 'r', finalizers: ['a/b'] } }
  const patch = { metadata: { finalizers: [] } }
  const refusing: typeof ipreservationKind = {
    ...ipreservationKind,
    planRemoval: () => ({ kind: 'refused', refusal: { reason: 'Conflict', message: 'no', causes: [] } }),
  }
  for (const [kind, isGone] of [
    [ipreservationKind, true],
    [refusing, false],
  ] as const) {
    const view = new FakeView()
    view.apply(planCreate(view, kind, body, context))
    view.apply(planDelete(view, kind, 'r', {}, context))
    t.equal(view.apply(planMergePatch(view, kind, 'r', patch, context)).ok, isGone)
    t.equal(view.keys('/').length, isGone ? 0 : 2)
  }
  t.end()
})

t.test('the caller can set the managers', (t) => {
  const setManagers: SetManagers = (object) => ({
    ...object,
    metadata: { ...objectIn(object, 'metadata'), managedFields: [{ manager: 'x' }] },
  })
  const managed = { metadata: { managedFields: [{ manager: 'x' }] } }
  t.match(granted(planCreate(new FakeView(), kind, poolBody(), context, setManagers)).value.object, managed)
  const stored = { value: mustPool(), revision: 2n }
  const plan = planChange(viewWithPool(), kind, stored, poolBody(), strict, { isComplete: false, setManagers })
  t.match(granted(plan).value.object, managed)
  t.end()
})
