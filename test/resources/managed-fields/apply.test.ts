import fc from 'fast-check'
import t from 'tap'
import type { Json, JsonObject, Pool } from '../../../src/model/index.ts'
import { applyEntriesMax } from '../../../src/resources/managed-fields/entry.ts'
import { displayPath } from '../../../src/resources/managed-fields/field-set.ts'
import { leavesOf, trackedSchema } from '../../../src/resources/managed-fields/leaves.ts'
import { objectIn, sameJson } from '../../../src/resources/object/index.ts'
import { poolKind } from '../fixtures.ts'
import { apply, managersOf, pool, timesOf, tryApply, tryUpdate, update } from './fixtures.ts'

const cidr = '10.10.0.0/24'

/** A pool that `first` has applied. */
const applied = apply(undefined, pool({ cidr, natOutgoing: true }, { labels: { a: '1' } }), 'first')

/** The same, its NAT taken over by an update of `other`. */
const overtaken = update(
  applied,
  pool({ ...objectIn(applied.object, 'spec'), natOutgoing: null, disabled: true }, { labels: { a: '1' } }),
  'other',
)

const fieldsOf = (stored: Pool, manager: string) => managersOf(stored.object)[manager]
const specOf = (stored: Pool) => objectIn(stored.object, 'spec')
const labelsOf = (stored: Pool) => objectIn(objectIn(stored.object, 'metadata'), 'labels')

t.test("a missing object is created; what was filled in is nobody's", (t) => {
  t.match(specOf(applied), { cidr, natOutgoing: true, blockSize: 26, assignmentMode: 'Automatic' })
  t.strictSame(managersOf(applied.object), { 'first Apply': ['.metadata.labels.a', '.spec.cidr', '.spec.natOutgoing'] })
  t.strictSame(timesOf(applied.object), { 'first Apply': '2026-11-23T03:59:00Z' })
  t.strictSame(
    managersOf(apply(undefined, pool({ cidr, disabled: null, colour: 'red' }, { labels: null }), 'first').object),
    {
      'first Apply': ['.spec.cidr'],
    },
    "what is null is not given, and what is not known is nobody's",
  )
  t.end()
})

t.test('an equal value is shared', (t) => {
  const shared = apply(applied, pool({ natOutgoing: true, blockSize: 26 }, { labels: { b: '2' } }), 'second')
  t.strictSame(managersOf(shared.object), {
    'first Apply': ['.metadata.labels.a', '.spec.cidr', '.spec.natOutgoing'],
    'second Apply': ['.metadata.labels.b', '.spec.blockSize', '.spec.natOutgoing'],
  })
  const after = apply(shared, pool({ cidr }, { labels: { a: '1' } }), 'first')
  t.equal(specOf(after)['natOutgoing'], true, 'it stays while another one applies it')
  t.equal(specOf(apply(after, pool({}), 'second'))['natOutgoing'], undefined, 'and goes with the last one')
  t.match(tryApply(shared, pool({ natOutgoing: false }), 'third'), {
    refusal: { causes: [{ message: 'conflict with "first"' }, { message: 'conflict with "second"' }] },
  })
  t.end()
})

t.test('another value is a conflict', (t) => {
  const rows: readonly (readonly [
    name: string,
    stored: Pool,
    configuration: JsonObject,
    message: string | undefined,
  ])[] = [
    [
      'with one who applies',
      applied,
      pool({ natOutgoing: false }),
      'Apply failed with 1 conflict: conflict with "first": .spec.natOutgoing',
    ],
    [
      'with one who updates',
      overtaken,
      pool({ natOutgoing: true, disabled: false }),
      'Apply failed with 1 conflict: conflict with "other" using projectcalico.org/v3: .spec.disabled',
    ],
    [
      'about a label',
      applied,
      pool({}, { labels: { a: '2' } }),
      'Apply failed with 1 conflict: conflict with "first": .metadata.labels.a',
    ],
    ['a field of nobody', applied, pool({ nodeSelector: "a == 'b'" }), undefined],
    ['a field that is not there', applied, pool({ disabled: true }), undefined],
    ['a value that Go leaves out', applied, pool({ disabled: false, namespaceSelector: '' }), undefined],
    [
      'the same CIDR, written otherwise',
      apply(undefined, pool({ cidr: 'fd00:0::/64' }), 'first'),
      pool({ cidr: 'FD00::/64' }),
      undefined,
    ],
    [
      'a size that is left open',
      apply(undefined, pool({ cidr, blockSize: 28 }), 'first'),
      pool({ blockSize: 0 }),
      undefined,
    ],
    [
      'the same members of a set',
      apply(applied, pool({ allowedUses: ['Tunnel', 'Workload'] }), 'second'),
      pool({ allowedUses: ['Workload'] }),
      undefined,
    ],
  ]
  for (const [name, stored, configuration, message] of rows) {
    const result = tryApply(stored, configuration, 'third')
    t.equal(result.ok ? undefined : result.refusal.message, message, name)
    t.equal(result.ok ? 'Conflict' : result.refusal.reason, 'Conflict', name)
  }
  t.end()
})

t.test('conflicts have the words that kubectl expects', (t) => {
  t.match(
    tryApply(
      overtaken,
      pool({ natOutgoing: true, disabled: false, cidr: '10.0.0.0/8' }, { labels: { a: '2' } }),
      'third',
    ),
    {
      ok: false,
      refusal: {
        reason: 'Conflict',
        message:
          'Apply failed with 3 conflicts: conflicts with "first":\n- .metadata.labels.a\n- .spec.cidr\nconflicts with "other" using projectcalico.org/v3:\n- .spec.disabled',
        causes: [
          { field: '.metadata.labels.a', reason: 'FieldManagerConflict', message: 'conflict with "first"' },
          {
            field: '.spec.disabled',
            reason: 'FieldManagerConflict',
            message: 'conflict with "other" using projectcalico.org/v3',
          },
          { field: '.spec.cidr', reason: 'FieldManagerConflict', message: 'conflict with "first"' },
        ],
      },
    },
  )
  const ready = (status: string) => ({ ...pool({ cidr }), status: { conditions: [{ type: 'Ready', status }] } })
  const withStatus = apply(applied, ready('True'), 'checker', { subresource: 'status' })
  t.match(tryApply(withStatus, ready('False'), 'other', { subresource: 'status' }), {
    refusal: {
      message:
        'Apply failed with 1 conflict: conflict with "checker" with subresource "status": .status.conditions[type="Ready"].status',
    },
  })
  t.strictSame(managersOf(withStatus.object)['checker Apply status'], [
    '.status.conditions[type="Ready"].status',
    '.status.conditions[type="Ready"].type',
  ])
  t.strictSame(
    apply(withStatus, ready('False'), 'first').object,
    apply(withStatus, pool({ cidr }), 'first').object,
    'the status is not of the object',
  )
  t.end()
})

t.test('with force, the other managers lose the fields', (t) => {
  const forced = apply(overtaken, pool({ natOutgoing: true, disabled: false, cidr }, { labels: { a: '2' } }), 'third', {
    isForced: true,
    seconds: 5,
  })
  t.strictSame(
    managersOf(forced.object),
    {
      'first Apply': ['.spec.cidr'],
      'third Apply': ['.metadata.labels.a', '.spec.cidr', '.spec.disabled', '.spec.natOutgoing'],
    },
    'and an entry without fields goes',
  )
  t.strictSame(timesOf(forced.object), { 'first Apply': '2026-11-23T03:59:00Z', 'third Apply': '2026-11-23T03:59:05Z' })
  t.match(specOf(forced), { natOutgoing: true })
  t.strictSame({ ...labelsOf(forced) }, { a: '2' })
  t.match(tryApply(forced, pool({ cidr, natOutgoing: true }, { labels: { a: '1' } }), 'first'), {
    refusal: { reason: 'Conflict' },
  })
  t.end()
})

t.test('a field that a manager leaves out is removed, unless another one manages it', (t) => {
  const rows: readonly (readonly [
    name: string,
    before: Pool,
    configuration: JsonObject,
    spec: JsonObject,
    labels: JsonObject,
  ])[] = [
    ['a field', applied, pool({ cidr }, { labels: { a: '1' } }), { natOutgoing: undefined as never }, { a: '1' }],
    ['a label, and with it the labels', applied, pool({ cidr, natOutgoing: true }), { natOutgoing: true }, {}],
    [
      'a field with a default',
      apply(applied, pool({ cidr, nodeSelector: "a == 'b'" }), 'first'),
      pool({ cidr }),
      { nodeSelector: 'all()' },
      {},
    ],
    [
      'a field that cannot be changed',
      apply(undefined, pool({ cidr, blockSize: 28 }), 'first'),
      pool({ cidr }),
      { blockSize: 28 },
      {},
    ],
    [
      'a field that another one applies',
      apply(applied, pool({ natOutgoing: true }), 'second'),
      pool({ cidr }),
      { natOutgoing: true },
      {},
    ],
    ['a field that another one has changed since', overtaken, pool({ cidr }), { disabled: true }, {}],
    [
      'members of a set',
      apply(applied, pool({ cidr, allowedUses: ['Workload'] }), 'first'),
      pool({ cidr, allowedUses: ['Tunnel'] }),
      { allowedUses: ['Tunnel'] },
      {},
    ],
  ]
  for (const [name, before, configuration, spec, labels] of rows) {
    const after = apply(before, configuration, 'first')
    for (const [field, value] of Object.entries(spec)) t.strictSame(specOf(after)[field], value, name)
    t.strictSame({ ...labelsOf(after) }, labels, name)
  }
  t.end()
})

t.test('sets are merged: the order as it is, new members last', (t) => {
  const finalizers = (stored: Pool) => objectIn(stored.object, 'metadata')['finalizers']
  const first = apply(undefined, pool({ cidr, allowedUses: ['Tunnel'] }, { finalizers: ['b/b', 'a/a'] }), 'first')
  const second = apply(first, pool({ allowedUses: ['Workload', 'Tunnel'] }, { finalizers: ['c/c', 'a/a'] }), 'second')
  t.strictSame(specOf(second)['allowedUses'], ['Tunnel', 'Workload'])
  t.strictSame(finalizers(second), ['b/b', 'a/a', 'c/c'])
  t.strictSame(fieldsOf(second, 'first Apply'), [
    '.metadata.finalizers[="a/a"]',
    '.metadata.finalizers[="b/b"]',
    '.spec.allowedUses[="Tunnel"]',
    '.spec.cidr',
  ])
  t.strictSame(fieldsOf(second, 'second Apply'), [
    '.metadata.finalizers[="a/a"]',
    '.metadata.finalizers[="c/c"]',
    '.spec.allowedUses[="Tunnel"]',
    '.spec.allowedUses[="Workload"]',
  ])
  const third = apply(second, pool({ cidr, allowedUses: ['Tunnel'] }), 'first')
  t.strictSame(finalizers(third), ['a/a', 'c/c'], 'what another one applies stays')
  t.strictSame(specOf(apply(third, pool({}), 'second'))['allowedUses'], ['Tunnel'])
  t.end()
})

t.test('owner references are merged by their UID, each as a whole', (t) => {
  const owner = (uid: string, name: string) => ({ apiVersion: 'v1', kind: 'Node', name, uid })
  const owners = (stored: Pool) => objectIn(stored.object, 'metadata')['ownerReferences']
  const first = apply(undefined, pool({ cidr }, { ownerReferences: [owner('1', 'a'), owner('2', 'b')] }), 'first')
  const second = apply(first, pool({}, { ownerReferences: [owner('3', 'c'), owner('1', 'a')] }), 'second')
  t.match(owners(second), [{ uid: '1' }, { uid: '2' }, { uid: '3' }])
  t.strictSame(fieldsOf(second, 'second Apply'), [
    '.metadata.ownerReferences[uid="1"]',
    '.metadata.ownerReferences[uid="3"]',
  ])
  t.match(tryApply(second, pool({}, { ownerReferences: [owner('2', 'other')] }), 'second'), {
    refusal: { message: 'Apply failed with 1 conflict: conflict with "first": .metadata.ownerReferences[uid="2"]' },
  })
  t.match(owners(apply(second, pool({ cidr }), 'first')), [{ uid: '1' }, { uid: '3' }])
  t.end()
})

t.test('a list with a repeated item, or an item without its key, is refused', (t) => {
  t.match(
    tryApply(applied, pool({ allowedUses: ['Tunnel', 'Tunnel'] }, { ownerReferences: [{ name: 'a' }] }), 'second'),
    {
      refusal: {
        reason: 'Invalid',
        causes: [
          { field: 'metadata.ownerReferences[0].uid', reason: 'FieldValueRequired' },
          { field: 'spec.allowedUses[1]', reason: 'FieldValueDuplicate', message: 'Duplicate value: "Tunnel"' },
        ],
      },
    },
  )
  t.end()
})

t.test('applying the same again changes nothing, not even the time', (t) => {
  const again = apply(applied, pool({ natOutgoing: true, cidr }, { labels: { a: '1' } }), 'first', { seconds: 5 })
  t.strictSame(again.object, applied.object)
  const more = apply(applied, pool({ natOutgoing: true, cidr, blockSize: 26 }, { labels: { a: '1' } }), 'first', {
    seconds: 5,
  })
  t.strictSame(timesOf(more.object), { 'first Apply': '2026-11-23T03:59:05Z' }, 'another field')
  const back = apply(overtaken, pool({ cidr }, { labels: { a: '1' } }), 'first', { seconds: 5 })
  t.strictSame(timesOf(back.object)['first Apply'], '2026-11-23T03:59:00Z', 'one that was taken, given up')
  const changed = apply(applied, pool({ cidr, natOutgoing: false }, { labels: { a: '1' } }), 'first', { seconds: 5 })
  t.strictSame(timesOf(changed.object), { 'first Apply': '2026-11-23T03:59:05Z' }, 'another value')
  t.end()
})

t.test('a manager keeps its place among the entries', (t) => {
  const second = apply(applied, pool({ disabled: true }), 'second')
  t.strictSame(Object.keys(managersOf(apply(second, pool({ cidr }), 'first').object)), ['first Apply', 'second Apply'])
  t.end()
})

t.test('a removed field is removed from the entries of all managers', (t) => {
  const list = [
    { manager: 'x', operation: 'Update', fieldsType: 'FieldsV1', fieldsV1: { 'f:metadata': { 'f:labels': {} } } },
  ]
  const entries = objectIn(applied.object, 'metadata')['managedFields'] as readonly Json[]
  const marked = update(
    applied,
    pool({ ...specOf(applied) }, { labels: { a: '1' }, managedFields: [...entries, ...list] }),
    'y',
  )
  t.strictSame(fieldsOf(marked, 'x Update'), ['.metadata.labels'])
  t.strictSame(managersOf(apply(marked, pool({ cidr }), 'first').object), { 'first Apply': ['.spec.cidr'] })
  t.end()
})

t.test('managers that apply have a bound', (t) => {
  const entry = (index: number) => ({
    manager: `m-${String(index)}`,
    operation: 'Apply',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': { 'f:cidr': {} } },
  })
  const managedFields = Array.from({ length: applyEntriesMax }, (_, index) => entry(index))
  const full = update(undefined, pool({ cidr }), 'other')
  const crowded = update(full, pool({ ...specOf(full) }, { managedFields }), 'other')
  t.match(tryApply(crowded, pool({ cidr }), 'one-more'), {
    refusal: { reason: 'Invalid', causes: [{ field: 'metadata.managedFields', reason: 'FieldValueForbidden' }] },
  })
  t.ok(tryApply(crowded, pool({ cidr }), 'm-7').ok)
  t.end()
})

t.test('the move from client-side to server-side apply', (t) => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration'
  const created = update(
    undefined,
    pool({ cidr, natOutgoing: true }, { annotations: { [annotation]: '{}' } }),
    'kubectl-client-side-apply',
  )
  const moved = apply(created, pool({ cidr, disabled: true }), 'kubectl', { seconds: 5 })
  t.equal(specOf(moved)['natOutgoing'], true, 'the other entry still manages it')
  const entries = objectIn(moved.object, 'metadata')['managedFields'] as readonly JsonObject[]
  const [clientSide, serverSide] = entries
  const folded = [
    {
      ...serverSide,
      fieldsV1: {
        ...(clientSide?.['fieldsV1'] as JsonObject),
        'f:spec': { ...objectIn(clientSide?.['fieldsV1'] as JsonObject, 'f:spec'), 'f:disabled': {} },
      },
    },
  ]
  const given = { ...moved.object, metadata: { ...objectIn(moved.object, 'metadata'), managedFields: folded } }
  const patched = update(moved, given, 'kubectl', { seconds: 6 })
  t.ok(sameJson(objectIn(patched.object, 'metadata')['managedFields'], folded), 'stored as given')
  const again = apply(patched, pool({ cidr, disabled: true }), 'kubectl', { seconds: 7 })
  t.strictSame(managersOf(again.object), { 'kubectl Apply': ['.spec.cidr', '.spec.disabled'] })
  t.equal(specOf(again)['natOutgoing'], undefined, 'what the file lacks is gone')
  t.match(specOf(again), { blockSize: 26, allowedUses: ['Workload', 'Tunnel'] }, 'or back at its default')
  t.equal(objectIn(again.object, 'metadata')['annotations'], undefined)
  t.end()
})

const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c/d'), fc.constantFrom('', 'x', 'y'), { noNullPrototype: true })
const spec = fc.record(
  {
    allowedUses: fc.constantFrom<readonly string[]>(['Workload'], ['Tunnel'], ['Tunnel', 'Workload']),
    natOutgoing: fc.boolean(),
    disabled: fc.boolean(),
    nodeSelector: fc.constantFrom('all()', "a == 'b'"),
  },
  { requiredKeys: [] },
)
const configuration = fc.record({ spec, labels }).map(({ spec, labels }) => pool({ cidr, ...spec }, { labels }))
/** A pool that some managers have written to. */
const history = fc
  .array(fc.record({ configuration, manager: fc.constantFrom('m', 'n', 'o'), isUpdate: fc.boolean() }), {
    maxLength: 4,
  })
  .map((writes) =>
    writes.reduce<Pool | undefined>((stored, { configuration, manager, isUpdate }) => {
      const result = isUpdate
        ? tryUpdate(stored, configuration, manager)
        : tryApply(stored, configuration, manager, { isForced: true })
      return result.ok ? result.value : stored
    }, undefined),
  )

/** Fails a property with what it was about. */
function expect(holds: boolean, about: unknown): void {
  if (!holds) throw new Error(JSON.stringify(about))
}

t.test(
  'an apply that is forced gives the fields their values, and no other manager keeps one that it has changed',
  (t) => {
    const schema = trackedSchema(poolKind(), '')
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(history, configuration, (stored, given) => {
          const after = apply(stored, given, 'm', { isForced: true })
          const [wanted, found] = [leavesOf(schema, given), leavesOf(schema, after.object)]
          const before = leavesOf(schema, stored?.object ?? {})
          for (const [path, value] of wanted) expect(sameJson(found.get(path) ?? null, value), [path, value])
          const others = Object.entries(managersOf(after.object)).flatMap(([name, fields]) =>
            name === 'm Apply' ? [] : fields,
          )
          const changed = [...wanted].filter(([path, value]) => !sameJson(before.get(path) ?? null, value))
          expect(!changed.some(([path]) => others.includes(displayPath(path))), { changed, others })
          expect(
            sameJson([...wanted.keys()].map(displayPath).sort(), fieldsOf(after, 'm Apply') ?? []),
            'all of them, and no others',
          )
          const again = tryApply(after, given, 'm', { seconds: 9 })
          expect(again.ok && sameJson(again.value.object, after.object), 'the same again changes nothing')
        }),
      ),
    )
    t.end()
  },
)

t.test('managers of different fields never meet', (t) => {
  const part = (fields: readonly string[]) =>
    configuration.map((whole) => {
      const keep = (object: JsonObject) =>
        Object.fromEntries(Object.entries(object).filter(([name]) => fields.includes(name)))
      return pool(keep(objectIn(whole, 'spec')), { labels: keep(objectIn(objectIn(whole, 'metadata'), 'labels')) })
    })
  const write = fc.oneof(
    fc.record({ manager: fc.constant('m'), given: part(['cidr', 'natOutgoing', 'a']) }),
    fc.record({ manager: fc.constant('n'), given: part(['disabled', 'nodeSelector', 'b', 'c/d']) }),
  )
  const start = apply(undefined, pool({ cidr }), 'm')
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(write, { maxLength: 6 }), (writes) => {
        const after = writes.reduce((stored, { manager, given }) => apply(stored, given, manager), start)
        for (const manager of ['m', 'n']) {
          const last = writes.findLast((write) => write.manager === manager)
          for (const [name, value] of Object.entries(objectIn(objectIn(last?.given, 'metadata'), 'labels')))
            expect(labelsOf(after)[name] === value, name)
        }
        const wanted = ['m', 'n'].flatMap((manager) =>
          Object.keys(
            objectIn(objectIn(writes.findLast((write) => write.manager === manager)?.given, 'metadata'), 'labels'),
          ),
        )
        expect(
          sameJson(Object.keys(labelsOf(after)).sort(), wanted.sort()),
          'nothing is left of what they applied before',
        )
      }),
    ),
  )
  t.end()
})
