import { Value } from '@sinclair/typebox/value'
import t from 'tap'
import { poolDefaults } from '../../../src/model/index.ts'
import {
  allowedUsesMax,
  assignmentModes,
  cidrLengthMax,
  encapsulationModes,
  IPPoolSpec,
  IPPoolStatus,
  selectorLengthMax,
} from '../../../src/resources/kinds/ippool-schema.ts'

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
  t.strictSame(properties.vxlanMode['enum'], encapsulationModes)
  t.strictSame(properties.ipipMode['enum'], encapsulationModes)
  t.strictSame(properties.assignmentMode['enum'], assignmentModes)
  t.equal(properties.cidr.maxLength, cidrLengthMax)
  t.equal(properties.nodeSelector.maxLength, selectorLengthMax)
  t.equal(properties.namespaceSelector.maxLength, selectorLengthMax)
  t.equal(properties.allowedUses.maxItems, allowedUsesMax)
  for (const field of ['vxlanMode', 'ipipMode', 'nodeSelector', 'allowedUses', 'assignmentMode'] as const) {
    t.strictSame(properties[field].default, poolDefaults[field], field)
  }
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
