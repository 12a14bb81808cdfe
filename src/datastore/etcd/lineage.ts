import type { IResponseHeader } from 'etcd3'
import type { Revision } from '../../plan/index.ts'

/** What a linearizable read says of the state that it was made of. */
interface State {
  readonly cluster: string
  readonly revision: Revision
  readonly term: bigint
}

/**
 * Tells whether etcd is still what the image was read from. A linearizable read is never older than what was known when it was sent; one
 * that is, or that comes from another cluster, shows that etcd was put back to an earlier state, as by restoring a backup.
 */
export class Lineage {
  #seen: State | undefined

  /** To be called before a read is sent, with the newest revision known by other means; takes the header of its answer. */
  expect(known: Revision): (header: IResponseHeader) => string | undefined {
    const before = this.#seen
    return (header) => {
      const state = { cluster: header.cluster_id, revision: BigInt(header.revision), term: BigInt(header.raft_term) }
      const newest = before === undefined || known > before.revision ? known : before.revision
      const problem = contradiction(state, newest, before)
      const isNewer = this.#seen === undefined || state.revision >= this.#seen.revision
      if (isNewer || problem !== undefined) this.#seen = state
      return problem
    }
  }
}

/** In what `state` cannot follow `before` and the revision `newest`; undefined when it can. */
function contradiction(state: State, newest: Revision, before: State | undefined): string | undefined {
  if (before !== undefined && state.cluster !== before.cluster) return 'it is another cluster'
  if (state.revision < newest) return `it is at revision ${String(state.revision)}, and was at ${String(newest)}`
  if (before !== undefined && state.term < before.term) return 'it is in an earlier term'
  return undefined
}
