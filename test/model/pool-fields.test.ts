import t from 'tap'
import { jsonObject, readPoolSpec } from '../../src/model/index.ts'

t.test('a spec is read field by field: what has the wrong type is not there', (t) => {
  const right = {
    cidr: '10.10.0.0/24',
    vxlanMode: 'Never',
    ipipMode: 'Never',
    natOutgoing: true,
    disabled: false,
    disableBGPExport: true,
    blockSize: 26,
    nodeSelector: 'all()',
    namespaceSelector: '',
    allowedUses: ['Workload'],
    assignmentMode: 'Manual',
  }
  t.strictSame(readPoolSpec(right), right)
  const wrong = jsonObject(Object.keys(right).map((name) => [name, jsonObject([])]))
  t.strictSame(readPoolSpec(wrong), {})
  t.strictSame(readPoolSpec({}), {})
  t.strictSame(readPoolSpec({ allowedUses: ['Workload', 1] }), {})
  t.end()
})
