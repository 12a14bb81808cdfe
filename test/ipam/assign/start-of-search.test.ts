import fc from 'fast-check'
import t from 'tap'
import { fnv1, startOfSearch } from '../../../src/ipam/assign/search.ts'

t.test('names are hashed as Calico hashes them', (t) => {
  // docs/calico/ipam.md section 1.7, computed with Go.
  const vectors: [name: string, want: number][] = [
    ['node-1', 568266919],
    ['node-2', 568266916],
    ['host-a', 1258779341],
    ['load-balancer', 4270604816],
    ['', 0x811c9dc5],
  ]
  for (const [name, want] of vectors) t.equal(fnv1(name), want, name)
  t.not(fnv1('ä'), fnv1('a'))
  t.end()
})

t.test('a search starts inside of the pool, always at the same place', (t) => {
  const property = fc.property(fc.string(), fc.bigInt({ min: 1n, max: 2n ** 108n }), (name, count) => {
    const start = startOfSearch(name, count)
    return start >= 0n && start < count && start === startOfSearch(name, count)
  })
  t.doesNotThrow(() => fc.assert(property))
  t.equal(startOfSearch('node-1', 1n), 0n)
  t.equal(startOfSearch('node-1', 0n), 0n)
  t.end()
})

t.test('owners spread over all of a pool, however large', (t) => {
  for (const count of [4n, 1_024n, 2n ** 58n, 2n ** 64n, 2n ** 74n]) {
    const quarters = new Set<bigint>()
    for (let node = 0; node < 64; node++) quarters.add((startOfSearch(`node-${node}`, count) * 4n) / count)
    t.strictSame([...quarters].sort(), [0n, 1n, 2n, 3n], String(count))
  }
  t.end()
})
