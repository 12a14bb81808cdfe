import t from 'tap'
import { leakOf } from '../../../src/ipam/check/leaks.ts'
import { newFinding } from '../../../src/ipam/check/finding.ts'
import { blockKey } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'

const pools = [{ name: 'blue', cidr: mustParseCidr('10.1.0.0/24') }] as unknown as Parameters<typeof leakOf>[1]['pools']

t.test('a finding about leaked addresses tells their pool, their node and how many they are', (t) => {
  const leaked = { node: 'gone', addresses: 3 }
  const cases: [key: string, pool: string | undefined][] = [
    [blockKey(mustParseCidr('10.1.0.0/26')).text, 'blue'],
    [blockKey(mustParseCidr('10.2.0.0/26')).text, undefined],
    ['/no/block', undefined],
  ]
  for (const [key, pool] of cases) {
    const finding = newFinding('NodeGone', { key, revision: 1n, leaked }, 'text')
    t.strictSame(leakOf(finding, { pools }), { pool, node: 'gone', addresses: 3 }, key)
  }
  t.equal(leakOf(newFinding('HandleMissing', { key: '/no/block', revision: 1n }, 'text'), { pools }), undefined)
  t.end()
})
