import t from 'tap'
import { newFinding } from '../../../src/ipam/check/finding.ts'
import { CheckWorld } from '../../support/check-world.ts'
import { keyOfBlock, keyOfClaim } from '../../support/corruption.ts'

const cidr = '10.0.0.0/29'
const claim = keyOfClaim('node-1', cidr)
const handleA = '/calico/ipam/v2/handle/a'

/** A world in which `a` holds two addresses, after `change`. */
function changed(change: (world: CheckWorld) => void): CheckWorld {
  const world = new CheckWorld()
  world.putBlock(cidr, 'a', 'a')
  change(world)
  return world
}

/** What makes each fault, and what makes it vanish before it is repaired. */
const cases: readonly (readonly [
  code: string,
  plant: (world: CheckWorld) => void,
  heal: (world: CheckWorld) => void,
])[] = [
  ['HandleMissing', (world) => world.view.remove(handleA), (world) => world.putHandle('a', { [cidr]: 2 })],
  ['HandleCountTooLow', (world) => world.putHandle('a', { [cidr]: 1 }), (world) => world.putHandle('a', { [cidr]: 2 })],
  [
    'HandleCountTooHigh',
    (world) => world.putHandle('a', { [cidr]: 3 }),
    (world) => world.putHandle('a', { [cidr]: 2 }),
  ],
  [
    'HandleWithoutAddresses',
    (world) => world.putHandle('b', {}),
    (world) => world.view.remove('/calico/ipam/v2/handle/b'),
  ],
  [
    'HandleWithoutAddresses',
    (world) => world.putHandle('b', { [cidr]: 1 }),
    (world) => world.putHandle('b', { [cidr]: 1 }),
  ],
  [
    'HandleBlockMissing',
    (world) => world.putHandle('b', { nonsense: 1 }),
    (world) => world.view.remove('/calico/ipam/v2/handle/b'),
  ],
  [
    'HandleBlockMissing',
    (world) => world.putHandle('a', { [cidr]: 2, '10.0.0.8/29': 1 }),
    (world) => world.putHandle('a', { [cidr]: 2 }),
  ],
  [
    'AffinityMissing',
    (world) => world.view.remove(claim),
    (world) => world.view.putText(claim, '{"state":"confirmed"}'),
  ],
  [
    'AffinityUnfinished',
    (world) => world.view.putText(claim, '{"state":"pending"}'),
    (world) => world.view.putText(claim, '{}'),
  ],
  [
    'AffinityOfOther',
    (world) => world.view.putText(keyOfClaim('node-2', cidr), '{}'),
    (world) => world.view.remove(keyOfClaim('node-2', cidr)),
  ],
  [
    'AffinityWithoutBlock',
    (world) => world.view.putText(keyOfClaim('node-2', '10.0.0.8/29'), '{"state":"pending"}'),
    (world) => world.view.remove(keyOfClaim('node-2', '10.0.0.8/29')),
  ],
]

for (const [index, [code, plant, heal]] of cases.entries()) {
  t.test(`${code} is repaired, and left alone when it has vanished (case ${index})`, async (t) => {
    const world = changed(plant)
    const found = await world.only()
    t.equal(found.code, code)
    t.match(world.repair(found), { outcome: 'Repaired', message: /\.$/ })
    t.strictSame(await world.summary(), [])
    t.match(world.repair(found), { outcome: 'NotFound' }, 'it is not repaired twice')

    const healing = changed(plant)
    const before = await healing.only()
    heal(healing)
    const stored = healing.view.revision
    t.match(healing.repair(before), { outcome: 'NotFound' })
    t.equal(healing.view.revision, stored, 'nothing is written')
  })
}

t.test('a claim that is found on a block just made is left to whoever makes it', async (t) => {
  const world = changed((world) => world.view.putText(keyOfClaim('node-1', '10.0.0.8/29'), '{"state":"pending"}'))
  const found = await world.only()
  const text = world.view.text(keyOfClaim('node-1', '10.0.0.8/29'))
  world.view.putText(keyOfBlock('10.0.0.8/29'), world.view.text(keyOfBlock(cidr))?.replace(cidr, '10.0.0.8/29') ?? '')
  t.match(world.repair(found), { outcome: 'NotFound' })
  t.equal(world.view.text(keyOfClaim('node-1', '10.0.0.8/29')), text)
})

t.test('a claim that was confirmed without being found missing is left alone', async (t) => {
  const world = changed((world) => world.view.remove(claim))
  const found = await world.only()
  world.changeBlock(cidr, ['"host:node-1"', 'null'])
  t.match(world.repair(found), { outcome: 'NotFound' }, 'the block has another owner')
  world.view.remove(keyOfBlock(cidr))
  t.match(world.repair(found), { outcome: 'NotFound' }, 'the block is gone')
})

t.test('what cannot be read is left alone', async (t) => {
  const world = changed((world) => world.putHandle('a', { [cidr]: 1 }))
  const found = await world.only()
  world.view.putText(keyOfBlock(cidr), 'broken')
  t.match(world.repair(found), { outcome: 'Refused', message: /block cannot be read/ })
  world.view.putText(handleA, 'broken')
  t.match(world.repair(found), { outcome: 'Refused', message: /handle cannot be read/ })

  const other = changed((world) => world.view.remove(claim))
  const missing = await other.only()
  other.view.putText(keyOfBlock(cidr), 'broken')
  t.match(other.repair(missing), { outcome: 'Refused', message: /block cannot be read/ })
  other.view.putText(claim, 'broken')
  t.match(other.repair(missing), { outcome: 'Refused', message: /affinity cannot be read/ })
})

t.test(
  'what nobody but a person can decide is refused, and so is everything while the cluster is locked',
  async (t) => {
    const world = changed((world) => world.putHandle('a', { [cidr]: 1 }))
    const found = await world.only()
    t.match(world.repair({ ...found, repair: 'None' }), { outcome: 'Refused' })
    t.match(world.repair(newFinding('HandleMissing', { key: '/elsewhere', revision: 0n }, '.')), { outcome: 'Refused' })
    world.putResource('ClusterInformation', 'clusterinformations', 'default', { datastoreReady: false })
    t.match(world.repair(found), { outcome: 'Refused', message: /locked/ })
  },
)

t.test('a finding about a block goes to the repairs of blocks', async (t) => {
  const world = changed((world) => world.changeBlock(cidr, ['"unallocated":[2,', '"unallocated":[']))
  t.match(world.repair(await world.only()), { outcome: 'Repaired' })
})

t.test('a handle that is empty by now is deleted only when that was found', async (t) => {
  const world = changed((world) => world.putHandle('b', {}))
  const found = await world.only()
  t.match(world.repair({ ...found, code: 'HandleMissing', revision: 0n, subject: cidr }), { outcome: 'NotFound' })
  const revision = world.view.putText('/calico/ipam/v2/handle/b', JSON.stringify({ block: { [cidr]: 1 } }))
  t.match(world.repair({ ...found, revision }), { outcome: 'NotFound' })
})

t.test('no affinity is written for a node that is not registered while others are', async (t) => {
  for (const state of [undefined, '{"state":"pending"}']) {
    const world = changed((world) => {
      if (state === undefined) world.view.remove(claim)
      else world.view.putText(claim, state)
    })
    const found = await world.only()
    world.putNode('node-2')
    t.match(world.repair(found), { outcome: 'Refused', message: /node-1 is not registered/ })
    t.equal(world.view.text(claim), state)
    world.putNode('node-1')
    t.match(world.repair(found), { outcome: 'Repaired' })
  }
})
