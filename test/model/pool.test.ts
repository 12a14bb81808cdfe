import t from 'tap'
import { type Json, blockSizeMin, type Pool, poolKey, poolOf, pools } from '../../src/model/index.ts'
import { formatCidr } from '../../src/net/index.ts'
import { matches } from '../../src/selector/index.ts'

/** The worked example of docs/calico/formats.md section 7, which is that of 3.1 too. */
const stored =
  '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-a","uid":"7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"cidr":"10.10.0.0/24","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":29,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}'

function decode(text: string): ReturnType<typeof pools.decode> {
  return pools.decode(poolKey('pool-a').text, text)
}

function mustDecode(text: string): Pool {
  const decoded = decode(text)
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

/** A stored pool with this spec, and whatever else. */
function withSpec(spec: Record<string, Json>, rest: Record<string, Json> = {}): string {
  return JSON.stringify({ metadata: { name: 'pool-a' }, spec: { cidr: '10.10.0.0/24', ...spec }, ...rest })
}

t.test('a pool comes back byte for byte, its fields read once', (t) => {
  const pool = mustDecode(stored)
  t.equal(poolKey('pool-a').text, '/calico/resources/v3/projectcalico.org/ippools/pool-a')
  t.equal(pools.encode(pool), stored)
  t.equal(pool.name, 'pool-a')
  t.equal(formatCidr(pool.cidr), '10.10.0.0/24')
  t.equal(pool.blockSize, 29)
  t.strictSame(pool.allowedUses, ['Workload', 'Tunnel'])
  t.equal(pool.assignmentMode, 'Automatic')
  t.strictSame([pool.isDisabled, pool.isTerminating, pool.isAllocatable], [false, false, true])
  t.end()
})

t.test("a pool is written in Calico's order, and without what is empty or never stored", (t) => {
  const shuffled = {
    futurePart: { b: 1, a: [] },
    status: { conditions: [] },
    spec: {
      futureField: false,
      assignmentMode: 'Manual',
      allowedUses: [],
      namespaceSelector: '',
      nodeSelector: "a == 'b'",
      blockSize: 0,
      disableBGPExport: false,
      disabled: true,
      natOutgoing: false,
      ipipMode: null,
      vxlanMode: 'Always',
      cidr: 'fd00::/64',
    },
    metadata: {
      finalizers: ['a/b'],
      annotations: { z: '', a: 'x<y' },
      labels: { '2': 'b', '10': 'a' },
      creationTimestamp: null,
      selfLink: '/x',
      resourceVersion: '12',
      uid: 'u',
      name: 'pool-a',
    },
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
  }
  t.equal(
    pools.encode(mustDecode(JSON.stringify(shuffled))),
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-a","uid":"u","labels":{"10":"a","2":"b"},"annotations":{"a":"x\\u003cy","z":""},"finalizers":["a/b"]},"spec":{"cidr":"fd00::/64","vxlanMode":"Always","disabled":true,"nodeSelector":"a == \'b\'","assignmentMode":"Manual","futureField":false},"status":{"conditions":[]},"futurePart":{"b":1,"a":[]}}',
  )
  t.end()
})

t.test('no digit of an unknown field is lost', (t) => {
  const text = '{"metadata":{"name":"pool-a"},"spec":{"cidr":"10.10.0.0/24","future":1795406400123456789}}'
  t.equal(pools.encode(mustDecode(text)), text)
  t.end()
})

t.test('fields that are absent are read as Calico reads them', (t) => {
  for (const spec of [
    {},
    { blockSize: 0, nodeSelector: '', allowedUses: [], assignmentMode: '' },
    { disabled: null },
  ]) {
    const pool = mustDecode(withSpec(spec))
    t.equal(pool.blockSize, 26)
    t.strictSame(pool.allowedUses, ['Workload', 'Tunnel'])
    t.equal(pool.assignmentMode, 'Automatic')
    t.ok(pool.nodeSelector.ok && matches(pool.nodeSelector.selector, {}))
    t.ok(pool.namespaceSelector.ok && matches(pool.namespaceSelector.selector, {}))
    t.ok(pool.isAllocatable)
  }
  t.equal(mustDecode(withSpec({ cidr: 'fd00::/64' })).blockSize, 122)
  t.end()
})

t.test('a selector that is far too long is not parsed', (t) => {
  const longest = `a == '${'x'.repeat(16_384 - 7)}'`
  t.match(mustDecode(withSpec({ nodeSelector: longest })).nodeSelector, { ok: true, text: longest })
  for (const name of ['nodeSelector', 'namespaceSelector'] as const) {
    const selector = mustDecode(withSpec({ [name]: `${longest} ` }))[name]
    t.match(selector, { ok: false, problem: 'it has 16385 characters, and at most 16384 are read' })
  }
  t.end()
})

t.test('a selector that says nothing is kept with its problem', (t) => {
  const pool = mustDecode(withSpec({ nodeSelector: "zone = 'a'", namespaceSelector: "team == 'x'" }))
  t.match(pool.nodeSelector, { ok: false, text: "zone = 'a'", problem: String })
  t.match(pool.namespaceSelector, { ok: true, text: "team == 'x'" })
  t.ok(pool.namespaceSelector.ok && matches(pool.namespaceSelector.selector, { team: 'x' }))
  t.end()
})

t.test('a pool is unreadable when its JSON is broken or its CIDR is none', (t) => {
  const unreadable: readonly [string, string][] = [
    ['not JSON', stored.slice(0, -1)],
    ['not an object', '[]'],
    ['another name', '{"metadata":{"name":"pool-b"},"spec":{"cidr":"10.10.0.0/24"}}'],
    ['no spec', '{"metadata":{"name":"pool-a"}}'],
    ['no CIDR', withSpec({ cidr: '' })],
    ['an address', withSpec({ cidr: '10.10.0.1' })],
    ['a number', withSpec({ cidr: 10 })],
  ]
  for (const [name, text] of unreadable) t.match(decode(text), { ok: false, problem: /./ }, name)
  t.match(decode(withSpec({ cidr: '10.10.0.7/24' })), { ok: true }, 'host bits are masked')
  t.match(decode('{"spec":{"cidr":"10.10.0.0/24"}}'), { ok: true, value: { name: 'pool-a' } }, 'the key has the name')
  t.end()
})

t.test('a pool gives addresses unless something in it says otherwise', (t) => {
  const condition = (type: string, status: string): Record<string, Json> => ({
    status: { conditions: [{ type, status }] },
  })
  const barred: readonly [string, string][] = [
    ['disabled', withSpec({ disabled: true })],
    ['being deleted', withSpec({}, { metadata: { name: 'pool-a', deletionTimestamp: '2026-11-23T04:00:00Z' } })],
    ['not allocatable', withSpec({}, condition('Allocatable', 'False'))],
    ['a mode of the wrong type', withSpec({ vxlanMode: 1 })],
    ['a flag of the wrong type', withSpec({ natOutgoing: 'true' })],
    ['a size of the wrong type', withSpec({ blockSize: '26' })],
    ['uses of the wrong type', withSpec({ allowedUses: 'Workload' })],
    ['a use of the wrong type', withSpec({ allowedUses: ['Workload', 1] })],
    ['a size that no prefix has', withSpec({ blockSize: 33 })],
    ['a size that is no whole number', withSpec({ blockSize: 26.5 })],
    ['blocks that are too big', withSpec({ cidr: '10.0.0.0/8', blockSize: 19 })],
    ['smaller than one block', withSpec({ blockSize: 23 })],
  ]
  const giving: readonly [string, string][] = [
    ['enabled', withSpec({ disabled: false })],
    ['allocatable', withSpec({}, condition('Allocatable', 'True'))],
    ['another condition', withSpec({}, condition('Ready', 'False'))],
    ['conditions that are none', withSpec({}, { status: { conditions: ['Allocatable', null] } })],
    ['a status that is none', withSpec({}, { status: 'Allocatable' })],
    ['the biggest blocks', withSpec({ cidr: '10.0.0.0/8', blockSize: 20 })],
    ['a single block', withSpec({ blockSize: 24 })],
    ['blocks of one address', withSpec({ blockSize: 32 })],
  ]
  for (const [name, text] of barred) t.notOk(mustDecode(text).isAllocatable, name)
  for (const [name, text] of giving) t.ok(mustDecode(text).isAllocatable, name)
  t.end()
})

t.test('each field that cannot be used is told with its value and with what would be right', (t) => {
  const size = 'spec.blockSize: expected a prefix length from'
  const cases: readonly [spec: Record<string, Json>, problems: readonly string[]][] = [
    [{ blockSize: 1e9 }, [`${size} 24 to 32, found 1000000000`]],
    [{ blockSize: -1 }, [`${size} 24 to 32, found -1`]],
    [{ blockSize: 26.5 }, [`${size} 24 to 32, found 26.5`]],
    [{ blockSize: 23 }, [`${size} 24 to 32, found 23`]],
    [{ blockSize: 23, disabled: true }, []],
    [{ blockSize: 19, disabled: true }, [`${size} 20 to 32, found 19`]],
    [{ cidr: '10.0.0.0/8', blockSize: 19 }, [`${size} 20 to 32, found 19`]],
    [{ cidr: '10.0.0.0/28' }, [`${size} 28 to 32, found 26`]],
    [{ cidr: 'fd00::/64', blockSize: 26 }, [`${size} 116 to 128, found 26`]],
    [{ cidr: '10.0.0.0/28', blockSize: '26' }, ['spec.blockSize: expected a whole number, found "26"']],
    [{ vxlanMode: 1 }, ['spec.vxlanMode: expected a string, found 1']],
    [{ natOutgoing: 'true' }, ['spec.natOutgoing: expected true or false, found "true"']],
    [
      { allowedUses: ['Workload', 1], disabled: [] },
      [
        'spec.disabled: expected true or false, found an array',
        'spec.allowedUses: expected an array of strings, found an array',
      ],
    ],
    [{ blockSize: 24, natOutgoing: null }, []],
  ]
  for (const [spec, problems] of cases) {
    const { invalidFields } = mustDecode(withSpec(spec))
    t.strictSame(
      invalidFields.map(({ problem }) => problem),
      problems,
    )
    t.ok(invalidFields.every(({ field, problem }) => problem.startsWith(`spec.${field}:`)))
  }
  const digits = mustDecode(`{"spec":{"cidr":"10.10.0.0/24","blockSize":${'9'.repeat(5_000)}}}`).invalidFields
  t.equal(digits.length, 1)
  t.ok((digits[0]?.problem.length ?? 0) < 200, 'no message quotes thousands of digits')
  t.end()
})

t.test('what keeps a pool from giving addresses is told apart', (t) => {
  t.ok(mustDecode(withSpec({ disabled: true })).isDisabled)
  t.notOk(mustDecode(withSpec({ disabled: true })).isTerminating)
  const terminating = mustDecode(
    withSpec({}, { metadata: { name: 'pool-a', deletionTimestamp: '2026-11-23T04:00:00Z' } }),
  )
  t.ok(terminating.isTerminating)
  t.notOk(terminating.isDisabled)
  t.end()
})

t.test('uses that do not exist are left out, and modes that do not exist are automatic', (t) => {
  const pool = mustDecode(withSpec({ allowedUses: ['Workload', 'Parking'], assignmentMode: 'Sometimes' }))
  t.strictSame(pool.allowedUses, ['Workload'])
  t.equal(pool.assignmentMode, 'Automatic')
  t.equal(mustDecode(withSpec({ assignmentMode: 'Manual' })).assignmentMode, 'Manual')
  t.end()
})

t.test('an object becomes the pool that is read back', (t) => {
  const made = poolOf({ metadata: { name: 'pool-a' }, spec: { cidr: '10.10.0.0/24', natOutgoing: false } })
  t.match(made, { ok: true, value: { name: 'pool-a' } })
  if (made.ok) t.equal(pools.encode(made.value), '{"metadata":{"name":"pool-a"},"spec":{"cidr":"10.10.0.0/24"}}')
  t.match(poolOf({ spec: { cidr: '10.10.0.0/24' } }), { ok: false }, 'a pool without metadata')
  t.match(poolOf({ metadata: { name: 'pool-a' }, spec: 'none' }), { ok: false }, 'a pool without a spec')
  t.end()
})

t.test('a block holds 4,096 addresses at most', (t) => {
  t.equal(blockSizeMin(4), 20)
  t.equal(blockSizeMin(6), 116)
  t.end()
})
