import fc from 'fast-check'
import t from 'tap'
import { type Json, type JsonObject, jsonObject } from '../../../src/model/index.ts'
import { withUpdate } from '../../../src/resources/managed-fields/index.ts'
import { vanished, withoutFields } from '../../../src/resources/managed-fields/update.ts'
import { objectIn, sameJson } from '../../../src/resources/object/index.ts'
import { apply, managersOf, pool, timesOf, tryUpdate, update } from './fixtures.ts'
import { context, poolKind } from '../fixtures.ts'

const cidr = '10.10.0.0/24'
const defaults = [
  '.spec.allowedUses[="Tunnel"]',
  '.spec.allowedUses[="Workload"]',
  '.spec.assignmentMode',
  '.spec.blockSize',
  '.spec.cidr',
  '.spec.ipipMode',
  '.spec.nodeSelector',
  '.spec.vxlanMode',
]

/** A pool that one manager has created. */
const created = update(undefined, pool({ cidr, natOutgoing: true }, { labels: { a: '1' } }), 'creator')

/** The pool as its client would send it back, with other members of its spec and metadata, and without managedFields. */
function changed(spec: Readonly<Record<string, Json>>, metadata: Readonly<Record<string, Json>> = {}, of = created) {
  const { managedFields: _, ...oldMetadata } = objectIn(of.object, 'metadata')
  const oldSpec = objectIn(of.object, 'spec')
  return jsonObject([
    ['metadata', { ...oldMetadata, ...metadata }],
    ['spec', { ...oldSpec, ...spec }],
  ])
}

t.test('the creator manages all fields, defaults included', (t) => {
  t.strictSame(managersOf(created.object), {
    'creator Update': ['.metadata.labels.a', ...defaults, '.spec.natOutgoing'].sort(),
  })
  t.strictSame(timesOf(created.object), { 'creator Update': '2026-11-23T03:59:00Z' })
  t.match(created.object, {
    metadata: { managedFields: [{ apiVersion: 'projectcalico.org/v3', fieldsType: 'FieldsV1' }] },
  })
  const given = pool({ cidr }, { managedFields: managedFieldsOf(created.object) })
  t.strictSame(Object.keys(managersOf(update(undefined, given, 'other').object)), ['other Update'], 'whatever it says')
  t.end()
})

const own = ['.metadata.labels.a', ...defaults, '.spec.natOutgoing'].sort()
const without = (...paths: readonly string[]) => own.filter((path) => !paths.includes(path))

const rows: readonly (readonly [
  name: string,
  given: JsonObject,
  manager: string,
  managers: Readonly<Record<string, readonly string[]>>,
])[] = [
  [
    "a field that changes is the writer's alone",
    changed({ natOutgoing: false, disabled: true, ipipMode: 'Always' }),
    'other',
    {
      'creator Update': without('.spec.natOutgoing', '.spec.ipipMode'),
      'other Update': ['.spec.disabled', '.spec.ipipMode', '.spec.natOutgoing'],
    },
  ],
  [
    "a field that appears is the writer's",
    changed({ disabled: true }, { annotations: { e: '' } }),
    'other',
    {
      'creator Update': own,
      'other Update': ['.metadata.annotations.e', '.spec.disabled'],
    },
  ],
  [
    "a field that vanishes is nobody's",
    changed({ natOutgoing: null }, { labels: {} }),
    'other',
    {
      'creator Update': without('.spec.natOutgoing', '.metadata.labels.a'),
    },
  ],
  [
    'the members of a set are fields of their own',
    changed({ allowedUses: ['Workload'] }, { finalizers: ['a/b'] }),
    'other',
    {
      'creator Update': without('.spec.allowedUses[="Tunnel"]'),
      'other Update': ['.metadata.finalizers[="a/b"]'],
    },
  ],
  [
    "the order of a set is nobody's",
    changed({ allowedUses: ['Tunnel', 'Workload'] }),
    'other',
    { 'creator Update': own },
  ],
  [
    'the creator changes more',
    changed({ disabled: true, natOutgoing: null }),
    'creator',
    {
      'creator Update': [...without('.spec.natOutgoing'), '.spec.disabled'].sort(),
    },
  ],
  [
    'labels are fields of their own',
    changed({}, { labels: { a: '1', b: '2' } }),
    'other',
    {
      'creator Update': own,
      'other Update': ['.metadata.labels.b'],
    },
  ],
  [
    'what Go leaves out is as good as nothing',
    changed({ disabled: false, namespaceSelector: '' }),
    'other',
    { 'creator Update': own },
  ],
  [
    'an empty container is as good as none',
    changed({}, { annotations: {}, finalizers: [] }),
    'other',
    { 'creator Update': own },
  ],
]
for (const [name, given, manager, managers] of rows) {
  t.test(name, (t) => {
    const after = update(created, given, manager, { seconds: 5 })
    t.strictSame(managersOf(after.object), managers)
    const changes =
      Object.keys(managers).includes(`${manager} Update`) && !sameJson(managers[`${manager} Update`] ?? [], own)
    t.equal(
      timesOf(after.object)[`${manager} Update`],
      changes ? '2026-11-23T03:59:05Z' : timesOf(created.object)[`${manager} Update`],
    )
    t.end()
  })
}

t.test('an entry without fields is dropped', (t) => {
  const labelled = update(created, changed({}, { labels: { a: '1', b: '2' } }), 'other')
  const taken = update(labelled, changed({}, { labels: { a: '1', b: '3' } }), 'third')
  t.strictSame(Object.keys(managersOf(taken.object)), ['creator Update', 'third Update'])
  const bare = update(taken, changed({}, { labels: { a: '1' } }), 'third')
  t.strictSame(Object.keys(managersOf(bare.object)), ['creator Update'])
  t.end()
})

t.test('a write that changes nothing leaves entries and times alone', (t) => {
  for (const manager of ['creator', 'other']) {
    t.strictSame(update(created, changed({}), manager, { seconds: 5 }).object, created.object, manager)
    t.strictSame(
      update(created, pool({ cidr, natOutgoing: true }, { labels: { a: '1' } }), manager, { seconds: 5 }).object,
      created.object,
    )
  }
  t.end()
})

t.test('an update takes fields from managers that apply, too', (t) => {
  const applied = apply(created, pool({ natOutgoing: true, cidr }), 'kubectl')
  const updated = update(
    applied,
    changed({ natOutgoing: true, disabled: true, nodeSelector: "a == 'b'" }, {}, applied),
    'kubectl',
  )
  t.strictSame(managersOf(updated.object)['kubectl Apply'], ['.spec.cidr', '.spec.natOutgoing'])
  t.strictSame(managersOf(updated.object)['kubectl Update'], ['.spec.disabled', '.spec.nodeSelector'])
  const taken = update(updated, changed({ natOutgoing: false }, {}, updated), 'other')
  t.strictSame(managersOf(taken.object)['kubectl Apply'], ['.spec.cidr'])
  t.end()
})

t.test('the status has managers of its own', (t) => {
  const status = { conditions: [{ type: 'Allocatable', status: 'False' }] }
  const of = (type: string) => [`.status.conditions[type="${type}"].status`, `.status.conditions[type="${type}"].type`]
  const first = update(created, { ...changed({ disabled: true }), status }, 'upkeep', { subresource: 'status' })
  t.strictSame(
    managersOf(first.object),
    { 'creator Update': own, 'upkeep Update status': of('Allocatable') },
    'the spec is not looked at',
  )
  const more = { conditions: [...status.conditions, { type: 'Ready', status: 'True' }] }
  const second = update(first, { ...changed({}), status: more }, 'upkeep', { subresource: 'status' })
  t.strictSame(managersOf(second.object)['upkeep Update status'], [...of('Allocatable'), ...of('Ready')])
  const third = update(second, { ...changed({}), status: { conditions: more.conditions.slice(1) } }, 'other', {
    subresource: 'status',
  })
  t.strictSame(managersOf(third.object), { 'creator Update': own, 'upkeep Update status': of('Ready') })
  t.end()
})

t.test('a client can send managers of its own', (t) => {
  const entry: JsonObject = {
    manager: 'kubectl',
    operation: 'Apply',
    apiVersion: 'projectcalico.org/v3',
    time: '2026-11-23T03:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': { 'f:cidr': {} } },
  }
  const stored = managedFieldsOf(created.object)
  const cases: readonly (readonly [name: string, managedFields: Json, expected: Json | undefined])[] = [
    ['other entries', [entry], [entry]],
    ['one more entry', [...stored, entry], [...stored, entry]],
    ['the stored ones', stored, stored],
    [
      'the stored ones with other times',
      stored.map((item) => ({ ...(item as JsonObject), time: '2020-01-01T00:00:00Z' })),
      stored,
    ],
    [
      'the stored ones with a fraction',
      stored.map((item) => ({ ...(item as JsonObject), time: '2026-11-23T03:59:00.000Z' })),
      stored,
    ],
    ['no entries', [], stored],
    ['null', null, stored],
    ['one empty entry, which clears them', [{}], undefined],
  ]
  for (const [name, managedFields, expected] of cases) {
    const after = update(created, changed({}, { managedFields }), 'other', { seconds: 5 })
    t.ok(sameJson(objectIn(after.object, 'metadata')['managedFields'], expected), name)
  }
  const elsewhere = stored.map((item) => ({ ...(item as JsonObject), apiVersion: 'v1' }))
  const moved = update(created, changed({}, { managedFields: elsewhere }), 'other')
  t.ok(sameJson(managedFieldsOf(moved.object), elsewhere), 'entries of another version')
  const cleared = update(created, changed({ disabled: true }, { managedFields: [{}] }), 'other')
  t.strictSame(
    managersOf(cleared.object),
    { 'other Update': ['.spec.disabled'] },
    "what changes with it is the writer's",
  )
  t.end()
})

t.test('entries of clients must be valid', (t) => {
  t.match(
    tryUpdate(
      created,
      changed({}, { managedFields: [{ operation: 'Apply', fieldsType: 'FieldsV1', fieldsV1: { spec: {} } }] }),
      'other',
    ),
    {
      ok: false,
      refusal: {
        reason: 'Invalid',
        message:
          /^IPPool.projectcalico.org "pool-a" is invalid: metadata.managedFields\[0\].fieldsV1: Invalid value: .*: "spec" is not a path element/,
        causes: [{ field: 'metadata.managedFields[0].fieldsV1', reason: 'FieldValueInvalid' }],
      },
    },
  )
  t.match(tryUpdate(created, changed({}, { managedFields: [{}, {}] }), 'other'), { refusal: { reason: 'Invalid' } })
  const odd = { ...created, object: changed({}, { managedFields: [{ fieldsV1: { spec: {} } }] }) }
  t.match(
    update(odd, odd.object, 'other').object,
    { spec: { cidr } },
    'what is stored and sent back is not the fault of the client',
  )
  t.end()
})

t.test('no list of managers that a client sends throws', (t) => {
  const scalar = fc.oneof(fc.constantFrom('Apply', 'Update', 'FieldsV1', '', null, 1), fc.string())
  const names = [
    'manager',
    'operation',
    'apiVersion',
    'time',
    'fieldsType',
    'fieldsV1',
    'subresource',
    'f:spec',
    'f:cidr',
    'v:"a"',
    'k:{}',
    '.',
  ]
  const json = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4 },
      scalar,
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie('json'), { maxKeys: 6, noNullPrototype: true }),
    ),
  })).json
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(json, { maxLength: 3 }), (managedFields) => {
        const given = changed({}, { managedFields })
        const after = withUpdate(
          poolKind(),
          { before: created.object, given, after: created.object },
          {
            manager: 'm',
            subresource: '',
            now: context.now,
          },
        )
        if (!after.ok && after.refusal.reason !== 'Invalid') throw new Error(after.refusal.reason)
      }),
    ),
  )
  t.end()
})

t.test('however many change an object, the entries have a bound', (t) => {
  const numbers = Array.from({ length: 30 }, (_, index) => index)
  const after = numbers.reduce(
    (stored, index) =>
      update(
        stored,
        changed(
          {},
          { labels: { ...objectIn(objectIn(stored.object, 'metadata'), 'labels'), [`l${String(index)}`]: '' } },
          stored,
        ),
        `m-${String(index)}`,
        { seconds: index },
      ),
    created,
  )
  const managers = managersOf(after.object)
  t.equal(Object.keys(managers).length, 10)
  t.equal(new Set(Object.values(managers).flat()).size, own.length + numbers.length, 'no field is lost')
  t.ok(managers['ancient-changes Update']?.includes('.metadata.labels.l0'))
  t.end()
})

t.test('a change removes paths, and the containers that become empty', (t) => {
  const leaves = (...paths: readonly string[]) => new Map(paths.map((path) => [path, 1]))
  t.strictSame(vanished(undefined, leaves('/f:a')), new Set())
  t.strictSame(vanished(leaves('/f:a'), leaves('/f:a', '/f:b')), new Set())
  t.strictSame(vanished(leaves('/f:a/f:b/f:c', '/f:a/f:d'), leaves('/f:a/f:d')), new Set(['/f:a/f:b/f:c', '/f:a/f:b']))
  t.strictSame(vanished(leaves('/f:a/f:b'), leaves('/f:a')), new Set(['/f:a/f:b']))
  const managedFields = [
    {
      ...(managedFieldsOf(created.object)[0] as JsonObject),
      fieldsV1: { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } } },
    },
  ]
  const marked = update(created, changed({}, { managedFields }), 'other')
  t.strictSame(managersOf(marked.object), { 'creator Update': ['.metadata.labels', '.metadata.labels.a'] })
  t.strictSame(managersOf(update(marked, changed({}, { labels: { b: '' } }, marked), 'other').object), {
    'creator Update': ['.metadata.labels'],
    'other Update': ['.metadata.labels.b'],
  })
  t.strictSame(managersOf(update(marked, changed({}, { labels: {} }, marked), 'other').object), {})
  t.end()
})

t.test('fields are taken out of entries', (t) => {
  const entry = {
    manager: 'a',
    operation: 'Apply',
    apiVersion: 'v',
    time: '',
    subresource: '',
    fields: new Set(['/f:a', '/f:b']),
  } as const
  t.strictSame(withoutFields([entry], new Set(['/f:a', '/f:c'])), [{ ...entry, fields: new Set(['/f:b']) }])
  t.equal(withoutFields([entry], new Set(['/f:c']))[0], entry, 'one that has none of them is the same')
  t.end()
})

t.test('after any updates, every field that is there has one manager', (t) => {
  const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('', 'x'), { noNullPrototype: true })
  const uses = fc.constantFrom<readonly string[]>(['Workload'], ['Tunnel'], ['Tunnel', 'Workload'])
  const write = fc.record({
    manager: fc.constantFrom('m', 'n', 'o'),
    labels,
    spec: fc.record({ allowedUses: uses, natOutgoing: fc.boolean(), disabled: fc.boolean() }, { requiredKeys: [] }),
  })
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 6 }), (writes) => {
        const after = writes.reduce<typeof created | undefined>(
          (stored, { manager, labels, spec }) => update(stored, pool({ cidr, ...spec }, { labels }), manager),
          undefined,
        )
        const fields = Object.values(managersOf(after?.object ?? {})).flat()
        const metadata = objectIn(after?.object, 'metadata')
        const expected = [
          ...Object.keys(objectIn(metadata, 'labels')).map((name) => `.metadata.labels.${name}`),
          ...Object.entries(objectIn(after?.object, 'spec')).flatMap(([name, value]) =>
            name === 'allowedUses'
              ? (value as readonly string[]).map((use) => `.spec.allowedUses[="${use}"]`)
              : [`.spec.${name}`],
          ),
        ]
        const falseOnes = ['.spec.natOutgoing', '.spec.disabled']
        const found = fields.filter((path) => expected.includes(path) || !falseOnes.includes(path)).sort()
        if (!sameJson(found, expected.sort())) throw new Error(JSON.stringify({ found, expected }))
      }),
    ),
  )
  t.end()
})

function managedFieldsOf(object: JsonObject): readonly Json[] {
  return objectIn(object, 'metadata')['managedFields'] as readonly Json[]
}
