import t from 'tap'
import { CheckWorld } from '../../support/check-world.ts'
import { keyOfClaim } from '../../support/corruption.ts'

const cidr = '10.0.0.0/29'

t.test('a claim and its block agree, also in the ways of old Calico', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr)
  t.strictSame(await world.summary(), [])
  world.view.putText(keyOfClaim('node-1', cidr), '')
  world.view.putText('/calico/ipam/v2/host/node-1', '')
  t.strictSame(await world.summary(), [])
})

t.test('a claim that is not complete', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr)
  for (const state of ['pending', 'pendingDeletion']) {
    world.view.putText(keyOfClaim('node-1', cidr), JSON.stringify({ state }))
    t.match(await world.only(), { code: 'AffinityUnfinished', message: new RegExp(state) })
  }
})

t.test('a claim without a block, and one on a block of another', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr)
  world.view.putText(keyOfClaim('node-2', '10.0.0.8/29'), '{"state":"confirmed"}')
  world.view.putText('/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.0.0.0-29', '{"state":"confirmed"}')
  t.strictSame(await world.summary(), ['AffinityWithoutBlock 10.0.0.8-29', 'AffinityOfOther 10.0.0.0-29'])
})

t.test('a block whose owner has no claim on it', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr)
  world.view.remove(keyOfClaim('node-1', cidr))
  t.match(await world.only(), { code: 'AffinityMissing', key: keyOfClaim('node-1', cidr), revision: 0n })
})

t.test('what is no claim, and what cannot be read', async (t) => {
  const world = new CheckWorld()
  world.view.putText('/calico/ipam/v2/host/node-1/nonsense', '{}')
  world.view.putText(keyOfClaim('node-1', '10.0.0.8/29'), '{"state":"lost"}')
  world.view.putText('/calico/ipam/v2/virtual/load-balancer', '')
  t.strictSame(await world.summary(), ['Unreadable 10.0.0.8-29', 'Unreadable nonsense', 'Unreadable load-balancer'])
})

t.test('nothing is said of claims on a block that cannot be read', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr)
  world.changeBlock(cidr, ['"cidr"', '"cider"'])
  t.strictSame(await world.summary(), ['Unreadable 10.0.0.0-29'])
})
