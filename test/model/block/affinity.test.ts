import t from 'tap'
import {
  formatAffinity,
  hostOf,
  parseAffinity,
  isSameHost,
  clearAffinity,
  newBlock,
  incrementSequenceNumber,
} from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'

t.test('an affinity has a type, host or virtual, and a name', (t) => {
  const cases = [
    ['host:node1', { type: 'host', name: 'node1' }],
    ['virtual:load-balancer', { type: 'virtual', name: 'load-balancer' }],
    ['host:a:b', { type: 'host', name: 'a:b' }],
  ] as const
  for (const [text, owner] of cases) {
    t.strictSame(parseAffinity(text), owner, text)
    t.equal(formatAffinity(owner), text)
  }
  t.end()
})

t.test('any other text is no affinity', (t) => {
  for (const text of ['', 'host', 'host:', 'virtual:', 'node:a', 'HOST:a', 'hosts:a']) {
    t.equal(parseAffinity(text), undefined, text)
  }
  t.end()
})

t.test('affinities are the same if type and name are', (t) => {
  const node = { type: 'host', name: 'a' } as const
  t.equal(isSameHost(node, { type: 'host', name: 'a' }), true)
  t.equal(isSameHost(node, { type: 'virtual', name: 'a' }), false)
  t.equal(isSameHost(node, { type: 'host', name: 'b' }), false)
  t.end()
})

const node1 = { type: 'host', name: 'node1' } as const

t.test('the affinity comes and goes with the time of the claim', (t) => {
  const block = newBlock(mustParseCidr('10.0.0.0/31'), node1, { nanoseconds: 1795406405123456789n })
  t.strictSame(hostOf(block), node1)
  t.equal(block.affinityClaimTime, '2026-11-23T04:00:05Z')
  const left = clearAffinity({ ...block, hostAffinity: 'node1' })
  t.strictSame([left.affinity, left.affinityClaimTime, left.hostAffinity], [null, undefined, 'node1'])
  t.equal(hostOf(left), undefined)
  t.equal(left.sequenceNumber, block.sequenceNumber + 1n)
  t.equal(incrementSequenceNumber(left).sequenceNumber, block.sequenceNumber + 2n)
  t.end()
})
