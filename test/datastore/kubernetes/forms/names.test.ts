import fc from 'fast-check'
import t from 'tap'
import { hostnameHash } from '../../../../src/datastore/kubernetes/forms/labels.ts'
import {
  affinityName,
  cidrName,
  cidrTextOf,
  handleName,
  objectName,
} from '../../../../src/datastore/kubernetes/forms/names.ts'
import { convertUid } from '../../../../src/datastore/kubernetes/forms/uid.ts'
import { formatCidr, prefixLength } from '../../../../src/net/index.ts'

t.test('a CIDR becomes a name, and the name becomes the CIDR again', (t) => {
  for (const [cidr, name] of [
    ['10.0.0.64/26', '10-0-0-64-26'],
    ['fd00:10::40/122', 'fd00-10--40-122'],
    ['fd00:10::94fa:7820:5b81:7500/122', 'fd00-10--94fa-7820-5b81-7500-122'],
    ['1:2:3:4:5:6:7:8/128', '1-2-3-4-5-6-7-8-128'],
    ['::/122', '---122'],
    ['1::/116', '1---116'],
  ] as const) {
    t.equal(cidrName(cidr), name)
    t.equal(cidrTextOf(name), cidr)
  }
  t.equal(cidrTextOf('default'), undefined)
  t.end()
})

t.test('every CIDR comes back from its name', (t) => {
  const cidrs = fc.oneof(
    fc.record({
      family: fc.constant(4 as const),
      length: fc.integer({ min: 20, max: 32 }),
      value: fc.bigInt(0n, 2n ** 32n - 1n),
    }),
    fc.record({
      family: fc.constant(6 as const),
      length: fc.integer({ min: 116, max: 128 }),
      value: fc.bigInt(0n, 2n ** 128n - 1n),
    }),
  )
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(cidrs, ({ family, length, value }) => {
        const bits = BigInt((family === 4 ? 32 : 128) - length)
        const size = prefixLength(family, length)
        if (size === undefined) return false
        const text = formatCidr({ family, base: (value >> bits) << bits, prefixLength: size })
        return cidrTextOf(cidrName(text)) === text
      }),
    )
  })
  t.end()
})

t.test('the hash of a host is the one that Calico puts into the label', (t) => {
  t.equal(hostnameHash('node-1'), 'A3XPYDATRKB7Q4SM2O5FN4RXIHBFIL2PITFX26BAIP5XAB2X74CA')
  t.equal(hostnameHash('node-2'), 'HMTXNMEFB5P7LIMMEBLOSOY5SSPJHFX5A6VAJ5WSOMEWEYOEO27Q')
  t.end()
})

t.test('a UID is shown as Calico shows it, and converted back', (t) => {
  t.equal(convertUid('4b2929b2-49d8-48e4-afae-0515e1a37dd8'), 'd294944d-921b-4827-af75-a0a887c5be1b')
  t.equal(convertUid('d294944d-921b-4827-af75-a0a887c5be1b'), '4b2929b2-49d8-48e4-afae-0515e1a37dd8')
  t.equal(convertUid('no-uid'), 'no-uid')
  t.end()
})

t.test('an affinity is named after its host and its CIDR, a long host is cut', (t) => {
  t.strictSame(affinityName('node-1', '10.0.0.64/26'), { ok: true, name: 'node-1-10-0-0-64-26' })
  const longest = 'n'.repeat(252 - '-10-0-0-64-26'.length)
  t.strictSame(affinityName(longest, '10.0.0.64/26'), { ok: true, name: `${longest}-10-0-0-64-26` })
  const long = affinityName(`${longest}n`, '10.0.0.64/26')
  t.ok(long.ok)
  if (!long.ok) return
  t.equal(long.name.length, 252)
  t.match(long.name, /^n{227}-10-0-0-64-26-[0-9a-f]{11}$/)
  const other = affinityName(`${longest}m`, '10.0.0.64/26')
  t.ok(other.ok && other.name !== long.name, 'hosts that differ beyond the cut have names of their own')
  t.end()
})

t.test('a name that Kubernetes cannot have is refused with the reason', (t) => {
  const refusals: readonly (readonly [string, string, RegExp])[] = [
    ['a_b', 'a-b', /the handle "a_b" cannot be stored: .* found "_"/],
    ['a b', 'ab', / found " "/],
    ['ns:pod', 'ns.pod', / found ":"/],
    ['ä', 'a', / found "ä"/],
    ['-a', 'a', /begin and end with a letter or a digit/],
    ['a.', 'a.b', /begin and end with a letter or a digit/],
    ['a..b', 'a.b', /begin and end with a letter or a digit/],
    ['x'.repeat(254), 'x'.repeat(253), /at most 253 characters, found 254/],
    ['', 'a', /must not be empty/],
  ]
  for (const [wrong, right, problem] of refusals) {
    t.match(objectName('handle', wrong), { ok: false, problem })
    t.strictSame(objectName('handle', right), { ok: true, name: right })
  }
  t.match(affinityName('node_x', '10.0.0.64/26'), {
    ok: false,
    problem: /the block affinity "node_x-10-0-0-64-26".* found "_"/,
  })
  t.match(affinityName(`${'x'.repeat(250)}_`, '10.0.0.64/26'), { ok: false, problem: /at most 253 characters/ })
  t.end()
})

t.test('the name of a handle is in lower case', (t) => {
  t.strictSame(handleName('K8s-Pod.ABC'), { ok: true, name: 'k8s-pod.abc' })
  t.match(handleName('Vm_42'), { ok: false, problem: /found "_"/ })
  t.end()
})
