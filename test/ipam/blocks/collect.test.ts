import t from 'tap'
import { planCollectCooled, planCollectEmpty, planReadCooldown } from '../../../src/ipam/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import { CheckWorld, now } from '../../support/check-world.ts'
import { keyOfBlock, keyOfClaim } from '../../support/corruption.ts'

const cidr = '10.0.0.0/29'
const config = '/calico/ipam/v2/config'

function cool(world: CheckWorld, there = cidr): string {
  return world.view.apply(planCollectCooled(world.view, mustParseCidr(there), now))
}

function empty(world: CheckWorld, number = now.nanoseconds, there = cidr): string {
  return world.view.apply(planCollectEmpty(world.view, mustParseCidr(there), number, now))
}

function lock(world: CheckWorld): void {
  world.putResource('ClusterInformation', 'clusterinformations', 'default', { datastoreReady: false })
}

t.test('the cooldown is the one of the configuration; nothing is collected without one, or while locked', async (t) => {
  const world = new CheckWorld()
  t.equal(planReadCooldown(world.view).answer, 0)
  world.view.putText(config, '{"ipCooldownSeconds":30}')
  t.equal(planReadCooldown(world.view).answer, 30)
  world.view.putText(config, 'broken')
  t.equal(planReadCooldown(world.view).answer, undefined)
  world.view.remove(config)
  lock(world)
  t.equal(planReadCooldown(world.view).answer, undefined)
})

/** A block in which `a` holds an address, and another one was released at a time. */
function cooling(releasedAt: string): CheckWorld {
  const world = new CheckWorld()
  world.view.putText(config, '{"auto_allocate_blocks":true,"ipCooldownSeconds":60}')
  world.putBlock(cidr, 'a', 'b')
  world.view.remove('/calico/ipam/v2/handle/b')
  world.changeBlock(cidr, ['{"handle_id":"b","secondary":{"node":"node-1"}}', JSON.stringify({ releasedAt })])
  return world
}

t.test('an address whose rest is over is freed, and one that rests is not', async (t) => {
  const world = cooling('2026-11-23T03:58:59Z')
  t.equal(cool(world), 'cooled')
  t.match(world.view.text(keyOfBlock(cidr)), /"unallocated":\[2,3,4,5,6,7,1\].*"sequenceNumber":1795406400000000003,/)
  t.strictSame(await world.summary(), [])
  t.equal(cool(world), 'nothing')
  t.equal(cool(cooling('2026-11-23T03:59:01Z')), 'nothing')
})

t.test('a block that nobody owns goes with its last address', async (t) => {
  const world = cooling('2026-11-23T03:00:00Z')
  world.changeBlock(cidr, ['"host:node-1"', 'null'], ['[0,1,', '[1,1,'])
  t.equal(cool(world), 'cooled')
  t.equal(world.view.text(keyOfBlock(cidr)), undefined)
})

t.test('what cannot be read or must not be changed is left alone', async (t) => {
  const locked = cooling('2026-11-23T03:00:00Z')
  lock(locked)
  t.equal(cool(locked), 'nothing')
  const unclear = cooling('2026-11-23T03:00:00Z')
  unclear.view.putText(config, 'broken')
  t.equal(cool(unclear), 'nothing')
  t.equal(cool(cooling('2026-11-23T03:00:00Z'), '10.0.0.8/29'), 'nothing')
})

/** Two empty blocks of `node-1`. */
function idle(): CheckWorld {
  const world = new CheckWorld()
  world.putBlock(cidr)
  world.putBlock('10.0.0.8/29')
  return world
}

t.test('an empty block goes with its claim, and a node keeps its last one', async (t) => {
  const world = idle()
  t.equal(empty(world), 'released')
  t.equal(world.view.text(keyOfBlock(cidr)), undefined)
  t.equal(world.view.text(keyOfClaim('node-1', cidr)), undefined)
  t.equal(empty(world, now.nanoseconds, '10.0.0.8/29'), 'nothing')
  t.strictSame(await world.summary(), [])
})

t.test('a node that is gone keeps none, and one that is registered its last', async (t) => {
  const world = idle()
  world.putNode('node-2')
  t.equal(empty(world), 'released')
  t.equal(empty(world, now.nanoseconds, '10.0.0.8/29'), 'released')
  const other = new CheckWorld()
  other.putBlock(cidr)
  other.putNode('node-1')
  t.equal(empty(other), 'nothing')
})

t.test('a block that is in use, or was touched, or is not that of a node is kept', async (t) => {
  const used = idle()
  used.putBlock(cidr, 'a')
  t.equal(empty(used, now.nanoseconds + 1n), 'nothing')
  t.equal(empty(idle(), now.nanoseconds - 1n), 'nothing')
  const virtual = idle()
  virtual.changeBlock(cidr, ['"host:node-1"', '"virtual:load-balancer"'])
  t.equal(empty(virtual), 'nothing')
  const nobody = idle()
  nobody.changeBlock(cidr, ['"host:node-1"', 'null'])
  t.equal(empty(nobody), 'nothing')
  const locked = idle()
  lock(locked)
  t.equal(empty(locked), 'nothing')
  t.equal(empty(idle(), now.nanoseconds, '10.0.0.16/29'), 'nothing')
})
