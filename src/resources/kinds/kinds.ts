import type { AdminWays } from '../../access/index.ts'
import type { BlockIndex } from '../../model/index.ts'
import type { ServedKind, StoredObject } from '../kind.ts'
import { accesspolicyKind } from './accesspolicy.ts'
import { accesstokenKind } from './accesstoken.ts'
import { blockaffinityKind } from './blockaffinity.ts'
import { clusterinformationKind } from './clusterinformation.ts'
import { ipamblockKind } from './ipamblock.ts'
import { ipamconfigurationKind } from './ipamconfiguration.ts'
import { ipamhandleKind } from './ipamhandle.ts'
import { ippoolKind } from './ippool.ts'
import { ipreservationKind } from './ipreservation.ts'
import { nodeKind } from './node.ts'

/**
 * Returns all kinds that are served. `blocks` is the index that is kept beside the image; `admins` knows the ways to be an admin, unless
 * every caller is one.
 */
export function resourceKinds(blocks: BlockIndex, admins?: AdminWays): readonly ServedKind<StoredObject>[] {
  const kinds: readonly ServedKind<StoredObject>[] = [
    ippoolKind(blocks),
    ipreservationKind,
    ipamconfigurationKind,
    nodeKind(blocks),
    blockaffinityKind,
    ipamblockKind,
    ipamhandleKind,
    clusterinformationKind,
    accesstokenKind(admins),
  ]
  const plurals = kinds.map(({ plural }) => plural)
  return [...kinds, accesspolicyKind([...plurals, 'accesspolicies'])]
}
