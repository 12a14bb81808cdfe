import { Value } from '@sinclair/typebox/value'
import t from 'tap'
import { Condition, ObjectMeta } from '../../../src/resources/object/index.ts'

t.test('metadata has every field of Kubernetes, in the order in which Go writes them', (t) => {
  t.strictSame(Object.keys(ObjectMeta.properties), [
    'name',
    'generateName',
    'namespace',
    'selfLink',
    'uid',
    'resourceVersion',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'labels',
    'annotations',
    'ownerReferences',
    'finalizers',
    'managedFields',
  ])
  t.ok(Value.Check(ObjectMeta, {}))
  t.ok(Value.Check(ObjectMeta, { labels: { a: 'b' }, managedFields: [{ fieldsV1: { 'f:metadata': {} } }] }))
  t.notOk(Value.Check(ObjectMeta, { labels: { a: 1 } }))
  t.notOk(Value.Check(ObjectMeta, { colour: 'red' }))
  t.end()
})

t.test('a condition may have unknown fields', (t) => {
  t.ok(Value.Check(Condition, { type: 'Allocatable', status: 'False', severity: 'Info' }))
  t.notOk(Value.Check(Condition, { type: 'Allocatable' }))
  t.end()
})
