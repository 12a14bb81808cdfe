import t from 'tap'
import { type Change, Follower } from '../../src/datastore/index.ts'

/** A journal that knows what it is told to know. */
class FakeJournal {
  changes: Change[] = []
  ceiling = 0n
  /** What happens while the journal asks etcd. */
  meanwhile: () => void = () => undefined

  changesAfter(seen: bigint, max: number): readonly Change[] {
    return this.changes.filter(({ revision }) => revision > seen).slice(0, max)
  }

  prove(): Promise<void> {
    this.meanwhile()
    return Promise.resolve()
  }
}

function follow(after: bigint) {
  const journal = new FakeJournal()
  return { journal, follower: new Follower(journal, after, () => undefined) }
}

function change(revision: bigint): Change {
  return { key: '/a', revision, text: String(revision), before: undefined }
}

t.test('a proof is never ahead of what has been taken', async (t) => {
  const { journal, follower } = follow(10n)
  journal.ceiling = 10n
  journal.meanwhile = () => {
    journal.changes = [change(11n)]
    journal.ceiling = 11n
  }
  t.equal(await follower.proven(), undefined)
  t.equal(follower.take(10).length, 1)
  t.equal(await follower.proven(), 11n)
})

t.test(
  'a proof is never behind what has been seen, as while the journal reads history back for somebody else',
  async (t) => {
    const { journal, follower } = follow(10n)
    journal.ceiling = 4n
    t.equal(await follower.proven(), undefined)
    journal.ceiling = 12n
    t.equal(await follower.proven(), 12n)
  },
)

t.test('nothing is proven to a follower that was cut off before it had taken everything', async (t) => {
  const { journal, follower } = follow(10n)
  journal.meanwhile = () => {
    journal.ceiling = 11n
    follower.end('closed')
  }
  t.equal(await follower.proven(), undefined)
})
