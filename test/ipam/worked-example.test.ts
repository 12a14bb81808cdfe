import t from 'tap'
import { S } from '../support/ipam-world.ts'
import {
  exampleBlock,
  exampleBlockKey,
  exampleWorld,
  takeFirst,
  takeSecond,
  worldBeforeExample,
} from '../support/worked-example.ts'

/** What docs/calico/formats.md section 7 shows, byte for byte: what Calico would leave in etcd, and so must we. */

const handle1 = '/calico/ipam/v2/handle/net1.c1'
const handle2 = '/calico/ipam/v2/handle/net1.c2'
const confirmedClaim = ['/calico/ipam/v2/host/node1/ipv4/block/10.10.0.8-29', '{"state":"confirmed","deleted":false}']

t.test('assigning', (t) => {
  const world = worldBeforeExample()
  t.strictSame(takeFirst(world), ['10.10.0.8', '10.10.0.9'])
  t.strictSame(world.dump('/calico/ipam/'), [
    [
      exampleBlockKey,
      '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[0,0,null,null,null,null,null,null],"unallocated":[2,3,4,5,6,7],"attributes":[{"handle_id":"net1.c1","secondary":{"namespace":"default","node":"node1","pod":"web-0","timestamp":"2026-11-23 04:00:01.5 +0000 UTC"}}],"sequenceNumber":1795406400123456790,"sequenceNumberForAllocation":{"0":1795406400123456789,"1":1795406400123456789},"deleted":false}',
    ],
    [handle1, '{"block":{"10.10.0.8/29":2},"deleted":false}'],
    confirmedClaim,
  ])
  world.passSeconds(4)
  t.strictSame(takeSecond(world), ['10.10.0.10'])
  t.strictSame(world.dump('/calico/ipam/'), [
    [
      exampleBlockKey,
      '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[0,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7],"attributes":[{"handle_id":"net1.c1","secondary":{"namespace":"default","node":"node1","pod":"web-0","timestamp":"2026-11-23 04:00:01.5 +0000 UTC"}},{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456791,"sequenceNumberForAllocation":{"0":1795406400123456789,"1":1795406400123456789,"2":1795406400123456790},"deleted":false}',
    ],
    [handle1, '{"block":{"10.10.0.8/29":2},"deleted":false}'],
    [handle2, '{"block":{"10.10.0.8/29":1},"deleted":false}'],
    confirmedClaim,
  ])
  t.end()
})

t.test('releasing by address', (t) => {
  const world = exampleWorld()
  t.strictSame(world.give('10.10.0.8'), { released: ['10.10.0.8'], unallocated: [], failed: [] })
  t.strictSame(world.dump('/calico/ipam/'), [
    [
      exampleBlockKey,
      '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7,0],"attributes":[{"handle_id":"net1.c1","secondary":{"namespace":"default","node":"node1","pod":"web-0","timestamp":"2026-11-23 04:00:01.5 +0000 UTC"}},{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456792,"sequenceNumberForAllocation":{"1":1795406400123456789,"2":1795406400123456790},"deleted":false}',
    ],
    [handle1, '{"block":{"10.10.0.8/29":1},"deleted":false}'],
    [handle2, '{"block":{"10.10.0.8/29":1},"deleted":false}'],
    confirmedClaim,
  ])
  t.strictSame(world.give({ address: '10.10.0.9', handle: 'net1.c1', sequenceNumber: S }).released, ['10.10.0.9'])
  t.strictSame(world.dump('/calico/ipam/'), [
    [
      exampleBlockKey,
      '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,null,0,null,null,null,null,null],"unallocated":[3,4,5,6,7,0,1],"attributes":[{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456793,"sequenceNumberForAllocation":{"2":1795406400123456790},"deleted":false}',
    ],
    [handle2, '{"block":{"10.10.0.8/29":1},"deleted":false}'],
    confirmedClaim,
  ])
  t.end()
})

t.test('releasing by handle, after which the empty block stays the node’s', (t) => {
  const world = exampleWorld()
  t.match(world.releaseHandle('net1.c1'), { value: { answer: { released: { length: 2 } }, next: undefined } })
  t.match(world.releaseHandle('net1.c2'), { value: { answer: { released: { length: 1 } }, next: undefined } })
  t.strictSame(world.dump('/calico/ipam/'), [
    [
      exampleBlockKey,
      '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,null,null,null,null,null,null,null],"unallocated":[3,4,5,6,7,0,1,2],"attributes":[],"sequenceNumber":1795406400123456793,"sequenceNumberForAllocation":{},"deleted":false}',
    ],
    confirmedClaim,
  ])
  t.end()
})

t.test('releasing the last address after the pool was deleted', (t) => {
  const world = exampleWorld()
  world.give('10.10.0.8', '10.10.0.9')
  // What deleting the pool leaves: the block without affinity, no claim, no pool.
  const text = world.view.text(exampleBlockKey) ?? ''
  world.put(exampleBlockKey, text.replace('"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z"', 'null'))
  world.remove(world.claimKey('node1', exampleBlock))
  world.remove('/calico/resources/v3/projectcalico.org/ippools/pool-a')
  t.equal(world.stored(exampleBlock)?.affinity, null)
  t.strictSame(world.give('10.10.0.10').released, ['10.10.0.10'])
  t.strictSame(world.dump(), [])
  t.end()
})
