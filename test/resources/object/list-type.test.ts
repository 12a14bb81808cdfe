import { Type } from '@sinclair/typebox'
import t from 'tap'
import { ObjectMeta } from '../../../src/resources/index.ts'
import { IPPoolSpec, IPPoolStatus } from '../../../src/resources/kinds/ippool-schema.ts'
import { ipreservationKind } from '../../../src/resources/kinds/ipreservation.ts'
import { isAtomicObject, listTypeOf, mapByKeys, setOfItems } from '../../../src/resources/object/index.ts'
import { atomicObject } from '../../../src/resources/object/list-type.ts'

t.test('the schema of a list says how its items are told apart', (t) => {
  const items = Type.Object({ a: Type.String() })
  t.strictSame(listTypeOf(Type.Array(items)), { kind: 'atomic' }, 'nothing said')
  t.strictSame(listTypeOf(Type.Array(items, setOfItems)), { kind: 'set' })
  t.strictSame(listTypeOf(Type.Array(items, mapByKeys('a', 'b'))), { kind: 'map', keys: ['a', 'b'] })
  t.strictSame(listTypeOf(Type.Array(items, { 'x-kubernetes-list-type': 'map' })), { kind: 'atomic' }, 'no keys')
  t.strictSame(listTypeOf(Type.Array(items, { 'x-kubernetes-list-type': 'atomic' })), { kind: 'atomic' })
  t.end()
})

t.test('an object is granular unless it says otherwise', (t) => {
  t.notOk(isAtomicObject(Type.Object({})))
  t.ok(isAtomicObject(Type.Object({}, atomicObject)))
  t.end()
})

t.test('the lists of the resources are what they are in Kubernetes and in Calico', (t) => {
  t.strictSame(listTypeOf(IPPoolSpec.properties['allowedUses'] ?? Type.Never()), { kind: 'set' })
  t.strictSame(listTypeOf(IPPoolStatus.properties.conditions), { kind: 'map', keys: ['type'] })
  t.strictSame(listTypeOf(ObjectMeta.properties.finalizers), { kind: 'set' })
  t.strictSame(listTypeOf(ObjectMeta.properties.ownerReferences), { kind: 'map', keys: ['uid'] })
  t.ok(isAtomicObject(ObjectMeta.properties.ownerReferences.items))
  t.strictSame(listTypeOf(ipreservationKind.specSchema.properties['reservedCIDRs'] ?? Type.Never()), { kind: 'atomic' })
  t.end()
})
