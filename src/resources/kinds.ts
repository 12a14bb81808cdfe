import { type BlockIndex, blocks as blockFamily } from '../model/index.ts'
import { ippoolKind } from './ippool.ts'
import type { PoolDependencies } from './ippool-termination.ts'
import type { ResourceKind, StoredObject } from './kind.ts'

/** Every kind of resource that is served. */
export function resourceKinds(blocks: BlockIndex): readonly ResourceKind<StoredObject>[] {
  return [ippoolKind(poolDependencies(blocks))]
}

/** What pools need to know of blocks, from the index that is kept beside the datastore's image. */
export function poolDependencies(blocks: BlockIndex): PoolDependencies {
  return {
    blocksIn: (view, cidr) => {
      view.consult(blockFamily, 'created')
      return [...blocks.overlapping(cidr)]
    },
  }
}
