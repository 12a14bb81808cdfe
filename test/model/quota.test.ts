import fc from 'fast-check'
import t from 'tap'
import {
  chargedBlockKey,
  ChargeIndex,
  charges,
  type Charges,
  chargesKey,
  parseQuotaName,
  type Quota,
  quotaKey,
  quotaName,
  quotas,
} from '../../src/model/index.ts'
import { mustParseCidr } from '../../src/net/index.ts'

const anyName = fc.string({ unit: 'grapheme', minLength: 1 })
const anyQuota: fc.Arbitrary<Quota> = fc.record({
  policy: anyName,
  position: fc.nat({ max: 999_999_999 }),
  subject: fc.record({ kind: fc.constantFrom('User' as const, 'Group' as const), name: anyName }),
})

t.test('the name of a quota tells its policy, its rule and its subject', (t) => {
  const quota: Quota = { policy: 'blue', position: 1, subject: { kind: 'Group', name: 'a/b:c' } }
  t.equal(quotaName(quota), 'blue/1/Group:a%2Fb%3Ac')
  t.equal(quotaKey('blue/1/Group:a').text, '/ippoold/v1/quotas/blue/1/Group:a')
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(anyQuota, (quota) => {
        const parsed = parseQuotaName(quotaName(quota))
        return (
          parsed !== undefined && quotaName(parsed) === quotaName(quota) && parsed.subject.name === quota.subject.name
        )
      }),
    )
  })
  for (const text of [
    '',
    'blue',
    'blue/1',
    'blue/x/User:a',
    'blue/1/Robot:a',
    'blue/1/User:',
    'blue/1/User:%',
    'a/1/User:b/c',
  ]) {
    t.equal(parseQuotaName(text), undefined, text)
  }
  t.end()
})

t.test('the use of a quota is stored as a number', (t) => {
  t.equal(quotas.encode({ used: 12 }), '{"used":12}')
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.nat(), (used) => {
        const decoded = quotas.decode('', quotas.encode({ used }))
        return decoded.ok && decoded.value.used === used
      }),
    )
  })
  for (const text of ['', '{"used":-1}', '{"used":"1"}', '{"used":1.5}', '[]'])
    t.match(quotas.decode('', text), { ok: false }, text)
  t.strictSame(quotas.decode('', '{}'), { ok: true, value: { used: 0 } })
  t.end()
})

t.test('the charges of a block are stored by quota and ordinal, with every digit', (t) => {
  const cidr = mustParseCidr('10.1.0.0/26')
  const key = chargesKey(cidr).text
  t.equal(key, '/ippoold/v1/charges/ipv4/block/10.1.0.0-26')
  t.equal(chargedBlockKey(key), '/calico/ipam/v2/assignment/ipv4/block/10.1.0.0-26')
  const value: Charges = new Map([['blue/1/User:a', new Map([[5, 1_795_406_400_123_456_789n]])]])
  t.equal(charges.encode(value), '{"quotas":{"blue/1/User:a":{"5":1795406400123456789}}}')
  const anyCharges = fc
    .array(
      fc.tuple(
        anyQuota.map(quotaName),
        fc.array(fc.tuple(fc.nat({ max: 4095 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))),
      ),
    )
    .map((entries): Charges => new Map(entries.map(([name, charged]) => [name, new Map(charged)])))
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(anyCharges, (value) => {
        const decoded = charges.decode('', charges.encode(value))
        return decoded.ok && charges.encode(decoded.value) === charges.encode(value)
      }),
    )
  })
  for (const text of ['', '{"quotas":1}', '{"quotas":{"a":1}}', '{"quotas":{"a":{"5":-1}}}']) {
    t.match(charges.decode('', text), { ok: false }, text)
  }
  t.strictSame(charges.decode('', '{"quotas":{"a":null}}'), { ok: true, value: new Map([['a', new Map()]]) })
  t.strictSame(charges.decode('', '{}'), { ok: true, value: new Map() })
  t.end()
})

t.test('a store without transactions charges before it assigns, and gives back after it released', (t) => {
  const [less, more] = [{ used: 1 }, { used: 2 }]
  t.equal(quotas.lead?.(less, more), more)
  t.equal(quotas.lead?.(undefined, less), less)
  t.equal(quotas.lead?.(more, less), undefined)
  t.equal(quotas.lead?.(more, undefined), undefined)
  const before: Charges = new Map([
    ['a', new Map([[1, 1n]])],
    ['b', new Map([[2, 2n]])],
  ])
  const after: Charges = new Map([['a', new Map([[3, 3n]])]])
  const both = new Map([
    [
      'a',
      new Map([
        [1, 1n],
        [3, 3n],
      ]),
    ],
    ['b', new Map([[2, 2n]])],
  ])
  t.strictSame(charges.lead?.(before, after), both)
  t.strictSame(charges.lead?.(undefined, after), after)
  t.equal(charges.lead?.(before, undefined), undefined)
  t.end()
})

t.test('the index knows which blocks have charges', (t) => {
  const index = new ChargeIndex()
  t.ok(index.isEmpty)
  t.ok(index.changedText('a'))
  index.changed('b', { kind: 'value' })
  t.strictSame([index.isEmpty, ...index.keys()], [false, 'a', 'b'])
  index.changed('a', { kind: 'absent' })
  index.changed('b', { kind: 'absent' })
  t.ok(index.isEmpty)
  t.end()
})
