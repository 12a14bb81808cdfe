import { type BlockIndex, blockKey, blocks as blockFamily } from '../model/index.ts'
import { type Address, blockOf, type Cidr } from '../net/index.ts'
import type { View } from '../plan/index.ts'
import { poolOf, type Pools } from './surroundings.ts'

/**
 * Where the block of an address is stored: by the block size of its pool, be that disabled, unless only a block of another size is
 * known to be there; outside of all pools, wherever a block that contains it is. Undefined when there can be none.
 * @see docs/calico/ipam.md section 5.1, step 2
 */
export function locateBlock(view: View, pools: Pools, address: Address, blocks: BlockIndex): Cidr | undefined {
  const pool = poolOf(pools, address)
  if (pool === undefined) {
    view.consult(blockFamily)
    return blocks.containing(address)?.cidr
  }
  const cidr = blockOf(address, pool.blockSize)
  return blocks.entry(blockKey(cidr).text)?.cidr ?? blocks.containing(address)?.cidr ?? cidr
}
