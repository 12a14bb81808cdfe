import t from 'tap'
import type { AffinityHost } from '../../src/model/block/index.ts'
import {
  affinities,
  affinityKey,
  affinityPrefix,
  confirmedAffinity,
  parseAffinityKey,
  virtualAffinities,
} from '../../src/model/index.ts'
import { formatCidr, mustParseCidr } from '../../src/net/index.ts'

const node: AffinityHost = { type: 'host', name: 'node1' }
const loadBalancer: AffinityHost = { type: 'virtual', name: 'load-balancer' }
const key = '/calico/ipam/v2/host/node1/ipv4/block/10.10.0.8-29'

t.test('the key names node and block', (t) => {
  const cases = [
    [node, '10.10.0.8/29', key, affinities],
    [node, 'fd00::40/122', '/calico/ipam/v2/host/node1/ipv6/block/fd00::40-122', affinities],
    [loadBalancer, '10.10.0.8/29', '/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.10.0.8-29', virtualAffinities],
  ] as const
  for (const [host, cidr, text, family] of cases) {
    const made = affinityKey(host, mustParseCidr(cidr))
    t.equal(made.text, text)
    t.equal(made.family, family)
    t.ok(text.startsWith(family.prefix))
    const parsed = parseAffinityKey(text)
    t.strictSame(parsed?.host, host)
    t.equal(parsed && formatCidr(parsed.cidr), cidr)
  }
  t.end()
})

t.test('the prefix of a node does not match nodes with a longer name', (t) => {
  t.equal(affinityPrefix(node, 4), '/calico/ipam/v2/host/node1/ipv4/block/')
  t.equal(affinityPrefix(loadBalancer, 6), '/calico/ipam/v2/virtual/load-balancer/ipv6/block/')
  t.end()
})

t.test('any other key is no key of a block affinity', (t) => {
  const wrong = [
    '/calico/ipam/v2/host/node1',
    '/calico/ipam/v2/host/',
    '/calico/ipam/v2/host//ipv4/block/10.10.0.8-29',
    '/calico/ipam/v2/host/node1/ipv4/block/10.10.0.9-29',
    '/calico/ipam/v2/host/node1/x/ipv4/block/10.10.0.8-29',
    '/calico/ipam/v2/@/node1/ipv4/block/10.10.0.8-29',
    '/calico/ipam/v2/assignment/ipv4/block/10.10.0.8-29',
  ]
  for (const text of wrong) t.equal(parseAffinityKey(text), undefined, text)
  t.end()
})

t.test('the stored text comes back byte for byte', (t) => {
  for (const family of [affinities, virtualAffinities]) {
    for (const state of ['confirmed', 'pending', 'pendingDeletion']) {
      const text = `{"state":"${state}","deleted":false}`
      const decoded = family.decode(key, text)
      t.match(decoded, { ok: true, value: { state, deleted: false } })
      if (decoded.ok) t.equal(family.encode(decoded.value), text)
    }
  }
  t.equal(affinities.encode(confirmedAffinity), '{"state":"confirmed","deleted":false}')
  t.end()
})

t.test('values of old Calico count as confirmed', (t) => {
  for (const text of ['', '{}', '{"state":"","deleted":false}', '{"state":null}', '{"STATE":"confirmed"}']) {
    t.match(affinities.decode(key, text), { ok: true, value: { state: 'confirmed', deleted: false } }, text)
  }
  t.end()
})

t.test('fields that are not known are kept', (t) => {
  const decoded = affinities.decode(key, '{"note":1795406400123456789,"deleted":true,"state":"pending"}')
  t.equal(
    decoded.ok && affinities.encode(decoded.value),
    '{"state":"pending","deleted":true,"note":1795406400123456789}',
  )
  t.end()
})

t.test('what cannot be read is a problem', (t) => {
  const cases: [key: string, text: string, problem: RegExp][] = [
    [key, '{"state":"Confirmed"}', /^state: expected confirmed, pending or pendingDeletion, found "Confirmed"$/],
    [key, '{"state":1}', /^state: /],
    [key, '{"deleted":"false"}', /^deleted: /],
    [key, '[]', /^affinity: expected an object/],
    [key, 'x', /^not JSON: /],
    ['/calico/ipam/v2/host/node1', '{}', /^\/calico\/ipam\/v2\/host\/node1: not the key of a block affinity$/],
  ]
  for (const [key, text, problem] of cases) t.match(affinities.decode(key, text), { ok: false, problem }, text)
  t.end()
})
