import t from 'tap'
import { BlockIndex, type Json, type JsonObject } from '../../../src/model/index.ts'
import { ipreservationKind } from '../../../src/resources/kinds/ipreservation.ts'
import { nodeKind } from '../../../src/resources/kinds/node.ts'
import { displayPath } from '../../../src/resources/managed-fields/field-set.ts'
import { isSameLeaf, leavesOf } from '../../../src/resources/managed-fields/leaves.ts'
import { trackedSchema } from '../../../src/resources/managed-fields/tracked.ts'
import { mustParse, poolKind, storedPool } from '../fixtures.ts'

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

t.test('what has no leaves', (t) => {
  t.equal(leavesOf(trackedSchema(kind, ''), 'x').size, 0)
  t.end()
})

t.test('a leaf is the same in two objects', (t) => {
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
