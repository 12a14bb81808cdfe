import type { Owner, PoolUse } from '../../model/index.ts'

/** Who a block becomes affine to when a request claims it; undefined: nobody. @see docs/calico/ipam.md section 6.6 */
export function ownerFor(node: string | undefined, use: PoolUse | undefined): Owner | undefined {
  if (use === 'LoadBalancer') return { type: 'virtual', name: 'load-balancer' }
  return node === undefined ? undefined : { type: 'host', name: node }
}
