import t from 'tap'
import { type Json, type JsonObject, newBlock, pools, poolKey } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import { planDelete, planCreate } from '../../../src/resources/index.ts'
import { sameJson } from '../../../src/resources/object/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import {
  causesOf,
  context,
  granted,
  mustParse,
  mustPool,
  poolBody,
  poolKind,
  storedPool,
  strict,
  withCondition,
  written,
} from '../fixtures.ts'

const kind = poolKind()

function blockIn(cidr: string) {
  return newBlock(mustParseCidr(cidr), null, context.now)
}

t.test('a new pool is stored byte for byte as Calico stores it, with its condition', (t) => {
  const view = new FakeView()
  const body = { metadata: { name: 'pool-a' }, spec: { cidr: '10.10.0.0/24', blockSize: 29, natOutgoing: true } }
  t.strictSame(written(planCreate(view, kind, body, strict)), {
    '/calico/resources/v3/projectcalico.org/ippools/pool-a': withCondition(storedPool),
  })
  t.end()
})

t.test('the sample of the documentation is accepted as it is', (t) => {
  const created = planCreate(new FakeView(), kind, kind.example, strict)
  t.strictSame(granted(created).warnings, [])
  t.equal(
    Object.values(written(created))[0],
    withCondition(
      '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"my.ippool-1","uid":"7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"cidr":"10.1.0.0/16","vxlanMode":"Never","ipipMode":"CrossSubnet","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
    ),
  )
  t.end()
})

t.test('every field is stored, selectors as they are written, the CIDR in its canonical form', (t) => {
  const spec = {
    cidr: 'FD00:0:0:0:0::/64',
    vxlanMode: 'Always',
    disabled: true,
    disableBGPExport: true,
    blockSize: 128,
    nodeSelector: "  a=='b'||has( c )",
    namespaceSelector: 'all( )',
    allowedUses: ['Workload'],
    assignmentMode: 'Manual',
  }
  const [text = ''] = Object.values(written(planCreate(new FakeView(), kind, poolBody(spec), strict)))
  t.match(
    text,
    '"spec":{"cidr":"fd00::/64","vxlanMode":"Always","ipipMode":"Never","disabled":true,"disableBGPExport":true,"blockSize":128,"nodeSelector":"  a==\'b\'||has( c )","namespaceSelector":"all( )","allowedUses":["Workload"],"assignmentMode":"Manual"}',
  )
  t.end()
})

t.test('an absent, null or empty field gets its default', (t) => {
  const full =
    '{"cidr":"10.10.0.0/24","vxlanMode":"Never","ipipMode":"Never","blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}'
  const sparse: readonly JsonObject[] = [
    { cidr: '10.10.0.0/24' },
    {
      cidr: '10.10.0.0/24',
      vxlanMode: '',
      ipipMode: null,
      blockSize: 0,
      nodeSelector: '',
      allowedUses: [],
      assignmentMode: '',
    },
  ]
  for (const spec of sparse) t.ok(sameJson(kind.withDefaults(spec), mustParse(full)))
  const rows: readonly (readonly [name: string, spec: JsonObject, blockSize: Json | undefined])[] = [
    ['IPv6', { cidr: 'fd00::/64' }, 122],
    ['no CIDR', {}, undefined],
    ['a CIDR that is none', { cidr: 'x' }, undefined],
    ['a CIDR of the wrong type', { cidr: 4 }, undefined],
    ['one of its own', { cidr: 'fd00::/64', blockSize: 120 }, 120],
  ]
  for (const [name, spec, blockSize] of rows) t.equal(kind.withDefaults(spec)['blockSize'], blockSize, name)
  t.equal(kind.withDefaults({ cidr: '10.10.0.1/24' })['cidr'], '10.10.0.1/24', 'host bits are for the rules to see')
  t.end()
})

t.test('a block size that is not given again is the one that the pool has', (t) => {
  t.equal(kind.withDefaults({ cidr: '10.10.0.0/24' }, { blockSize: 29 })['blockSize'], 29)
  t.equal(kind.withDefaults({ cidr: '10.10.0.0/24' }, {})['blockSize'], 26)
  t.equal(
    kind.withDefaults({ cidr: '10.10.0.0/24', blockSize: 28 }, { blockSize: 29 })['blockSize'],
    28,
    'for the rules to see',
  )
  t.end()
})

t.test('a new pool must not overlap another one, whatever its state (A6)', (t) => {
  const view = new FakeView()
  view.put(poolKey('a'), mustPool({ cidr: '10.10.0.0/24', disabled: true }, { name: 'a' }))
  view.put(poolKey('b'), mustPool({ cidr: '10.10.2.0/24' }, { name: 'b', deletionTimestamp: '2026-11-23T04:00:00Z' }))
  view.put(poolKey('six'), mustPool({ cidr: 'fd00::/64' }, { name: 'six' }))
  view.putText(poolKey('broken').text, '{')
  const rows: readonly (readonly [cidr: string, message: RegExp | undefined])[] = [
    ['10.10.1.0/24', undefined],
    ['10.10.3.0/24', undefined],
    ['10.10.0.0/24', /^Invalid value: "10\.10\.0\.0\/24": overlaps with IPPool a \(10\.10\.0\.0\/24\)$/],
    ['10.10.0.128/25', /with IPPool a/],
    ['10.10.2.0/24', /with IPPool b \(10\.10\.2\.0\/24, being deleted\)$/],
    ['10.10.0.0/16', /with IPPool a \(.*\) and with IPPool b \(/],
    ['fd00::/48', /with IPPool six/],
    ['fd00:0:0:1::/64', undefined],
  ]
  for (const [cidr, message] of rows) {
    const plan = planCreate(view, kind, poolBody({ cidr }), context)
    if (message === undefined) t.ok(plan.answer.ok, cidr)
    else
      t.match(
        plan.answer,
        { ok: false, refusal: { reason: 'Invalid', causes: [{ field: 'spec.cidr', message }] } },
        cidr,
      )
  }
  t.ok(view.reads.has(`changed ${pools.prefix}`), 'the commit proves that no pool was added or changed')
  t.end()
})

t.test('blocks in the range of a new pool must have its size (C1)', (t) => {
  const rows: readonly (readonly [name: string, spec: JsonObject, blocks: readonly string[], isRight: boolean])[] = [
    ['no block', {}, [], true],
    ['blocks of its size', {}, ['10.10.0.0/26', '10.10.0.64/26'], true],
    ['a smaller block', {}, ['10.10.0.0/26', '10.10.0.64/27'], false],
    ['a block around the pool', {}, ['10.10.0.0/20'], false],
    ['blocks of a size of its own', { blockSize: 27 }, ['10.10.0.64/27'], true],
  ]
  for (const [name, spec, blocks, isRight] of rows) {
    const plan = planCreate(new FakeView(), poolKind(blocks.map(blockIn)), poolBody(spec), context)
    t.equal(plan.answer.ok, isRight, name)
    if (!isRight) t.strictSame(causesOf(plan), ['spec.blockSize: FieldValueInvalid'], name)
  }
  t.end()
})

t.test('overlaps are reported together with the problems of the pool itself', (t) => {
  const view = new FakeView()
  view.put(poolKey('a'), mustPool({ cidr: '10.10.0.0/24' }, { name: 'a' }))
  const withBlock = poolKind([blockIn('10.10.0.0/30')])
  const causes = (spec: JsonObject): readonly string[] => causesOf(planCreate(view, withBlock, poolBody(spec), context))
  t.strictSame(causes({ vxlanMode: 'x' }), [
    'spec.vxlanMode: FieldValueNotSupported',
    'spec.cidr: FieldValueInvalid',
    'spec.blockSize: FieldValueInvalid',
  ])
  t.strictSame(causes({ blockSize: 99 }), ['spec.blockSize: FieldValueInvalid', 'spec.cidr: FieldValueInvalid'])
  t.strictSame(causes({ cidr: '10.10.0.1/24' }), ['spec.cidr: FieldValueInvalid'])
  t.strictSame(causes({ cidr: 'x' }), ['spec.cidr: FieldValueInvalid'])
  t.end()
})

t.test('that there is no other block is proved when a pool is created, and when it is deleted', (t) => {
  const view = new FakeView()
  const kind = poolKind()
  planCreate(view, kind, poolBody(), context)
  t.ok(view.reads.has('index of blocks'))
  view.put(poolKey('pool-a'), mustPool())
  view.reads.clear()
  t.ok(granted(planDelete(view, kind, 'pool-a', {}, context)).answer.isGone)
  t.ok(view.reads.has('index of blocks'))
  t.end()
})
