import t from 'tap'
import { poolKey } from '../../src/model/index.ts'
import { planApply, type WriteContext } from '../../src/resources/index.ts'
import { FakeView } from '../support/fake-view.ts'
import { granted, poolBody, poolKind, storedPool, strict } from './fixtures.ts'
import { managersOf } from './managed-fields/fixtures.ts'

/** Server-side apply of the status of an object. */
const kind = poolKind()

const context: WriteContext = { ...strict, manager: 'checker', subresource: 'status' }

function body(status: string) {
  return {
    ...poolBody({ disabled: true }, { labels: { a: 'b' } }),
    status: { conditions: [{ type: 'Ready', status }] },
  }
}

t.test('only the status changes', (t) => {
  const view = new FakeView()
  view.putText(poolKey('pool-a').text, storedPool)
  const applied = granted(planApply(view, kind, 'pool-a', body('True'), { isForced: false }, context))
  t.match(applied.value.object, { status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  t.notMatch(applied.value.object, { spec: { disabled: true } })
  t.notMatch(applied.value.object, { metadata: { labels: { a: 'b' } } })
  t.strictSame(managersOf(applied.value.object), {
    'checker Apply status': ['.status.conditions[type="Ready"].status', '.status.conditions[type="Ready"].type'],
  })
  t.end()
})

t.test('an object is not created by its status', (t) => {
  const plan = planApply(new FakeView(), kind, 'pool-a', body('True'), { isForced: false }, context)
  t.match(plan, { answer: { refusal: { reason: 'NotFound' } }, writes: [] })
  t.end()
})
