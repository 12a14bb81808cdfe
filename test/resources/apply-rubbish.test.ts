import fc from 'fast-check'
import t from 'tap'
import { poolKey } from '../../src/model/index.ts'
import { planApply } from '../../src/resources/index.ts'
import { FakeView } from '../support/fake-view.ts'
import { context, poolKind, storedPool } from './fixtures.ts'

t.test('no configuration throws', (t) => {
  const names = [
    ...['metadata', 'spec', 'status', 'name', 'labels', 'finalizers', 'ownerReferences', 'uid'],
    ...['cidr', 'allowedUses', 'blockSize', 'disabled'],
  ]
  const json = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(null, '', 'a', 0, 26, true, '10.10.0.0/24', 'Workload'),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), tie('json'), { maxKeys: 5 }),
    ),
  })).json
  const part = fc.dictionary(fc.constantFrom(...names), json, { maxKeys: 6 })
  const body = fc.oneof(json, fc.record({ metadata: part, spec: part }))
  const outcomes = new Set<string>()
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(body, fc.boolean(), fc.constantFrom('', 'status'), (given, isStored, subresource) => {
        const view = new FakeView()
        if (isStored) view.putText(poolKey('pool-a').text, storedPool)
        const { answer } = planApply(
          view,
          poolKind(),
          'pool-a',
          given,
          { isForced: false },
          { ...context, manager: 'm', subresource },
        )
        outcomes.add(answer.ok ? 'ok' : answer.refusal.reason)
      }),
      { numRuns: 1_000 },
    ),
  )
  for (const outcome of ['ok', 'Invalid', 'BadRequest', 'NotFound']) t.ok(outcomes.has(outcome), outcome)
  t.end()
})
