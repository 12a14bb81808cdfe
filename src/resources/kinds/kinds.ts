import { type BlockIndex, blocks as blockFamily } from '../../model/index.ts'
import type { ServedKind, StoredObject } from '../kind.ts'
import { blockaffinityKind } from './blockaffinity.ts'
import { ipamconfigurationKind } from './ipamconfiguration.ts'
import type { PoolDependencies } from './ippool-termination.ts'
import { ippoolKind } from './ippool.ts'
import { ipreservationKind } from './ipreservation.ts'
import { nodeKind } from './node.ts'

/** All kinds that are served. */
export function resourceKinds(blocks: BlockIndex): readonly ServedKind<StoredObject>[] {
  return [ippoolKind(poolDependencies(blocks)), ipreservationKind, ipamconfigurationKind, nodeKind, blockaffinityKind]
}

/** Answers the questions that pools have about blocks, from the index of blocks. */
export function poolDependencies(blocks: BlockIndex): PoolDependencies {
  return {
    blocksIn: (cidr) => [...blocks.overlapping(cidr)],
    proveBlocks: (view) => {
      view.consult(blockFamily, 'created')
    },
  }
}
