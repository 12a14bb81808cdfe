import { Value } from '@sinclair/typebox/value'
import t from 'tap'
import { IPPoolSpec, IPPoolStatus } from '../../../src/resources/kinds/ippool-schema.ts'

const { properties } = IPPoolSpec

t.test('the schema has every field of a pool, in the order in which Calico writes them', (t) => {
  t.strictSame(Object.keys(properties), [
    'cidr',
    'vxlanMode',
    'ipipMode',
    'natOutgoing',
    'disabled',
    'disableBGPExport',
    'blockSize',
    'nodeSelector',
    'namespaceSelector',
    'allowedUses',
    'assignmentMode',
  ])
  t.strictSame(IPPoolSpec.required, ['cidr'])
  t.end()
})

t.test('the schema says what the rules say', (t) => {
  const modes = { enum: ['Always', 'CrossSubnet', 'Never'], default: 'Never' }
  t.match(properties, {
    cidr: { type: 'string', maxLength: 48 },
    vxlanMode: modes,
    ipipMode: modes,
    natOutgoing: { type: 'boolean' },
    blockSize: { type: 'integer', minimum: 0, maximum: 128 },
    nodeSelector: { type: 'string', maxLength: 1024, default: 'all()' },
    namespaceSelector: { type: 'string', maxLength: 1024 },
    allowedUses: {
      type: 'array',
      items: { type: 'string', enum: ['LoadBalancer', 'Tunnel', 'Workload'] },
      maxItems: 10,
      uniqueItems: true,
      default: ['Workload', 'Tunnel'],
    },
    assignmentMode: { enum: ['Automatic', 'Manual'], default: 'Automatic' },
  })
  t.end()
})

t.test('a pool that is being deleted has a status that the schema knows', (t) => {
  const condition = {
    type: 'Allocatable',
    status: 'False',
    reason: 'Terminating',
    lastTransitionTime: '2026-11-23T04:00:00Z',
    message: '',
  }
  t.ok(Value.Check(IPPoolSpec, { cidr: '10.1.0.0/16', disabled: true }))
  t.notOk(Value.Check(IPPoolSpec, { disabled: true }))
  t.equal(
    Value.Errors(IPPoolStatus, { conditions: [{ ...condition, status: 1 }] }).First()?.path,
    '/conditions/0/status',
  )
  t.end()
})
