import t from 'tap'
import { type Json, type JsonObject, stringifyJson } from '../../../src/model/index.ts'
import { finalizersOf, isBeingDeleted } from '../../../src/resources/index.ts'
import { changedMetadata, nameFor, newMetadata, validateMetadata } from '../../../src/resources/object/metadata.ts'
import { annotationBytesMax, entriesMax } from '../../../src/resources/object/names.ts'
import { context } from '../fixtures.ts'

const deletionTimestamp = '2026-11-23T04:00:00Z'

const form = 'subdomain'

t.test('an object has the given name, or a generated one', (t) => {
  t.equal(nameFor({ name: 'a' }, context.uid), 'a')
  t.equal(nameFor({ name: 'a', generateName: 'b-' }, context.uid), 'a')
  t.equal(nameFor({ generateName: 'b-' }, context.uid), 'b-7f1d0')
  t.equal(nameFor({ name: '', generateName: '' }, context.uid), '')
  t.end()
})

t.test('the metadata of a new object has what clients set and what the server sets', (t) => {
  const given = {
    name: 'x',
    uid: 'mine',
    creationTimestamp: '2000-01-01T00:00:00Z',
    deletionTimestamp,
    generation: 7,
    managedFields: [{}],
    finalizers: ['a/b'],
    labels: { a: 'b' },
  }
  t.equal(
    stringifyJson(newMetadata(given, 'x', context)),
    '{"name":"x","uid":"7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10","generation":1,"creationTimestamp":"2026-11-23T03:59:00Z","labels":{"a":"b"},"finalizers":["a/b"]}',
  )
  t.equal(newMetadata({ generateName: 'x-' }, 'x-1', context)['generateName'], 'x-')
  t.end()
})

t.test('a change takes only the members that clients set', (t) => {
  const stored = {
    name: 'x',
    uid: 'u',
    creationTimestamp: null,
    generation: 3,
    future: 1,
    labels: { a: 'b' },
    annotations: { c: 'd' },
  }
  const given = {
    name: 'x',
    uid: 'other',
    creationTimestamp: 'now',
    generation: 4,
    labels: { a: 'e' },
    ownerReferences: [],
  }
  t.equal(
    stringifyJson(changedMetadata(given, stored, 'my/own')),
    '{"name":"x","uid":"u","creationTimestamp":null,"generation":3,"future":1,"labels":{"a":"e"},"ownerReferences":[]}',
  )
  t.end()
})

t.test("the server's own finalizer stays on an object that is being deleted", (t) => {
  const rows: readonly (readonly [
    name: string,
    stored: JsonObject,
    given: readonly string[] | undefined,
    want: readonly string[],
  ])[] = [
    ['left out', { deletionTimestamp, finalizers: ['a/b', 'my/own'] }, undefined, ['my/own']],
    ['taken off', { deletionTimestamp, finalizers: ['a/b', 'my/own'] }, ['a/b'], ['a/b', 'my/own']],
    ['kept in its place', { deletionTimestamp, finalizers: ['my/own', 'a/b'] }, ['my/own', 'a/b'], ['my/own', 'a/b']],
    ['taken off a living object', { finalizers: ['a/b', 'my/own'] }, ['a/b'], ['a/b']],
    ['not there', { deletionTimestamp, finalizers: ['a/b'] }, [], []],
  ]
  for (const [name, stored, given, want] of rows) {
    t.strictSame(finalizersOf(changedMetadata(given ? { finalizers: given } : {}, stored, 'my/own')), want, name)
  }
  const deleted = { deletionTimestamp, finalizers: ['a/b'] }
  t.strictSame(finalizersOf(changedMetadata({}, deleted, undefined)), [], 'a kind without a finalizer')
  t.end()
})

t.test('an object is being deleted once it has a time for it', (t) => {
  t.ok(isBeingDeleted({ deletionTimestamp }))
  t.notOk(isBeingDeleted({ deletionTimestamp: null }))
  t.notOk(isBeingDeleted({}))
  t.end()
})

t.test('members of the wrong type are ignored', (t) => {
  t.strictSame(finalizersOf({ finalizers: ['a/b', 1] }), ['a/b'])
  t.strictSame(finalizersOf({ finalizers: 'a/b' }), [])
  t.end()
})

t.test('problems of metadata are reported by field', (t) => {
  const named = (members: Record<string, Json>): JsonObject => ({ name: 'x', ...members })
  const rows: readonly (readonly [name: string, metadata: JsonObject, want: readonly string[]])[] = [
    ['a name', named({}), []],
    ['no name', {}, ['metadata.name: FieldValueRequired']],
    ['a name in capitals', { name: 'X' }, ['metadata.name: FieldValueInvalid']],
    ['the longest name', { name: 'x'.repeat(253) }, []],
    ['a name that is too long', { name: 'x'.repeat(254) }, ['metadata.name: FieldValueInvalid']],
    ['a name made up', { name: 'x-1', generateName: 'x-' }, []],
    ['a bad name made up', { name: 'X-1', generateName: 'X-' }, ['metadata.generateName: FieldValueInvalid']],
    ['a bad name of its own', { name: 'Y', generateName: 'X-' }, ['metadata.name: FieldValueInvalid']],
    ['a label', named({ labels: { 'a.b/C': 'D_e', f: '' } }), []],
    ['a bad label name', named({ labels: { 'a b': '' } }), ['metadata.labels: FieldValueInvalid']],
    ['a bad label value', named({ labels: { a: 'b c' } }), ['metadata.labels: FieldValueInvalid']],
    ['a label of the wrong type, which is told elsewhere', named({ labels: { a: 1 } }), []],
    ['an annotation', named({ annotations: { 'A.b/C': 'anything, {"at": "all"}' } }), []],
    ['a bad annotation name', named({ annotations: { 'a b': '' } }), ['metadata.annotations: FieldValueInvalid']],
    ['the most annotations', named({ annotations: { a: 'é'.repeat(annotationBytesMax / 2 - 1), b: '' } }), []],
    [
      'too many annotations',
      named({ annotations: { a: 'é'.repeat(annotationBytesMax / 2 - 1), b: '.' } }),
      ['metadata.annotations: FieldValueInvalid'],
    ],
    ['an owner', named({ ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }] }), []],
    [
      'an owner in part',
      named({
        ownerReferences: [
          { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' },
          { kind: 'Pod', name: '' },
        ],
      }),
      [
        'metadata.ownerReferences[1].apiVersion: FieldValueRequired',
        'metadata.ownerReferences[1].name: FieldValueRequired',
        'metadata.ownerReferences[1].uid: FieldValueRequired',
      ],
    ],
    ['a finalizer', named({ finalizers: ['a.b/c'] }), []],
    ['a bad finalizer', named({ finalizers: ['a.b/c', 'a b'] }), ['metadata.finalizers[1]: FieldValueInvalid']],
    ['a namespace', named({ namespace: 'default' }), ['metadata.namespace: FieldValueForbidden']],
    ['an empty namespace', named({ namespace: '' }), []],
  ]
  for (const [name, metadata, want] of rows) {
    const causes = validateMetadata(form, metadata, metadata, undefined)
    t.strictSame(
      causes.map(({ field, reason }) => `${field}: ${reason}`),
      want,
      name,
    )
  }
  t.end()
})

t.test('a stored name is not validated again', (t) => {
  t.strictSame(validateMetadata(form, { name: 'X' }, {}, { name: 'X' }), [])
  t.end()
})

t.test('an object that is being deleted takes no new finalizers', (t) => {
  const stored = { name: 'x', deletionTimestamp, finalizers: ['a/b', 'my/own'] }
  t.strictSame(validateMetadata(form, { ...stored, finalizers: ['my/own'] }, {}, stored), [])
  t.match(validateMetadata(form, { ...stored, finalizers: ['my/own', 'c/d'] }, {}, stored), [
    { field: 'metadata.finalizers', reason: 'FieldValueForbidden', message: /"c\/d"/ },
  ])
  t.strictSame(validateMetadata(form, { name: 'x', finalizers: ['c/d'] }, {}, { name: 'x' }), [], 'a living one does')
  t.end()
})

t.test('labels, annotations, finalizers and owners may not be too many, unless they are stored already', (t) => {
  const map = (count: number): JsonObject =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${String(index)}`, 'v']))
  const list = (count: number): Json => Array.from({ length: count }, (_, index) => `a.example/f${String(index)}`)
  const fields = (metadata: JsonObject, stored?: JsonObject): readonly string[] =>
    validateMetadata(form, { name: 'a', ...metadata }, {}, stored).map(({ field, message }) => `${field}: ${message}`)
  t.strictSame(fields({ labels: map(entriesMax), annotations: map(entriesMax), finalizers: list(entriesMax) }), [])
  const more = entriesMax + 1
  t.strictSame(
    fields({ labels: map(more), annotations: map(more), finalizers: list(more), ownerReferences: list(more) }),
    ['labels', 'annotations', 'ownerReferences', 'finalizers'].map(
      (name) => `metadata.${name}: Invalid value: 1001: must be at most 1000 entries`,
    ),
  )
  t.strictSame(fields({ labels: map(more) }, { labels: map(more) }), [])
  t.strictSame(fields({ labels: map(more + 1) }, { labels: map(more) }), [
    'metadata.labels: Invalid value: 1002: must be at most 1001 entries',
  ])
  t.end()
})
