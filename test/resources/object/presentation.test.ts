import t from 'tap'
import { type JsonObject, poolOf, stringifyJson } from '../../../src/model/index.ts'
import { objectIn, present } from '../../../src/resources/object/presentation.ts'
import { poolKind } from '../fixtures.ts'

function presented(object: JsonObject, revision: bigint | undefined): string {
  const parsed = poolOf(object)
  if (!parsed.ok) throw new Error(parsed.problem)
  return stringifyJson(present(poolKind(), parsed.value, revision))
}

t.test('an object is shown with its revision, where Kubernetes writes it', (t) => {
  const object = {
    kind: 'IPPool',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'a', uid: 'u', labels: { x: 'y' } },
    spec: {
      cidr: '10.0.0.0/24',
      vxlanMode: 'Never',
      ipipMode: 'Never',
      blockSize: 26,
      nodeSelector: 'all()',
      allowedUses: ['Tunnel'],
      assignmentMode: 'Manual',
    },
  }
  t.equal(
    presented(object, 2n ** 60n),
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"a","uid":"u","resourceVersion":"1152921504606846976","labels":{"x":"y"}},"spec":{"cidr":"10.0.0.0/24","vxlanMode":"Never","ipipMode":"Never","blockSize":26,"nodeSelector":"all()","allowedUses":["Tunnel"],"assignmentMode":"Manual"}}',
  )
  t.equal(presented(object, undefined), stringifyJson(object), 'what a dry run made has no revision')
  t.end()
})

t.test('what is not stored is shown as its default, and nothing stored is hidden', (t) => {
  t.equal(
    presented({ metadata: { name: 'a' }, spec: { cidr: 'fd00::/64', future: 1 }, status: { x: 1 }, other: [] }, 7n),
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"a","resourceVersion":"7"},"spec":{"cidr":"fd00::/64","future":1,"vxlanMode":"Never","ipipMode":"Never","blockSize":122,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"},"status":{"x":1},"other":[]}',
  )
  t.end()
})

t.test('a member that should be an object is empty when it is none', (t) => {
  t.strictSame(Object.keys(objectIn({ a: { b: 1 } }, 'a')), ['b'])
  for (const object of [undefined, {}, { a: null }, { a: 'x' }, { a: [] }])
    t.strictSame(Object.keys(objectIn(object, 'a')), [])
  t.end()
})
