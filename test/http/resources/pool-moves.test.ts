import t from 'tap'
import { type Change, type ChangeSource, Follower } from '../../../src/datastore/index.ts'
import { followPoolMoves } from '../../../src/http/resources/pool-moves.ts'
import { pools } from '../../../src/model/index.ts'
import { until } from '../../support/until.ts'

/** Follows the changes of one pool, which the result makes. */
async function followPool() {
  const changes: Change[] = []
  const source: ChangeSource = {
    changesAfter: (seen) => changes.filter(({ revision }) => revision > seen),
    ceiling: 0n,
    prove: () => Promise.resolve(),
  }
  const follower = new Follower(source, 0n, () => undefined)
  const told = { moves: 0 }
  const following = await followPoolMoves({ follow: () => Promise.resolve(follower) }, 0n, () => told.moves++)
  const change = (before: string | undefined, text: string | undefined): void => {
    changes.push({ key: `${pools.prefix}p`, revision: BigInt(changes.length + 1), before, text })
    follower.wake()
  }
  return { follower, following, change, told }
}

function poolText(labels: object, cidr = '10.0.0.0/24', spec: object = {}): string {
  return JSON.stringify({ kind: 'IPPool', metadata: { name: 'p', labels }, spec: { cidr, ...spec } })
}

const blue = poolText({ team: 'blue' })

t.test('what moves the objects of a pool in or out of sight is told once', async (t) => {
  for (const [what, before, after] of [
    ['a pool is created', undefined, blue],
    ['a pool is deleted', blue, undefined],
    ['its labels change', blue, poolText({ team: 'red' })],
    ['its range changes', blue, poolText({ team: 'blue' }, '10.0.0.0/25')],
    ['it cannot be read any more', blue, '{'],
  ] as const) {
    const { follower, change, told } = await followPool()
    change(before, after)
    await until(what, () => told.moves === 1 || undefined)
    t.equal(follower.ending, 'closed', what)
  }
})

t.test(
  'other changes of a pool are no moves, nor is the end of a watch; a gap in what is known may hide one',
  async (t) => {
    const { follower, following, change, told } = await followPool()
    change(blue, poolText({ team: 'blue' }, '10.0.0.0/24', { disabled: true }))
    await until('the change to be taken', () => follower.seen === 1n || undefined)
    following.stop()
    const lost = await followPool()
    lost.follower.end('expired')
    await until('the gap', () => lost.told.moves === 1 || undefined)
    t.equal(told.moves, 0)
  },
)
