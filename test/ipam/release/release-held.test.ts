import t from 'tap'
import { type Allocation, planReadHandle, planReleaseHeld } from '../../../src/ipam/index.ts'
import { stepLimits } from '../../../src/plan/index.ts'
import { blockPrefix, World } from '../../support/ipam-world.ts'

/** A world where `h` holds the first address of each of so many blocks, and what it holds. */
function wideWorld(blockCount: number, attributes: Readonly<Record<string, string>> = {}) {
  const world = new World()
  world.pool('a', '10.0.0.0/16', { blockSize: 30 })
  const addresses = Array.from({ length: blockCount }, (_, block) => `10.0.${block >> 6}.${(block & 63) * 4}`)
  world.take({ addresses, attributes })
  return { world, held: readHeld(world) }
}

function readHeld(world: World): readonly Allocation[] {
  const read = planReadHandle(world.view, 'h', world.context).answer
  return read.ok ? read.value.addresses : []
}

/** Carries out one step; undefined when it is refused. */
function step(world: World, held: readonly Allocation[]): readonly Allocation[] | undefined {
  world.view.reads.clear()
  const left = world.commit(planReleaseHeld(world.view, 'h', held, world.context))
  return left.ok ? left.value : undefined
}

t.test('addresses in many blocks are released step by step, each step within a transaction', (t) => {
  const { world, held } = wideWorld(300)
  let steps = 0
  for (let left: readonly Allocation[] | undefined = held.slice(1); left !== undefined && left.length > 0; steps++) {
    left = step(world, left)
    t.ok(world.lastReads.size <= stepLimits.keys, `${world.lastReads.size} keys`)
  }
  t.equal(steps, 3)
  t.strictSame(readHeld(world), held.slice(0, 1))
  t.equal(world.counts('h'), '{"10.0.0.0/30":1}')
  t.end()
})

t.test('a step ends with the bytes that it may write, and deals with one block at the least', (t) => {
  const { world, held } = wideWorld(8, { large: 'x'.repeat(150_000) })
  // Each block keeps an address, and with it the attributes.
  const beside = held.map((_, block) => `10.0.0.${block * 4 + 1}`)
  world.take({ handle: 'other', addresses: beside, attributes: { large: 'y'.repeat(150_000) } })
  const left = step(world, held)
  t.equal(left?.length, 5)
  const wide: Record<string, number> = {}
  for (let block = 0; block < 40_000; block++) wide[`10.200.${block >> 6}.${(block & 63) * 4}/30`] = 1
  world.handle('h', { ...wide, '10.0.0.28/30': 1 })
  t.equal(step(world, left ?? [])?.length, 4, 'the handle alone is larger')
  t.end()
})

t.test('nothing is released while the cluster is locked, or of a block that cannot be read', (t) => {
  const { world, held } = wideWorld(2)
  const key = `${blockPrefix}10.0.0.4-30`
  const block = world.view.text(key) ?? ''
  world.put(key, '{')
  const before = world.dump()
  t.equal(step(world, held), undefined)
  world.put(key, block)
  world.lockCluster()
  t.equal(step(world, held), undefined)
  t.equal(world.dump().length, before.length + 1)
  t.end()
})
