import t from 'tap'
import { BlockIndex, type Json, type JsonObject } from '../../../src/model/index.ts'
import { IPPoolSpec, IPPoolStatus } from '../../../src/resources/kinds/ippool-schema.ts'
import { ipreservationKind } from '../../../src/resources/kinds/ipreservation.ts'
import { nodeKind } from '../../../src/resources/kinds/node.ts'
import { displayPath } from '../../../src/resources/managed-fields/field-set.ts'
import {
  isSameLeaf,
  leavesOf,
  partFor,
  type Subresource,
  trackedSchema,
} from '../../../src/resources/managed-fields/leaves.ts'
import { sameJson } from '../../../src/resources/object/index.ts'
import { mustParse, poolKind, storedPool } from '../fixtures.ts'
import { KindGuard, type TSchema, Type } from '@sinclair/typebox'

const kind = poolKind()

t.test('the leaves of a pool', (t) => {
  const leaves = leavesOf(trackedSchema(kind, ''), mustParse(storedPool))
  t.strictSame(
    [...leaves].map(([path, value]) => [displayPath(path), value]),
    [
      ['.spec.cidr', '10.10.0.0/24'],
      ['.spec.vxlanMode', 'Never'],
      ['.spec.ipipMode', 'Never'],
      ['.spec.natOutgoing', true],
      ['.spec.blockSize', 29],
      ['.spec.nodeSelector', 'all()'],
      ['.spec.allowedUses[="Workload"]', 'Workload'],
      ['.spec.allowedUses[="Tunnel"]', 'Tunnel'],
      ['.spec.assignmentMode', 'Automatic'],
    ],
  )
  t.end()
})

const owner = { apiVersion: 'v1', kind: 'Node', name: 'a', uid: '1' }

const rows: readonly (readonly [name: string, object: JsonObject, leaves: Readonly<Record<string, Json>>])[] = [
  ['the envelope, and what the server decides on', { kind: 'x', metadata: { name: 'a', generation: 1, uid: 'x' } }, {}],
  [
    'labels and annotations, one by one',
    { metadata: { labels: { a: '', 'b.c/d': 'x' }, annotations: { e: 'f' } } },
    { '.metadata.labels.a': '', '.metadata.labels.b.c/d': 'x', '.metadata.annotations.e': 'f' },
  ],
  ['finalizers as a set', { metadata: { finalizers: ['a/b', 'a/b'] } }, { '.metadata.finalizers[="a/b"]': 'a/b' }],
  [
    'owners by their UID, as a whole',
    { metadata: { ownerReferences: [owner] } },
    { '.metadata.ownerReferences[uid="1"]': owner },
  ],
  [
    'what Go leaves out',
    { spec: { disabled: false, blockSize: 0, nodeSelector: '' } },
    { '.spec.disabled': null, '.spec.blockSize': null, '.spec.nodeSelector': null },
  ],
  ['empty containers', { metadata: { labels: {}, finalizers: [] }, spec: {} }, {}],
  ['null', { metadata: { labels: null }, spec: { disabled: null } }, {}],
  ['what is not known', { spec: { colour: 'red', disabled: true } }, { '.spec.disabled': true }],
  [
    'what is of the wrong type',
    { metadata: { labels: 'x' }, spec: { allowedUses: 'x' } },
    { '.metadata.labels': 'x', '.spec.allowedUses': 'x' },
  ],
  ['the status', { status: { conditions: [] } }, {}],
]

for (const [name, object, leaves] of rows) {
  t.test(name, (t) => {
    const found = [...leavesOf(trackedSchema(kind, ''), object)].map(([path, value]) => [displayPath(path), value])
    t.strictSame(Object.fromEntries(found), leaves)
    t.end()
  })
}

t.test('the status has conditions by their type', (t) => {
  const status = { conditions: [{ type: 'Ready', status: 'True' }], more: { a: [1] } }
  t.strictSame(
    [...leavesOf(trackedSchema(kind, 'status'), { spec: { cidr: 'x' }, status })].map(([path, value]) => [
      displayPath(path),
      value,
    ]),
    [
      ['.status.conditions[type="Ready"].type', 'Ready'],
      ['.status.conditions[type="Ready"].status', 'True'],
      ['.status.more', { a: [1] }],
    ],
  )
  t.end()
})

t.test('other lists are atomic', (t) => {
  const reservation = { spec: { reservedCIDRs: ['10.0.0.0/8'] } }
  t.strictSame([...leavesOf(trackedSchema(ipreservationKind, ''), reservation).keys()].map(displayPath), [
    '.spec.reservedCIDRs',
  ])
  const node = { spec: { bgp: { asNumber: 1 }, orchRefs: [{ orchestrator: 'k8s' }], addresses: [] } }
  t.strictSame([...leavesOf(trackedSchema(nodeKind(new BlockIndex()), ''), node).keys()].map(displayPath), [
    '.spec.bgp.asNumber',
    '.spec.orchRefs',
    '.spec.addresses',
  ])
  t.end()
})

t.test('objects without leaves', (t) => {
  t.equal(leavesOf(trackedSchema(kind, ''), 'x').size, 0)
  t.end()
})

t.test('leaves of two objects are compared', (t) => {
  const leaves = (object: JsonObject) => leavesOf(trackedSchema(kind, ''), object)
  const path = '/f:spec/f:disabled'
  t.ok(isSameLeaf(path, leaves({ spec: { disabled: true } }), leaves({ spec: { disabled: true } })))
  t.ok(isSameLeaf(path, leaves({ spec: { disabled: false } }), leaves({})), 'Go leaves it out')
  t.notOk(isSameLeaf(path, leaves({ spec: { disabled: true } }), leaves({})))
  t.notOk(
    isSameLeaf('/f:metadata/f:labels/f:a', leaves({ metadata: { labels: { a: '' } } }), leaves({})),
    'an empty label is there',
  )
  t.end()
})

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
