import type { IResponseHeader } from 'etcd3'
import type { Revision } from '../../plan/index.ts'

/** The state of etcd that a linearizable read comes from. */
interface State {
  readonly cluster: string
  readonly revision: Revision
  readonly term: bigint
}

/**
 * Detects that etcd was put back to an earlier state, as by restoring a backup: a linearizable read is never older than what was known
 * when it was sent, and always comes from the same cluster.
 */
export class Lineage {
  #seen: State | undefined

  /** To be called before a read, with the newest revision known by other means. The result checks the header of the answer. */
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

/** The reason for which `state` cannot follow `before` and the revision `newest`; undefined when it can. */
function contradiction(state: State, newest: Revision, before: State | undefined): string | undefined {
  if (before !== undefined && state.cluster !== before.cluster) return 'it is another cluster'
  if (state.revision < newest) return `it is at revision ${state.revision}, and was at ${newest}`
  if (before !== undefined && state.term < before.term) return 'it is in an earlier term'
  return undefined
}
