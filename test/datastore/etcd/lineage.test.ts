import type { IResponseHeader } from 'etcd3'
import t from 'tap'
import { Lineage } from '../../../src/datastore/etcd/lineage.ts'

function header(revision: number, raft_term = 2, cluster_id = '1'): IResponseHeader {
  return { cluster_id, member_id: '1', revision: String(revision), raft_term: String(raft_term) }
}

t.test('a read is believed unless it is older than what was known when it was sent', async (t) => {
  const cases = [
    ['the same', 0n, header(10), undefined],
    ['newer, in a later term', 0n, header(11, 3), undefined],
    ['older than the read before', 0n, header(9), /revision 9, and was at 10/],
    ['older than a commit', 12n, header(11), /revision 11, and was at 12/],
    ['as new as a commit', 12n, header(12), undefined],
    ['in an earlier term', 0n, header(20, 1), /earlier term/],
    ['another cluster', 0n, header(20, 2, '2'), /another cluster/],
  ] as const
  for (const [name, known, answer, problem] of cases) {
    const lineage = new Lineage()
    t.equal(lineage.expect(0n)(header(10)), undefined)
    t.match(lineage.expect(known)(answer), problem, name)
  }
})

t.test('reads that run side by side may be answered in either order', async (t) => {
  const lineage = new Lineage()
  const [first, second] = [lineage.expect(0n), lineage.expect(0n)]
  t.equal(second(header(20)), undefined)
  t.equal(first(header(10)), undefined)
  t.match(lineage.expect(0n)(header(15)), /was at 20/)
})

t.test('once it has been noticed, the earlier state is what is expected', async (t) => {
  const lineage = new Lineage()
  lineage.expect(0n)(header(20))
  t.ok(lineage.expect(0n)(header(5)))
  t.equal(lineage.expect(0n)(header(6)), undefined)
})
