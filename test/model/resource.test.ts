import t from 'tap'
import { type JsonObject, stringifyJson, parseJson } from '../../src/model/index.ts'
import { decodeJson, declareFields, Malformed } from '../../src/model/json/index.ts'
import {
  encodeResource,
  readResource,
  type Resource,
  resourceFamily,
  resourceKey,
  resourceOf,
  resourcePrefix,
} from '../../src/model/resource.ts'
import type { Decoded } from '../../src/plan/index.ts'

const specFields = [
  'cidr',
  'vxlanMode',
  'ipipMode',
  'natOutgoing',
  'blockSize',
  'nodeSelector',
  'allowedUses',
  'assignmentMode',
]

function decodeResource(text: string): Decoded<Resource> {
  return decodeJson(text, (json) => readResource(json, declareFields(...specFields)))
}

function mustDecode(text: string): Resource {
  const decoded = decodeResource(text)
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

function object(text: string): JsonObject {
  const parsed = parseJson(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return { ...mustDecode(stringifyJson(parsed.value)).object }
}

const pool =
  '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-a","uid":"7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"cidr":"10.10.0.0/24","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":29,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}'

t.test('what Calico wrote comes back byte for byte', (t) => {
  t.equal(encodeResource(mustDecode(pool).object, specFields), pool)
  t.end()
})

t.test('the shared parts are read', (t) => {
  const resource = mustDecode('{"metadata":{"name":"a","labels":{"zone":"b"}},"spec":{"cidr":"x"}}')
  t.equal(resource.name, 'a')
  t.equal(stringifyJson(resource.metadata), '{"name":"a","labels":{"zone":"b"}}')
  t.equal(stringifyJson(resource.labels), '{"zone":"b"}')
  t.equal(stringifyJson(resource.spec), '{"cidr":"x"}')
  t.equal(stringifyJson(mustDecode('{"metadata":{"name":"a"}}').spec), '{}')
  t.strictSame(mustDecode('{"metadata":{"name":"a","labels":null}}').labels, {})
  t.end()
})

t.test('fields are put into the order of Go, and sorted where Go sorts', (t) => {
  const given = object(
    '{"extra":1,"status":{},"spec":{"b":1,"blockSize":26,"a":{"z":1,"y":2},"cidr":"x"},"metadata":{"annotations":{"b":"1","a":"2"},"finalizers":["f"],"labels":{"b":"<","a":""},"custom":null,"uid":"u","generation":3,"namespace":"n","name":"a"},"apiVersion":"v","kind":"k"}',
  )
  t.equal(
    encodeResource(given, specFields),
    '{"kind":"k","apiVersion":"v","metadata":{"name":"a","namespace":"n","uid":"u","generation":3,"labels":{"a":"","b":"\\u003c"},"annotations":{"a":"2","b":"1"},"finalizers":["f"],"custom":null},"spec":{"cidr":"x","blockSize":26,"b":1,"a":{"z":1,"y":2}},"status":{},"extra":1}',
  )
  t.end()
})

t.test('fields that are not stored and empty metadata are left out', (t) => {
  const given = object(
    '{"metadata":{"name":"a","resourceVersion":"7","selfLink":"/x","uid":"","creationTimestamp":null,"labels":{},"ownerReferences":[],"generation":0},"spec":{"cidr":""}}',
  )
  t.equal(encodeResource(given, specFields), '{"metadata":{"name":"a"},"spec":{"cidr":""}}')
  t.end()
})

t.test('a grace period of 0 is stored, unlike other numbers that are 0', (t) => {
  const given = object('{"metadata":{"name":"a","deletionGracePeriodSeconds":0,"generation":0},"spec":{}}')
  t.equal(encodeResource(given, specFields), '{"metadata":{"name":"a","deletionGracePeriodSeconds":0},"spec":{}}')
  t.end()
})

t.test('names of known fields are found whatever their case', (t) => {
  const given = '{"Kind":"k","METADATA":{"Name":"a","UID":"u"},"Spec":{"CIDR":"x","Other":1}}'
  t.equal(
    encodeResource(mustDecode(given).object, specFields),
    '{"kind":"k","metadata":{"name":"a","uid":"u"},"spec":{"cidr":"x","Other":1}}',
  )
  t.end()
})

t.test('parts of a wrong type are written as they are', (t) => {
  t.equal(encodeResource({ metadata: [], spec: 'x' }, specFields), '{"metadata":[],"spec":"x"}')
  t.equal(encodeResource({ metadata: { labels: 'x', name: false } }, []), '{"metadata":{"labels":"x"}}')
  t.end()
})

t.test('a text that is no resource is a problem', (t) => {
  const cases: [wrong: string, problem: RegExp, right: string][] = [
    ['[]', /^resource: expected an object/, '{"metadata":{"name":"a"}}'],
    ['null', /^resource: expected an object/, '{"metadata":{"name":"a"},"spec":null}'],
    ['{', /^not JSON: /, '{"metadata":{"name":"a"}}'],
    ['{}', /^metadata\.name: expected a name/, '{"metadata":{"name":"a"},"status":1}'],
    ['{"metadata":{"name":""}}', /^metadata\.name: /, '{"metadata":{"name":"b"}}'],
    ['{"metadata":{"name":1}}', /^metadata\.name: expected a string/, '{"metadata":{"name":"1"}}'],
    ['{"metadata":[]}', /^metadata: /, '{"metadata":{"name":"a"}}'],
    ['{"metadata":{"name":"a"},"spec":[]}', /^spec: /, '{"metadata":{"name":"a"},"spec":{}}'],
    [
      '{"metadata":{"name":"a","labels":{"b":1}}}',
      /^metadata\.labels\.b: /,
      '{"metadata":{"name":"a","labels":{"b":"1"}}}',
    ],
  ]
  for (const [wrong, problem, right] of cases) {
    t.match(decodeResource(wrong), { ok: false, problem }, wrong)
    t.equal(decodeResource(right).ok, true, right)
  }
  t.end()
})

t.test('a family reads and writes the resources of one kind', (t) => {
  const family = resourceFamily({
    name: 'things',
    plural: 'things',
    specFields: ['b', 'a'],
    read({ object, spec }) {
      if (spec['a'] === 0) throw new Malformed('spec.a: 0')
      return { object, a: spec['a'] }
    },
  })
  const text = '{"metadata":{"name":"one"},"spec":{"b":2,"a":1}}'
  const key = resourceKey(family, 'one')
  t.strictSame([family.name, family.prefix, family.held], ['things', resourcePrefix('things'), 'values'])
  t.equal(key.text, '/calico/resources/v3/projectcalico.org/things/one')
  t.equal(key.family, family)
  const decoded = family.decode(key.text, text)
  t.match(decoded, { ok: true, value: { a: 1 } })
  t.equal(decoded.ok && family.encode(decoded.value), text)
  t.match(family.decode(`${family.prefix}two`, text), { ok: false, problem: /^metadata\.name: .*two, found "one"$/ })
  t.strictSame(family.decode(key.text, '{"metadata":{"name":"one"},"spec":{"a":0}}'), {
    ok: false,
    problem: 'spec.a: 0',
  })
  t.match(family.decode(key.text, ''), { ok: false })
  t.end()
})

t.test('a stored resource without a name has the one in its key', (t) => {
  const family = resourceFamily({
    name: 'things',
    plural: 'things',
    specFields: ['a'],
    read: ({ object, name }) => ({ object, name }),
  })
  const spec = '"spec":{"a":1}'
  const cases: [metadata: string, stored: string][] = [
    ['{"uid":"u"}', '{"name":"one","uid":"u"}'],
    ['{"name":"","labels":{"b":"c"}}', '{"name":"one","labels":{"b":"c"}}'],
    ['{"name":null}', '{"name":"one"}'],
    ['null', '{"name":"one"}'],
  ]
  for (const [metadata, stored] of cases) {
    const decoded = family.decode(`${family.prefix}one`, `{"metadata":${metadata},${spec}}`)
    t.match(decoded, { ok: true, value: { name: 'one' } }, metadata)
    t.equal(decoded.ok && family.encode(decoded.value), `{"metadata":${stored},${spec}}`)
  }
  t.match(family.decode(`${family.prefix}one`, `{${spec}}`), { ok: true, value: { name: 'one' } }, 'no metadata')
  t.match(family.decode(family.prefix, `{${spec}}`), { ok: false, problem: /^metadata\.name: / }, 'no name in the key')
  t.end()
})

t.test('an object is read as it will be after being stored', (t) => {
  const family = resourceFamily({
    name: 'things',
    plural: 'things',
    specFields: ['b', 'a'],
    read: ({ object }) => ({ object }),
  })
  t.match(resourceOf(family, { spec: { a: 1, b: 2 }, metadata: { name: 'x', resourceVersion: '1' } }), {
    ok: true,
    value: { object: { metadata: { name: 'x' } } },
  })
  t.equal(
    family.encodeObject({ spec: { a: 1, b: 2 }, metadata: { name: 'x' } }),
    '{"metadata":{"name":"x"},"spec":{"b":2,"a":1}}',
  )
  for (const object of [{}, { metadata: 'x' }, { metadata: { name: 7 } }])
    t.match(resourceOf(family, object), { ok: false })
  t.end()
})
