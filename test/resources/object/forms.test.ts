import t from 'tap'
import { type JsonObject, poolOf, stringifyJson } from '../../../src/model/index.ts'
import { parseObject, showObject, withEmptyFields } from '../../../src/resources/object/index.ts'
import { poolBody, poolKind } from '../fixtures.ts'

const kind = poolKind()

function presented(object: JsonObject, revision: bigint | undefined): string {
  const parsed = poolOf(object)
  if (!parsed.ok) throw new Error(parsed.problem)
  return stringifyJson(showObject(kind, parsed.value, revision))
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

t.test('absent fields are shown with their defaults, and every stored field is shown', (t) => {
  t.equal(
    presented({ metadata: { name: 'a' }, spec: { cidr: 'fd00::/64', future: 1 }, status: { x: 1 }, other: [] }, 7n),
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"a","resourceVersion":"7"},"spec":{"cidr":"fd00::/64","future":1,"vxlanMode":"Never","ipipMode":"Never","blockSize":122,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"},"status":{"x":1},"other":[]}',
  )
  t.end()
})

t.test('a valid object is parsed as it will be read back', (t) => {
  t.match(parseObject(kind, poolBody()), { name: 'pool-a', cidr: { prefixLength: 24 } })
  t.throws(() => parseObject(kind, { metadata: { name: 'pool-a' } }))
  t.end()
})

t.test('empty fields that were sent are added, and no others', (t) => {
  const value = { name: 'x', object: { spec: { a: true, b: false } } }
  const said = {
    a: false,
    b: 1,
    c: false,
    d: 0,
    e: '',
    f: [],
    g: {},
    h: true,
    i: 1,
    j: 'x',
    k: [0],
    l: { m: 1 },
    n: null,
  }
  t.equal(
    stringifyJson(withEmptyFields(value, said).object),
    '{"spec":{"a":true,"b":false,"c":false,"d":0,"e":"","f":[],"g":{}}}',
  )
  t.equal(withEmptyFields(value, { h: true }), value)
  t.end()
})
