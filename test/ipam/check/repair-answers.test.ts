import t from 'tap'
import { notFound, refused, repaired } from '../../../src/ipam/check/repair-answers.ts'

t.test('only a repair writes', async (t) => {
  t.strictSame(notFound(), { answer: { outcome: 'NotFound', message: 'The fault no longer exists.' }, writes: [] })
  t.strictSame(notFound('So.'), { answer: { outcome: 'NotFound', message: 'So.' }, writes: [] })
  t.strictSame(refused('No.'), { answer: { outcome: 'Refused', message: 'No.' }, writes: [] })
  t.strictSame(repaired('Yes.', []), { answer: { outcome: 'Repaired', message: 'Yes.' }, writes: [] })
  t.strictSame(repaired('Some.', [], 'Partly').answer, { outcome: 'Partly', message: 'Some.' })
})
