import { KindGuard, type TSchema, Type } from '@sinclair/typebox'
import t from 'tap'
import type { JsonObject } from '../../../src/model/index.ts'
import { IPPoolSpec, IPPoolStatus } from '../../../src/resources/kinds/ippool-schema.ts'
import { ipreservationKind } from '../../../src/resources/kinds/ipreservation.ts'
import { partFor, type Subresource, trackedSchema } from '../../../src/resources/managed-fields/leaves.ts'
import { sameJson } from '../../../src/resources/object/json.ts'
import { poolKind } from '../fixtures.ts'

function propertiesOf(schema: TSchema | undefined): readonly string[] {
  return KindGuard.IsObject(schema) ? Object.keys(schema.properties) : []
}

t.test('each subresource has its own fields', (t) => {
  const { metadata, spec, ...more } = trackedSchema(poolKind(), '').properties
  t.strictSame(propertiesOf(metadata), ['labels', 'annotations', 'ownerReferences', 'finalizers'])
  t.equal(spec, IPPoolSpec)
  t.strictSame(more, {})
  t.equal(trackedSchema(poolKind(), 'status').properties['status'], IPPoolStatus)
  t.strictSame(trackedSchema(poolKind(), 'status').properties['metadata'], Type.Object({}))
  t.strictSame(
    Object.keys(trackedSchema(ipreservationKind, 'status').properties),
    ['metadata'],
    'a kind without a status',
  )
  t.end()
})

t.test('a request reads only the part of its subresource', (t) => {
  const metadata = { name: 'a', uid: 'x', resourceVersion: '7', labels: { a: 'b' } }
  const object = { kind: 'IPPool', metadata, spec: { cidr: 'x' }, status: { conditions: [] } }
  const rows: readonly (readonly [of: JsonObject, subresource: Subresource, part: JsonObject])[] = [
    [object, '', { kind: 'IPPool', metadata, spec: { cidr: 'x' } }],
    [{}, '', {}],
    [
      object,
      'status',
      { kind: 'IPPool', metadata: { name: 'a', uid: 'x', resourceVersion: '7' }, status: { conditions: [] } },
    ],
    [{ spec: {} }, 'status', { metadata: {} }],
  ]
  for (const [of, subresource, part] of rows) t.ok(sameJson(partFor(of, subresource), part), subresource)
  t.end()
})
