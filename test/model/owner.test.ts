import t from 'tap'
import { formatOwner, parseOwner, sameOwner } from '../../src/model/owner.ts'

t.test('an owner is a host or virtual, and has a name', (t) => {
  const cases = [
    ['host:node1', { type: 'host', name: 'node1' }],
    ['virtual:load-balancer', { type: 'virtual', name: 'load-balancer' }],
    ['host:a:b', { type: 'host', name: 'a:b' }],
  ] as const
  for (const [text, owner] of cases) {
    t.strictSame(parseOwner(text), owner, text)
    t.equal(formatOwner(owner), text)
  }
  t.end()
})

t.test('any other text names nobody', (t) => {
  for (const text of ['', 'host', 'host:', 'virtual:', 'node:a', 'HOST:a', 'hosts:a']) {
    t.equal(parseOwner(text), undefined, text)
  }
  t.end()
})

t.test('owners are the same when both type and name are', (t) => {
  const node = { type: 'host', name: 'a' } as const
  t.equal(sameOwner(node, { type: 'host', name: 'a' }), true)
  t.equal(sameOwner(node, { type: 'virtual', name: 'a' }), false)
  t.equal(sameOwner(node, { type: 'host', name: 'b' }), false)
  t.end()
})
