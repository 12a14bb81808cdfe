import t from 'tap'
import { refuse, success } from '../../src/plan/index.ts'

t.test('a result is a value or a refusal', (t) => {
  t.strictSame(success(7), { ok: true, value: 7 })
  t.strictSame(refuse('NotFound', 'pool a'), {
    ok: false,
    refusal: { reason: 'NotFound', message: 'pool a', causes: [] },
  })
  const causes = [{ field: 'spec.cidr', reason: 'FieldValueRequired', message: 'give a CIDR' }] as const
  t.strictSame(refuse('Invalid', 'wrong', causes).ok || refuse('Invalid', 'wrong', causes), {
    ok: false,
    refusal: { reason: 'Invalid', message: 'wrong', causes },
  })
  t.end()
})
