import type { Block } from '../../src/model/index.ts'
import { blockPrefix, World } from './ipam-world.ts'

/** The blocks of a pool of four blocks of four addresses. In it `node4` begins its search at the second one. */
export const blocksOfPool = ['10.0.0.0/30', '10.0.0.4/30', '10.0.0.8/30', '10.0.0.12/30'] as const

/** A world with that pool, called `a`. */
export function worldWithPool(spec: object = {}): World {
  const world = new World()
  world.pool('a', '10.0.0.0/28', { blockSize: 30, ...spec })
  return world
}

/** The blocks of the pool that exist, with their affinities. */
export function affinities(world: World): Readonly<Record<string, string | null>> {
  const stored = blocksOfPool.flatMap((cidr) => {
    const block = world.stored(cidr)
    return block === undefined ? [] : [[cidr, block.affinity] as const]
  })
  return Object.fromEntries(stored)
}

/** The CIDRs of the blocks that the last operation read. */
export function blocksRead(world: World): readonly string[] {
  const keys = [...world.lastReads].filter((key) => key.startsWith(blockPrefix))
  return keys.map((key) => key.slice(blockPrefix.length).replace('-', '/'))
}

/** An empty block with the number 100, stored nowhere. */
export function emptyBlock(cidr: string, affinity: string | null): Block {
  const world = new World()
  world.block(cidr, affinity)
  const block = world.stored(cidr)
  if (block === undefined) throw new Error(`no block ${cidr}`)
  return block
}
