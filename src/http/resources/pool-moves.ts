import { isDeepStrictEqual } from 'node:util'
import type { Change, Follower } from '../../datastore/index.ts'
import { pools } from '../../model/index.ts'
import type { Revision } from '../../plan/index.ts'
import type { ServedStore } from '../ipam/index.ts'

/** Changes that are looked at in one turn. */
const changesAtOnce = 100

/** The longest that Node's timers wait. */
const waitMaxMs = 2 ** 31 - 1

/**
 * Calls `moved` after a change of the labels or the range of a pool: objects that belong to pools may enter or leave the sight of callers
 * by it. Also if such a change may have been missed. Follows the changes after a revision that etcd has reached, until the result is
 * stopped.
 */
export async function followPoolMoves(
  store: Pick<ServedStore, 'follow'>,
  after: Revision,
  moved: () => void,
): Promise<Pick<Follower, 'stop'>> {
  const follower = await store.follow([pools], after)
  const follow = async (): Promise<void> => {
    while (follower.ending === undefined) {
      const changes = follower.take(changesAtOnce)
      if (changes.some(isMove)) break
      if (changes.length === 0) await follower.wait(waitMaxMs)
    }
    // Its user ends it, and the store when it closes: neither is a move.
    if (follower.ending === 'closed') return
    follower.stop()
    moved()
  }
  void follow()
  return follower
}

function isMove({ key, before, text }: Change): boolean {
  return !isDeepStrictEqual(placeIn(key, before), placeIn(key, text))
}

/** The fields of a pool that decide who sees the objects that belong to it; undefined if there is no pool that can be read. */
function placeIn(key: string, text: string | undefined): object | undefined {
  const pool = text === undefined ? undefined : pools.decode(key, text)
  return pool?.ok === true ? { cidr: pool.value.cidr, labels: pool.value.labels } : undefined
}
