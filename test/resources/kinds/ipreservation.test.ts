import t from 'tap'
import type { Json } from '../../../src/model/index.ts'
import { objectIn, planDelete, planCreate, planRead, planReplace, showObject } from '../../../src/resources/index.ts'
import { ipreservationKind as kind } from '../../../src/resources/kinds/ipreservation.ts'
import { FakeView } from '../../support/fake-view.ts'
import { causesOf, context, granted, strict, written } from '../fixtures.ts'

const key = '/calico/resources/v3/projectcalico.org/ipreservations/rsv-1'
const head =
  '{"kind":"IPReservation","apiVersion":"projectcalico.org/v3","metadata":{"name":"rsv-1","uid":"7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10","creationTimestamp":"2026-11-23T03:59:00Z"}'

function body(...reservedCIDRs: readonly Json[]) {
  return { metadata: { name: 'rsv-1' }, spec: { reservedCIDRs } }
}

t.test('a reservation is stored byte for byte as Calico stores it', (t) => {
  const cases: readonly (readonly [claim: string, entries: readonly string[], stored: string])[] = [
    ['the entries', ['10.10.0.10/32', 'fd00::100/120'], '"spec":{"reservedCIDRs":["10.10.0.10/32","fd00::100/120"]}}'],
    [
      'verbatim: host bits, spelling, repetition and order',
      ['FD00:0::1/64', '10.10.0.9/24', '10.10.0.9/24', '10.10.0.0/16'],
      '"spec":{"reservedCIDRs":["FD00:0::1/64","10.10.0.9/24","10.10.0.9/24","10.10.0.0/16"]}}',
    ],
    [
      'an address as the CIDR of it alone',
      ['10.10.0.1', '10.10.0.2/32', 'FD00:0::1'],
      '"spec":{"reservedCIDRs":["10.10.0.1/32","10.10.0.2/32","FD00:0::1/128"]}}',
    ],
    ['no entries', [], '"spec":{}}'],
  ]
  for (const [claim, entries, stored] of cases) {
    t.strictSame(
      written(planCreate(new FakeView(), kind, body(...entries), strict)),
      { [key]: `${head},${stored}` },
      claim,
    )
  }
  const bare = planCreate(new FakeView(), kind, { metadata: { name: 'rsv-1' } }, strict)
  t.strictSame(written(bare), { [key]: `${head},"spec":{}}` }, 'no spec')
  t.end()
})

t.test('each entry must be a CIDR or an address', (t) => {
  const valid = ['10.10.0.1', 'fd00::1', '10.10.0.1/32', '10.10.0.9/24', '0.0.0.0/0', '::/0', 'fd00::1/64']
  t.ok(granted(planCreate(new FakeView(), kind, body(...valid), strict)))
  const wrong = ['', ' ', '10.10.0.01', ' 10.10.0.1', '::ffff:10.0.0.1', '10.10.0.0/33', '10.10.0.01/32', ' 10.0.0.0/8']
  t.strictSame(
    causesOf(planCreate(new FakeView(), kind, body('10.0.0.0/8', ...wrong), strict)),
    wrong.map((_, index) => `spec.reservedCIDRs[${index + 1}]: FieldValueInvalid`),
  )
  t.strictSame(causesOf(planCreate(new FakeView(), kind, body('10.0.0.0/8', 7, null), strict)), [
    'spec.reservedCIDRs[1]: FieldValueTypeInvalid',
    'spec.reservedCIDRs[2]: FieldValueTypeInvalid',
  ])
  t.match(
    planCreate(new FakeView(), kind, { metadata: { name: 'rsv-1' }, spec: { reservedCIDRs: 'x' } }, strict).answer,
    {
      refusal: { causes: [{ field: 'spec.reservedCIDRs', reason: 'FieldValueTypeInvalid' }] },
    },
  )
  t.end()
})

t.test('entries of older clients are read, and may stay, but not be added', (t) => {
  const view = new FakeView()
  view.putText(key, `${head},"spec":{"reservedCIDRs":["10.10.0.1"," 10.10.0.2/32 ",null]}}`)
  const read = granted(planRead(view, kind, 'rsv-1'))
  const { reservedCIDRs } = objectIn(showObject(kind, read.value, read.revision), 'spec')
  t.strictSame(reservedCIDRs, ['10.10.0.1/32', ' 10.10.0.2/32 ', null])
  const changed = planReplace(view, kind, 'rsv-1', body('10.10.0.1', ' 10.10.0.2/32 ', '10.11.0.0/24'), context)
  t.strictSame(written(changed), {
    [key]: `${head},"spec":{"reservedCIDRs":["10.10.0.1/32"," 10.10.0.2/32 ","10.11.0.0/24"]}}`,
  })
  t.strictSame(causesOf(planReplace(view, kind, 'rsv-1', body(' 10.10.0.3/32'), context)), [
    'spec.reservedCIDRs[0]: FieldValueInvalid',
  ])
  t.end()
})

t.test('deleting it removes the key, and nothing else', (t) => {
  const view = new FakeView()
  view.apply(planCreate(view, kind, kind.example, strict))
  t.strictSame(written(planDelete(view, kind, 'gateways', {}, context)), {
    '/calico/resources/v3/projectcalico.org/ipreservations/gateways': undefined,
  })
  t.end()
})
