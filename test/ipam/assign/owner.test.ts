import t from 'tap'
import { ownerFor } from '../../../src/ipam/assign/owner.ts'

t.test('blocks belong to the node, or to the whole cluster when they are for load balancers, or to nobody', (t) => {
  t.strictSame(ownerFor('node1', undefined), { type: 'host', name: 'node1' })
  t.strictSame(ownerFor('node1', 'Workload'), { type: 'host', name: 'node1' })
  t.strictSame(ownerFor('node1', 'Tunnel'), { type: 'host', name: 'node1' })
  t.strictSame(ownerFor('node1', 'LoadBalancer'), { type: 'virtual', name: 'load-balancer' })
  t.strictSame(ownerFor(undefined, 'LoadBalancer'), { type: 'virtual', name: 'load-balancer' })
  t.equal(ownerFor(undefined, 'Workload'), undefined)
  t.equal(ownerFor(undefined, undefined), undefined)
  t.end()
})
