import { World } from './ipam-world.ts'

/** The block of docs/calico/formats.md section 7, and the key that it is stored under. */
export const exampleBlock = '10.10.0.8/29'
export const exampleBlockKey = '/calico/ipam/v2/assignment/ipv4/block/10.10.0.8-29'

/** The pool of the example. The claim that a stopped client has left decides for its block. */
export function worldBeforeExample(): World {
  const world = new World()
  world.pool('pool-a', '10.10.0.0/24', { blockSize: 29 })
  world.claim('node1', exampleBlock, 'pending')
  return world
}

/** The first step of the example: two addresses for `net1.c1`. */
export function takeFirst(world: World): readonly string[] {
  const attributes = { timestamp: '2026-11-23 04:00:01.5 +0000 UTC', pod: 'web-0', namespace: 'default' }
  return world.take({ handle: 'net1.c1', node: 'node1', ipv4: 2, attributes })
}

/** The second step: one address for `net1.c2`. */
export function takeSecond(world: World): readonly string[] {
  const attributes = { namespace: 'default', pod: 'web-1', timestamp: '2026-11-23 04:00:05.25 +0000 UTC' }
  return world.take({ handle: 'net1.c2', node: 'node1', attributes })
}

/** The example as it is before the release. */
export function exampleWorld(): World {
  const world = worldBeforeExample()
  takeFirst(world)
  takeSecond(world)
  return world
}
