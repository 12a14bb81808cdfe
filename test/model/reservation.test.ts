import t from 'tap'
import { type Reservation, reservationKey, reservationOf, reservations } from '../../src/model/index.ts'
import { formatCidr } from '../../src/net/index.ts'

const key = reservationKey('rsv-1')
const meta = '"metadata":{"name":"rsv-1"}'

function mustDecode(text: string): Reservation {
  const decoded = reservations.decode(key.text, text)
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

t.test('a reservation comes back byte for byte, with its ranges', (t) => {
  const text =
    '{"kind":"IPReservation","apiVersion":"projectcalico.org/v3","metadata":{"name":"rsv-1","uid":"0f5f","creationTimestamp":"2026-11-23T03:59:10Z"},"spec":{"reservedCIDRs":["10.10.0.10/32","fd00::100/120"]}}'
  const reservation = mustDecode(text)
  t.equal(key.text, '/calico/resources/v3/projectcalico.org/ipreservations/rsv-1')
  t.equal(reservation.name, 'rsv-1')
  t.strictSame(reservation.cidrs.map(formatCidr), ['10.10.0.10/32', 'fd00::100/120'])
  t.equal(reservations.encode(reservation), text)
  t.end()
})

t.test('entries are read as Calico reads them, and kept as they are', (t) => {
  const entries = '[" 10.0.0.7 ","10.0.0.9/24","fd00::1","","  ","nonsense","10.0.0.0/33",null]'
  const text = `{${meta},"spec":{"reservedCIDRs":${entries}}}`
  const reservation = mustDecode(text)
  t.strictSame(reservation.cidrs.map(formatCidr), ['10.0.0.7/32', '10.0.0.0/24', 'fd00::1/128'])
  t.equal(reservations.encode(reservation), text)
  t.end()
})

t.test('a reservation may reserve nothing', (t) => {
  for (const spec of ['{}', '{"reservedCIDRs":[]}', '{"reservedCIDRs":null}']) {
    t.strictSame(mustDecode(`{${meta},"spec":${spec}}`).cidrs, [], spec)
  }
  t.end()
})

t.test('entries of a wrong type are a problem', (t) => {
  for (const cidrs of ['"10.0.0.1"', '[1]']) {
    const decoded = reservations.decode(key.text, `{${meta},"spec":{"reservedCIDRs":${cidrs}}}`)
    t.match(decoded, { ok: false, problem: /^spec\.reservedCIDRs: / }, cidrs)
  }
  t.end()
})

t.test('a new reservation is stored without an empty list', (t) => {
  for (const spec of [{}, { reservedCIDRs: [] }, { reservedCIDRs: null }]) {
    const made = reservationOf({ metadata: { name: 'r' }, spec })
    t.equal(made.ok && reservations.encode(made.value), '{"metadata":{"name":"r"},"spec":{}}')
  }
  const made = reservationOf({ metadata: { name: 'r' }, spec: { reservedCIDRs: ['10.0.0.0/8'] } })
  t.equal(
    made.ok && reservations.encode(made.value),
    '{"metadata":{"name":"r"},"spec":{"reservedCIDRs":["10.0.0.0/8"]}}',
  )
  t.match(reservationOf({ metadata: { name: 'r' } }), { ok: true, value: { cidrs: [] } })
  t.end()
})
