import t from 'tap'
import type { Json, JsonObject, Pool } from '../../../src/model/index.ts'
import type { Cause } from '../../../src/plan/index.ts'
import { validatePool } from '../../../src/resources/kinds/ippool-rules.ts'
import { objectIn } from '../../../src/resources/object/index.ts'
import { mustPool, poolKind } from '../fixtures.ts'

type Spec = Readonly<Record<string, Json>>

/** What is wrong with a spec that is given like this. */
function judge(spec: JsonObject, old?: Pool, unsound: readonly string[] = []): readonly Cause[] {
  const completed = poolKind().withDefaults(spec, old && objectIn(old.object, 'spec'))
  return validatePool({
    name: 'pool-a',
    object: { metadata: { name: 'pool-a' }, spec: completed },
    spec: completed,
    old,
    isSound: (...fields) => !fields.some((field) => unsound.includes(field)),
  })
}

const v4 = { cidr: '10.10.0.0/24' }
const v6 = { cidr: 'fd00::/64' }
const balanced: Spec = { ...v4, allowedUses: ['LoadBalancer'] }

/** A wrong spec beside its right neighbour: the rule of docs/calico/formats.md 3.7, the field that is blamed, and why. */
interface Row {
  readonly rule: string
  readonly wrong: Spec
  readonly blamed: string
  readonly why: RegExp
  readonly right: Spec
}

const rows: readonly Row[] = [
  { rule: 'A1: no CIDR', wrong: {}, blamed: 'spec.cidr', why: /^Required value: /, right: v4 },
  { rule: 'A1: an empty CIDR', wrong: { cidr: '' }, blamed: 'spec.cidr', why: /^Required value: /, right: v4 },
  {
    rule: 'A2: an address',
    wrong: { cidr: '10.10.0.0' },
    blamed: 'spec.cidr',
    why: /^Invalid value: "10\.10\.0\.0": must be a CIDR/,
    right: { cidr: '10.10.0.0/32', blockSize: 32 },
  },
  {
    rule: 'A2: a leading zero',
    wrong: { cidr: '10.010.0.0/24' },
    blamed: 'spec.cidr',
    why: /must be a CIDR/,
    right: { cidr: '10.10.0.0/24' },
  },
  {
    rule: 'A2: a prefix that is too long',
    wrong: { cidr: '10.10.0.0/33' },
    blamed: 'spec.cidr',
    why: /must be a CIDR/,
    right: { cidr: '10.10.0.0/26' },
  },
  { rule: 'A2: blanks', wrong: { cidr: ' 10.10.0.0/24' }, blamed: 'spec.cidr', why: /must be a CIDR/, right: v4 },
  {
    rule: 'A2: IPv4 in IPv6',
    wrong: { cidr: '::ffff:10.10.0.0/120' },
    blamed: 'spec.cidr',
    why: /must be a CIDR/,
    right: { cidr: 'fd00::a0a:0/120' },
  },
  { rule: 'A2: a zone', wrong: { cidr: 'fd00::%eth0/64' }, blamed: 'spec.cidr', why: /must be a CIDR/, right: v6 },
  {
    rule: 'A7: host bits',
    wrong: { cidr: '10.10.0.1/24' },
    blamed: 'spec.cidr',
    why: /"10\.10\.0\.1\/24": must have no host bits; the range is 10\.10\.0\.0\/24$/,
    right: v4,
  },
  { rule: 'A7: host bits in IPv6', wrong: { cidr: 'fd00::1/64' }, blamed: 'spec.cidr', why: /host bits/, right: v6 },
  {
    rule: 'B6: a long CIDR',
    wrong: { cidr: `fd00:${'0'.repeat(44)}` },
    blamed: 'spec.cidr',
    why: /at most 48 characters/,
    right: { cidr: 'fd00:0000:0000:0000:0000:0000:0000:0000/64' },
  },
  {
    rule: 'B16: link-local',
    wrong: { cidr: '169.254.1.0/24' },
    blamed: 'spec.cidr',
    why: /link-local range 169\.254\.0\.0\/16/,
    right: { cidr: '169.253.1.0/24' },
  },
  {
    rule: 'B16: around link-local',
    wrong: { cidr: '169.254.0.0/15' },
    blamed: 'spec.cidr',
    why: /link-local/,
    right: { cidr: '169.252.0.0/15' },
  },
  {
    rule: 'B16: everything',
    wrong: { cidr: '0.0.0.0/0' },
    blamed: 'spec.cidr',
    why: /link-local/,
    right: { cidr: '0.0.0.0/1' },
  },
  {
    rule: 'B16: link-local in IPv6',
    wrong: { cidr: 'fe80::/64' },
    blamed: 'spec.cidr',
    why: /fe80::\/10/,
    right: { cidr: 'fe00::/64' },
  },
  {
    rule: 'B16: everything in IPv6',
    wrong: { cidr: '::/0' },
    blamed: 'spec.cidr',
    why: /link-local/,
    right: { cidr: '::/1' },
  },
  {
    rule: 'B17: blocks too big',
    wrong: { cidr: '10.0.0.0/8', blockSize: 19 },
    blamed: 'spec.blockSize',
    why: /^Invalid value: 19: must be 20 to 32 for IPv4$/,
    right: { cidr: '10.0.0.0/8', blockSize: 20 },
  },
  {
    rule: 'B17: blocks too small',
    wrong: { ...v4, blockSize: 33 },
    blamed: 'spec.blockSize',
    why: /20 to 32/,
    right: { ...v4, blockSize: 32 },
  },
  {
    rule: 'B17: IPv6 blocks too big',
    wrong: { ...v6, blockSize: 115 },
    blamed: 'spec.blockSize',
    why: /^Invalid value: 115: must be 116 to 128 for IPv6$/,
    right: { ...v6, blockSize: 116 },
  },
  {
    rule: 'B6: IPv6 blocks too small',
    wrong: { ...v6, blockSize: 129 },
    blamed: 'spec.blockSize',
    why: /116 to 128/,
    right: { ...v6, blockSize: 128 },
  },
  {
    rule: 'B17: the other family',
    wrong: { ...v6, blockSize: 26 },
    blamed: 'spec.blockSize',
    why: /116 to 128/,
    right: { ...v6, blockSize: 122 },
  },
  {
    rule: 'B6: a negative block size',
    wrong: { ...v4, blockSize: -1 },
    blamed: 'spec.blockSize',
    why: /20 to 32/,
    right: { ...v4, blockSize: 0 },
  },
  {
    rule: 'B18: smaller than one block',
    wrong: { cidr: '10.10.0.0/27' },
    blamed: 'spec.cidr',
    why: /^Invalid value: "10\.10\.0\.0\/27": must hold at least one block of spec\.blockSize 26$/,
    right: { cidr: '10.10.0.0/26' },
  },
  {
    rule: 'B18: unless disabled',
    wrong: { cidr: '10.10.0.0/27', disabled: false },
    blamed: 'spec.cidr',
    why: /at least one block/,
    right: { cidr: '10.10.0.0/27', disabled: true },
  },
  {
    rule: 'B18: in IPv6',
    wrong: { cidr: 'fd00::/125', blockSize: 124 },
    blamed: 'spec.cidr',
    why: /at least one block/,
    right: { cidr: 'fd00::/124', blockSize: 124 },
  },
  {
    rule: 'B5: another VXLAN mode',
    wrong: { ...v4, vxlanMode: 'always' },
    blamed: 'spec.vxlanMode',
    why: /^Unsupported value: "always": supported values: "Always", "CrossSubnet", "Never"$/,
    right: { ...v4, vxlanMode: 'Always' },
  },
  {
    rule: 'B5: another IPIP mode',
    wrong: { ...v4, ipipMode: 'Sometimes' },
    blamed: 'spec.ipipMode',
    why: /^Unsupported value/,
    right: { ...v4, ipipMode: 'CrossSubnet' },
  },
  {
    rule: 'B5: another assignment mode',
    wrong: { ...v4, assignmentMode: 'manual' },
    blamed: 'spec.assignmentMode',
    why: /supported values: "Automatic", "Manual"$/,
    right: { ...v4, assignmentMode: 'Manual' },
  },
  {
    rule: 'B7: two encapsulations',
    wrong: { ...v4, ipipMode: 'Always', vxlanMode: 'CrossSubnet' },
    blamed: 'spec.vxlanMode',
    why: /cannot both be used/,
    right: { ...v4, ipipMode: 'Always', vxlanMode: 'Never' },
  },
  {
    rule: 'B10: IP in IP over IPv6',
    wrong: { ...v6, ipipMode: 'Always' },
    blamed: 'spec.ipipMode',
    why: /IPv4 only/,
    right: { ...v6, vxlanMode: 'Always' },
  },
  {
    rule: 'B2: another use',
    wrong: { ...v4, allowedUses: ['Workload', 'workload'] },
    blamed: 'spec.allowedUses[1]',
    why: /^Unsupported value: "workload": supported values: "LoadBalancer", "Tunnel", "Workload"$/,
    right: { ...v4, allowedUses: ['Workload'] },
  },
  {
    rule: 'set: a use twice',
    wrong: { ...v4, allowedUses: ['Tunnel', 'Workload', 'Tunnel'] },
    blamed: 'spec.allowedUses[2]',
    why: /^Duplicate value: "Tunnel"$/,
    right: { ...v4, allowedUses: ['Tunnel', 'Workload'] },
  },
  {
    rule: 'B6: too many uses',
    wrong: { ...v4, allowedUses: Array.from({ length: 11 }, () => 'Tunnel') },
    blamed: 'spec.allowedUses',
    why: /at most 10 items/,
    right: { ...v4, allowedUses: [] },
  },
  {
    rule: 'B9: load balancers and others',
    wrong: { ...v4, allowedUses: ['LoadBalancer', 'Workload'] },
    blamed: 'spec.allowedUses',
    why: /cannot be combined/,
    right: balanced,
  },
  {
    rule: 'B9: load balancers and tunnels',
    wrong: { ...v4, allowedUses: ['Tunnel', 'LoadBalancer'] },
    blamed: 'spec.allowedUses',
    why: /cannot be combined/,
    right: balanced,
  },
  {
    rule: 'B8: load balancers over IPIP',
    wrong: { ...balanced, ipipMode: 'Always' },
    blamed: 'spec.ipipMode',
    why: /no encapsulation/,
    right: { ...balanced, ipipMode: 'Never' },
  },
  {
    rule: 'B8: load balancers over VXLAN',
    wrong: { ...balanced, vxlanMode: 'Always' },
    blamed: 'spec.vxlanMode',
    why: /no encapsulation/,
    right: { ...balanced, vxlanMode: 'Never' },
  },
  {
    rule: 'B11: load balancers without BGP',
    wrong: { ...balanced, disableBGPExport: true },
    blamed: 'spec.disableBGPExport',
    why: /must be false/,
    right: { ...v4, disableBGPExport: true },
  },
  {
    rule: 'B12: load balancers on some nodes',
    wrong: { ...balanced, nodeSelector: "a == 'b'" },
    blamed: 'spec.nodeSelector',
    why: /must be all\(\)/,
    right: { ...balanced, nodeSelector: 'all()' },
  },
  {
    rule: 'B12: all nodes in other words',
    wrong: { ...balanced, nodeSelector: 'all( )' },
    blamed: 'spec.nodeSelector',
    why: /must be all\(\)/,
    right: { ...v4, nodeSelector: 'all( )' },
  },
  {
    rule: 'B1: a node selector that is none',
    wrong: { ...v4, nodeSelector: "a = 'b'" },
    blamed: 'spec.nodeSelector',
    why: /^Invalid value: "a = 'b'": must be a selector such as zone == 'a': .*position/,
    right: { ...v4, nodeSelector: "a == 'b'" },
  },
  {
    rule: 'B1: a namespace selector that is none',
    wrong: { ...v4, allowedUses: ['Workload'], namespaceSelector: 'a' },
    blamed: 'spec.namespaceSelector',
    why: /must be a selector/,
    right: { ...v4, allowedUses: ['Workload'], namespaceSelector: 'has(a)' },
  },
  {
    rule: 'B6: a long node selector',
    wrong: { ...v4, nodeSelector: `a == '${'𝕏'.repeat(1018)}'` },
    blamed: 'spec.nodeSelector',
    why: /at most 1024 characters/,
    right: { ...v4, nodeSelector: `a == '${'𝕏'.repeat(1017)}'` },
  },
  {
    rule: 'B6: a node selector that is far too long',
    wrong: { ...v4, nodeSelector: `a == '${'x'.repeat(100_000)}'` },
    blamed: 'spec.nodeSelector',
    why: /at most 1024 characters/,
    right: { ...v4, nodeSelector: `a == '${'x'.repeat(1017)}'` },
  },
  {
    rule: 'B14: global() for nodes',
    wrong: { ...v4, nodeSelector: 'global()' },
    blamed: 'spec.nodeSelector',
    why: /must not contain global\(/,
    right: { ...v4, nodeSelector: "global == ''" },
  },
  {
    rule: 'B14: global( in a text',
    wrong: { ...v4, nodeSelector: "a == 'global('" },
    blamed: 'spec.nodeSelector',
    why: /global\(/,
    right: { ...v4, nodeSelector: "a == 'global'" },
  },
  {
    rule: 'B15: global() for namespaces',
    wrong: { ...v4, allowedUses: ['Workload'], namespaceSelector: 'global()' },
    blamed: 'spec.namespaceSelector',
    why: /global\(/,
    right: { ...v4, allowedUses: ['Workload'], namespaceSelector: 'all()' },
  },
  {
    rule: 'B13: namespaces of tunnels',
    wrong: { ...v4, allowedUses: ['Workload', 'Tunnel'], namespaceSelector: 'all()' },
    blamed: 'spec.namespaceSelector',
    why: /tunnels do not belong to a namespace/,
    right: { ...v4, allowedUses: ['Workload'], namespaceSelector: 'all()' },
  },
  {
    rule: 'B13: namespaces of all uses',
    wrong: { ...v4, namespaceSelector: "a == 'b'" },
    blamed: 'spec.namespaceSelector',
    why: /without Tunnel/,
    right: { ...v4, namespaceSelector: '' },
  },
]

t.test('every rule reports the wrong value, and accepts its right neighbour', (t) => {
  for (const { rule, wrong, blamed, why, right } of rows) {
    const causes = judge(wrong)
    t.match(causes, [{ field: blamed, message: why }], rule)
    t.equal(causes.length, 1, `${rule}: nothing else is blamed`)
    t.strictSame(judge(right), [], `${rule}: the right neighbour`)
  }
  t.end()
})

t.test('selectors may be blank', (t) => {
  t.strictSame(judge({ ...v4, nodeSelector: '   ' }), [])
  t.strictSame(judge({ ...v4, nodeSelector: '!all()' }), [])
  t.end()
})

t.test('without a CIDR a block size must be right for one of the families', (t) => {
  const fields = (spec: Spec): readonly string[] => judge(spec).map(({ field }) => field)
  t.strictSame(fields({ cidr: 'x', blockSize: 26 }), ['spec.cidr'])
  t.strictSame(fields({ cidr: 'x', blockSize: 122 }), ['spec.cidr'])
  t.strictSame(fields({ cidr: 'x', blockSize: 64 }), ['spec.cidr', 'spec.blockSize'])
  t.match(judge({ cidr: 'x', blockSize: 64 })[1]?.message, /20 to 32 for IPv4, or 116 to 128 for IPv6$/)
  t.end()
})

t.test('a rule is skipped if a field has the wrong type', (t) => {
  t.strictSame(
    judge({ ...v4, allowedUses: ['LoadBalancer'], disableBGPExport: true }, undefined, ['spec.allowedUses']),
    [],
  )
  t.strictSame(judge({}, undefined, ['spec.cidr']), [])
  t.end()
})

t.test('immutable fields are compared with the stored ones', (t) => {
  const old = mustPool({ cidr: 'fd00::/64', blockSize: 120 })
  const same: readonly Spec[] = [
    { cidr: 'fd00::/64', blockSize: 120 },
    { cidr: 'FD00:0:0:0::/64', blockSize: 120 },
    { cidr: 'fd00::/64' },
    { cidr: 'fd00::/64', blockSize: 0 },
    {
      cidr: 'fd00::/64',
      natOutgoing: true,
      disabled: true,
      vxlanMode: 'Always',
      nodeSelector: 'has(a)',
      assignmentMode: 'Manual',
    },
    { cidr: 'fd00::/64', allowedUses: ['LoadBalancer'] },
  ]
  for (const spec of same) t.strictSame(judge(spec, old), [], JSON.stringify(spec))
  const changed: readonly (readonly [string, Spec, string, RegExp])[] = [
    [
      'A3: another CIDR',
      { cidr: 'fd01::/64' },
      'spec.cidr',
      /^Invalid value: "fd01::\/64": field is immutable; it is fd00::\/64$/,
    ],
    ['A3: a wider CIDR', { cidr: 'fd00::/63' }, 'spec.cidr', /immutable/],
    [
      'A5: another block size',
      { cidr: 'fd00::/64', blockSize: 122 },
      'spec.blockSize',
      /^Invalid value: 122: field is immutable; it is 120$/,
    ],
  ]
  for (const [rule, spec, field, message] of changed) t.match(judge(spec, old), [{ field, message }], rule)
  const unusable = mustPool({ cidr: 'fd00::/64', blockSize: 1e9 })
  t.match(judge({ cidr: 'fd00::/64', blockSize: 122 }, unusable), [
    { field: 'spec.blockSize', message: /immutable; the stored one cannot be used, so create the pool anew$/ },
  ])
  t.end()
})

t.test('a pool for load balancers stays one (A4)', (t) => {
  const old = mustPool({ allowedUses: ['LoadBalancer'] })
  t.strictSame(judge(balanced, old), [])
  for (const spec of [v4, { ...v4, allowedUses: ['Workload'] }, { ...v4, allowedUses: [] }]) {
    t.match(judge(spec, old), [{ field: 'spec.allowedUses', reason: 'FieldValueForbidden' }], JSON.stringify(spec))
  }
  t.strictSame(judge(balanced, mustPool({ allowedUses: ['Workload'] })), [], 'any other pool may become one')
  t.end()
})

t.test('a pool that is being deleted cannot be enabled again', (t) => {
  const old = mustPool({ disabled: true }, { deletionTimestamp: '2026-11-23T04:00:00Z' })
  t.strictSame(judge({ ...v4, disabled: true, natOutgoing: true }, old), [])
  for (const spec of [v4, { ...v4, disabled: false }]) {
    t.match(judge(spec, old), [{ field: 'spec.disabled', reason: 'FieldValueForbidden' }], JSON.stringify(spec))
  }
  t.strictSame(judge(v4, mustPool({ disabled: true })), [], 'a disabled one can')
  t.end()
})
