import t from 'tap'
import { outcomeOf } from '../../../../src/datastore/kubernetes/api/outcome.ts'

const status = (fields: object): string => JSON.stringify({ kind: 'Status', status: 'Failure', ...fields })

t.test('an answer says what became of the request', (t) => {
  const cases: readonly (readonly [string, number, string, number | undefined, object])[] = [
    ['stored', 201, '{"metadata":{"name":"a"}}', undefined, { kind: 'answered', object: { metadata: { name: 'a' } } }],
    ['stored, and the answer is broken', 200, '{"metadata":', undefined, { kind: 'lost' }],
    [
      'refused',
      409,
      status({ reason: 'AlreadyExists', message: 'it exists' }),
      undefined,
      { kind: 'refused', refusal: { status: 409, reason: 'AlreadyExists', message: 'it exists' } },
    ],
    [
      'refused by something in between',
      403,
      'Forbidden by the proxy\n',
      undefined,
      { kind: 'refused', refusal: { status: 403, reason: '', message: 'Forbidden by the proxy' } },
    ],
    ['throttled, with a header', 429, status({}), 3, { waitMs: 3_000 }],
    ['throttled, with details', 429, status({ details: { retryAfterSeconds: 2 } }), undefined, { waitMs: 2_000 }],
    ['throttled, without either', 429, '', undefined, { waitMs: 1_000 }],
    [
      'failed in etcd',
      500,
      status({ message: 'etcdserver: leader changed' }),
      undefined,
      { kind: 'lost', error: { message: /answered 500: etcdserver: leader changed/ } },
    ],
    ['given up by the API server', 504, status({ reason: 'Timeout' }), undefined, { kind: 'lost' }],
  ]
  for (const [name, code, text, retryAfterSeconds, outcome] of cases) {
    t.match(outcomeOf({ status: code, text, retryAfterSeconds }), outcome, name)
  }
  t.end()
})
