import fc from 'fast-check'
import t from 'tap'
import { poolKey } from '../../src/model/index.ts'
import { planCreate, planJsonPatch, planMergePatch, planReplace } from '../../src/resources/index.ts'
import { FakeView } from '../support/fake-view.ts'
import { context, poolKind, storedPool } from './fixtures.ts'

const kind = poolKind()
const key = poolKey('pool-a')

function viewWithPool(text: string): FakeView {
  const view = new FakeView()
  view.putText(key.text, text)
  return view
}

t.test('any object is refused, or stored so that it can be read back', (t) => {
  const anything = fc.jsonValue({ maxDepth: 2 })
  const field = (...likely: unknown[]) =>
    fc.option(fc.oneof(fc.constantFrom(...likely), anything), { nil: undefined, freq: 4 })
  const body = fc.record(
    {
      kind: field('IPPool', 'IPPool', 'IPPool', 'ippool'),
      metadata: fc.record(
        {
          name: field('pool-a', 'pool-b', 'Pool'),
          generateName: field('pool-'),
          resourceVersion: field('', '2'),
          uid: field(context.uid),
          labels: field({ a: 'b' }, { '10': 'x', '9': 'y' }, { a: 1 }),
          annotations: field({ 'A.b/c': '<&>' }),
          finalizers: field(['a/b'], []),
          deletionTimestamp: field('2026-11-23T04:00:00Z'),
        },
        { requiredKeys: [] },
      ),
      spec: fc.record(
        {
          cidr: field('10.10.0.0/24', '10.10.0.0/24', 'fd00::/64', 'FD00::/64', '10.10.0.1/24', '0.0.0.0/0'),
          blockSize: field(26, 29, 0, 122, -0),
          allowedUses: field(['Workload'], ['LoadBalancer'], [], ['Tunnel', 'Tunnel']),
          nodeSelector: field('all()', '', "a == 'b'", '!'),
          namespaceSelector: field('has(a)', ''),
          vxlanMode: field('Never', 'Always', ''),
          ipipMode: field('Never', 'Always', ''),
          disabled: field(true, false),
          future: field(1),
        },
        { requiredKeys: [] },
      ),
      status: field({ conditions: [{ type: 'Allocatable', status: 'False' }] }),
    },
    { requiredKeys: [] },
  )
  const stored = fc.constantFrom(
    storedPool,
    storedPool.replace('"spec":{', '"spec":{"future":{},'),
    '{"metadata":{"name":"pool-a","deletionTimestamp":"2026-11-23T04:00:00Z"},"spec":{"cidr":"FD00::/64","disabled":true}}',
    '{"metadata":{"name":"pool-a","labels":null},"spec":{"cidr":"10.10.0.7/24","blockSize":"x","allowedUses":["?"],"vxlanMode":7}}',
  )
  const fieldValidation = fc.constantFrom('Strict', 'Warn', 'Ignore')
  const reasons = ['Invalid', 'BadRequest', 'Conflict']
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(stored, fc.oneof({ weight: 9, arbitrary: body }, anything), fieldValidation, (text, given, mode) => {
        const view = viewWithPool(text)
        const withMode = { ...context, fieldValidation: mode }
        const plans = [
          planCreate(new FakeView(), kind, given, withMode),
          planReplace(view, kind, 'pool-a', given, withMode),
          planMergePatch(view, kind, 'pool-a', given, withMode),
          planJsonPatch(view, kind, 'pool-a', [{ op: 'add', path: '/spec', value: given }], withMode),
        ]
        for (const { answer, writes } of plans) {
          if (!answer.ok && !reasons.includes(answer.refusal.reason)) throw new Error(answer.refusal.message)
          if (!answer.ok && writes.length > 0) throw new Error('a refusal that writes')
          for (const write of writes) {
            const encoded = write.kind === 'put' ? write.encode() : ''
            const { family, text: written } = write.key
            const decoded = family.decode(written, encoded)
            if (!decoded.ok) throw new Error(decoded.problem)
            if (family.encode(decoded.value) !== encoded) throw new Error(`comes back otherwise: ${encoded}`)
          }
        }
      }),
      { numRuns: 3_000 },
    )
  })
  t.end()
})
