import type { Random } from '../../faults/random.ts'
import { addressIn, type Labels, scenarioPools } from './cluster.ts'
import type { NaiveWish } from './naive-rules.ts'

/** A request for one of these nodes, or for none. */
export function randomWish(random: Random, handle: string, nodes: readonly string[]): NaiveWish {
  const node = random.below(10) === 0 ? {} : { node: random.pick(nodes) }
  const partial = random.below(4) === 0
  if (random.below(6) === 0) return { handle, ...node, partial, addresses: randomAddresses(random) }
  const ipv6 = random.below(3) === 0 ? 1 + random.below(2) : 0
  const ipv4 = ipv6 > 0 && random.below(2) === 0 ? 0 : 1 + random.below(random.below(8) === 0 ? 14 : 3)
  const pools = ipv6 === 0 && random.below(5) === 0 ? random.pick([['p-manual'], ['p-manual', 'p-a'], ['p-bc']]) : []
  return {
    handle,
    ...node,
    ipv4,
    ipv6,
    partial,
    pools,
    ...(random.below(8) === 0 ? { use: 'Tunnel' } : {}),
    ...(random.below(5) === 0 ? { maxBlocksPerNode: 1 + random.below(2) } : {}),
    ...(random.below(3) === 0 ? { attributes: { tenant: random.pick(['blue', 'red']) } } : {}),
  }
}

/** Other labels for a node. */
export function randomLabels(random: Random): Labels {
  const rack = random.pick(['r1', 'r2', 'r9'])
  return random.below(8) === 0 ? { rack } : { zone: random.pick(['a', 'b', 'c']), rack }
}

function randomAddresses(random: Random): readonly string[] {
  if (random.below(20) === 0) return ['10.99.0.1']
  const addresses = Array.from({ length: 1 + random.below(3) }, () => {
    const pool = random.pick(scenarioPools)
    return addressIn(pool, random.below(pool.size))
  })
  return [...new Set(addresses)]
}
