import t from 'tap'
import { type Json, type JsonObject, stringifyJson } from '../../../src/model/index.ts'
import {
  type ManagerEntry,
  entriesMax,
  foldOldest,
  isSameManager,
  managerLengthMax,
  readEntries,
  storedEntries,
  updateEntriesMax,
  withEntries,
} from '../../../src/resources/managed-fields/entry.ts'
import { managerProblem } from '../../../src/resources/managed-fields/index.ts'

/** The example of docs/kubernetes-api.md section 7. */
const text =
  '{"manager":"kubectl","operation":"Apply","apiVersion":"projectcalico.org/v3","time":"2026-11-23T03:50:29Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:allowedUses":{},"f:cidr":{}}}}'
const json = JSON.parse(text) as JsonObject
const entry: ManagerEntry = {
  manager: 'kubectl',
  operation: 'Apply',
  apiVersion: 'projectcalico.org/v3',
  time: '2026-11-23T03:50:29Z',
  subresource: '',
  fields: new Set(['/f:spec/f:allowedUses', '/f:spec/f:cidr']),
}

t.test('an entry is read and written', (t) => {
  t.strictSame(readEntries([json]), { entries: [entry], causes: [] })
  t.equal(
    stringifyJson(withEntries({ metadata: { name: 'a' }, spec: {} }, [entry])),
    `{"metadata":{"name":"a","managedFields":[${text}]},"spec":{}}`,
  )
  const status = { ...entry, subresource: 'status', time: '' }
  const written = withEntries({}, [status])
  t.match(written, { metadata: { managedFields: [{ subresource: 'status' }] } })
  t.strictSame(storedEntries(written), [status])
  t.end()
})

t.test('entries without a field are left out', (t) => {
  const before = { metadata: { name: 'a', managedFields: [json] } }
  t.equal(stringifyJson(withEntries(before, [{ ...entry, fields: new Set() }])), '{"metadata":{"name":"a"}}')
  t.strictSame(readEntries([{ ...json, fieldsV1: {} }]).entries, [{ ...entry, fields: new Set() }])
  t.end()
})

t.test('a time is read without its fraction, as some clients write it', (t) => {
  t.match(readEntries([{ ...json, time: '2026-11-23T03:50:29.000Z' }]).entries, [{ time: '2026-11-23T03:50:29Z' }])
  t.match(readEntries([{ ...json, time: null }]).entries, [{ time: '' }])
  t.end()
})

const field = 'metadata.managedFields[0]'
const rows: readonly (readonly [name: string, entry: Json, causes: Readonly<Record<string, string>>])[] = [
  [
    'nothing',
    {},
    { [`${field}.operation`]: 'FieldValueNotSupported', [`${field}.fieldsType`]: 'FieldValueNotSupported' },
  ],
  [
    'a text',
    'x',
    { [`${field}.operation`]: 'FieldValueNotSupported', [`${field}.fieldsType`]: 'FieldValueNotSupported' },
  ],
  ['another operation', { ...json, operation: 'apply' }, { [`${field}.operation`]: 'FieldValueNotSupported' }],
  [
    'another type of fields',
    { ...json, fieldsType: 'FieldsV2' },
    { [`${field}.fieldsType`]: 'FieldValueNotSupported' },
  ],
  ['a number as the manager', { ...json, manager: 1 }, { [`${field}.manager`]: 'FieldValueTypeInvalid' }],
  ['a manager that cannot be printed', { ...json, manager: 'a\n' }, { [`${field}.manager`]: 'FieldValueInvalid' }],
  ['a time that is none', { ...json, time: 'yesterday' }, { [`${field}.time`]: 'FieldValueInvalid' }],
  ['fields that are none', { ...json, fieldsV1: { spec: {} } }, { [`${field}.fieldsV1`]: 'FieldValueInvalid' }],
  ['fields in a text', { ...json, fieldsV1: '{}' }, { [`${field}.fieldsV1`]: 'FieldValueInvalid' }],
]
for (const [name, given, causes] of rows) {
  t.test(name, (t) => {
    const read = readEntries([given, json])
    t.strictSame(Object.fromEntries(read.causes.map(({ field, reason }) => [field, reason])), causes)
    t.strictSame(read.entries, [entry], 'the other one can be read')
    t.strictSame(storedEntries({ metadata: { managedFields: [given, json] } }), [entry])
    t.end()
  })
}

t.test('absent fields stay absent', (t) => {
  const { fieldsV1: _, ...rest } = json
  t.match(readEntries([rest]), { entries: [{ manager: 'kubectl' }], causes: [] })
  t.match(readEntries([{ ...json, fieldsV1: null }]), { entries: [{ manager: 'kubectl' }], causes: [] })
  t.end()
})

t.test('entries of clients are bounded, stored ones are not', (t) => {
  const managedFields = Array.from({ length: entriesMax + 1 }, () => json)
  t.strictSame(readEntries(managedFields), {
    entries: [],
    causes: [
      {
        field: 'metadata.managedFields',
        reason: 'FieldValueForbidden',
        message: 'Forbidden: may have at most 100 items',
      },
    ],
  })
  t.equal(storedEntries({ metadata: { managedFields } }).length, entriesMax + 1)
  t.equal(readEntries(managedFields.slice(1)).entries.length, entriesMax)
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`f:${String(index)}`, {}]))
  const big = { ...json, fieldsV1: { [`f:${'x'.repeat(3_000)}`]: many } }
  t.strictSame(readEntries([big]).causes, [])
  t.match(readEntries([big, big]).causes, [{ field: 'metadata.managedFields[1].fieldsV1' }], 'for all entries together')
  t.equal(storedEntries({ metadata: { managedFields: [big, big] } }).length, 2)
  t.end()
})

t.test('a value that is not a list has no entries', (t) => {
  for (const managedFields of [undefined, null, {}, 'x']) {
    t.strictSame(storedEntries({ metadata: managedFields === undefined ? {} : { managedFields } }), [])
  }
  t.strictSame(storedEntries(undefined), [])
  t.strictSame(storedEntries({}), [])
  t.end()
})

t.test('the name of a manager', (t) => {
  t.equal(managerProblem(''), undefined)
  t.equal(managerProblem('Ärger & Co. (v1.2)'), undefined)
  t.equal(managerProblem('x'.repeat(managerLengthMax)), undefined)
  t.equal(managerProblem('x'.repeat(managerLengthMax + 1)), 'may not be more than 128 characters long')
  for (const name of ['a\nb', 'a\u0000', 'a\u200b', 'a\u00a0b', '\ud800'])
    t.equal(managerProblem(name), 'must be printable')
  t.end()
})

t.test('one manager manages in several ways', (t) => {
  t.ok(
    isSameManager(
      { manager: 'kubectl', operation: 'Apply', subresource: '' },
      { ...entry, apiVersion: 'v1', time: '' },
    ),
  )
  t.notOk(isSameManager({ ...entry, manager: 'other' }, entry))
  t.notOk(isSameManager({ ...entry, operation: 'Update' }, entry))
  t.notOk(isSameManager({ ...entry, subresource: 'status' }, entry))
  t.end()
})

t.test('the oldest entries of updates are put together', (t) => {
  const updates = Array.from(
    { length: updateEntriesMax },
    (_, index): ManagerEntry => ({
      ...entry,
      manager: `m-${String(index)}`,
      operation: 'Update',
      // The entry in the middle is the oldest one.
      time: `2026-11-23T03:50:${String(10 + Math.abs(index - 5))}Z`,
      fields: new Set([`/f:${String(index)}`]),
    }),
  )
  const full = [entry, ...updates]
  t.equal(foldOldest(full), full, 'so many may be')
  const latest: ManagerEntry = { ...entry, operation: 'Update', manager: 'latest', time: '2026-11-23T04:00:00Z' }
  const folded = foldOldest([...full, latest])
  const ancient: ManagerEntry = {
    ...entry,
    manager: 'ancient-changes',
    operation: 'Update',
    time: '2026-11-23T03:50:11Z',
    fields: new Set(['/f:5', '/f:4']),
  }
  const left = full.filter(({ manager }) => manager !== 'm-5' && manager !== 'm-4')
  t.strictSame(folded, [ancient, ...left, latest])
  t.equal(folded.filter(({ operation }) => operation === 'Update').length, updateEntriesMax)
  t.end()
})
