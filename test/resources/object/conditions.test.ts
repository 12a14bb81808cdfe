import t from 'tap'
import type { Json } from '../../../src/model/index.ts'
import { conditionStatuses, validateConditions } from '../../../src/resources/object/conditions.ts'

t.test('a condition has a type, and one of three statuses', (t) => {
  const cases: readonly (readonly [conditions: Json, ...causes: string[]])[] = [
    [conditionStatuses.map((status) => ({ type: `Is${status}`, status }))],
    [conditionStatuses.slice(1).map((status) => ({ type: 'A', status })), 'status.conditions[1]: FieldValueDuplicate'],
    [[{ type: '', status: 'True' }], 'status.conditions[0].type: FieldValueRequired'],
    [[{ type: 'A', status: 'True' }, { status: 'True' }], 'status.conditions[1].type: FieldValueRequired'],
    [[{ type: 'A', status: 'true' }], 'status.conditions[0].status: FieldValueNotSupported'],
    [[{}], 'status.conditions[0].type: FieldValueRequired', 'status.conditions[0].status: FieldValueNotSupported'],
    [[]],
    [['x']],
    [null],
  ]
  for (const [conditions, ...causes] of cases) {
    const found = validateConditions({ conditions }).map(({ field, reason }) => `${field}: ${reason}`)
    t.strictSame(found, causes, JSON.stringify(conditions))
  }
  t.strictSame(validateConditions({}), [])
  t.end()
})
