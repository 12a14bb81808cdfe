import t from 'tap'
import type { Finding } from '../../../src/ipam/index.ts'
import { CheckWorld } from '../../support/check-world.ts'
import { keyOfBlock, keyOfClaim } from '../../support/corruption.ts'

const cidr = '10.0.0.0/29'
const holder = '{"handle_id":"a","secondary":{"node":"node-1"}}'
const number = 1_795_406_400_000_000_001n

/** A world in which `a` holds 10.0.0.0, its block changed. */
function changed(...changes: readonly (readonly [string, string])[]): CheckWorld {
  const world = new CheckWorld()
  world.putBlock(cidr, 'a')
  world.changeBlock(cidr, ...changes)
  return world
}

/** What is wrong, and a part of the block's text when it is right again. */
const cases: readonly (readonly [code: string, changes: readonly (readonly [string, string])[], after: string])[] = [
  ['QueueIncomplete', [['[1,2,3,', '[3,']], '"unallocated":[3,4,5,6,7,1,2]'],
  [
    'AttributeUnused',
    [
      ['[0,null', '[1,null'],
      [`[${holder}]`, `[{"handle_id":"z"},${holder}]`],
    ],
    `"allocations":[0,null,null,null,null,null,null,null],"unallocated":[1,2,3,4,5,6,7],"attributes":[${holder}]`,
  ],
  [
    'ReleasedInFuture',
    [
      ['[0,null,', '[0,1,'],
      ['"unallocated":[1,', '"unallocated":['],
      [`[${holder}]`, `[${holder},{"releasedAt":"2026-11-24T04:00:00Z"}]`],
    ],
    `[${holder},{"releasedAt":"2026-11-23T04:00:00Z"}]`,
  ],
  [
    'SequenceNumberAhead',
    [[`{"0":${String(number - 1n)}}`, '{"0":1899000000000000000}']],
    '"sequenceNumber":1899000000000000001,',
  ],
]

for (const [code, changes, after] of cases) {
  t.test(`${code}: the block is as it should be, and its number has grown`, async (t) => {
    const world = changed(...changes)
    const found = await world.only()
    t.equal(found.code, code)
    t.match(world.repair(found), { outcome: 'Repaired' })
    const text = world.view.text(keyOfBlock(cidr)) ?? ''
    t.ok(text.includes(after), text)
    if (code !== 'SequenceNumberAhead') t.ok(text.includes(`"sequenceNumber":${String(number + 1n)},`), text)
    t.strictSame(await world.summary(), [])
    const stored = world.view.revision
    t.match(world.repair(found), { outcome: 'NotFound' })
    t.equal(world.view.revision, stored)
    world.putBlock(cidr)
    t.match(world.repair(found), { outcome: 'NotFound' })
  })
}

t.test('an affinity that names nobody is taken away, and the block with it when it is empty', async (t) => {
  const world = changed(['"host:node-1"', '"nobody"'])
  world.view.remove(keyOfClaim('node-1', cidr))
  const found = await world.only()
  t.match(world.repair(found), { outcome: 'Repaired' })
  t.match(world.view.text(keyOfBlock(cidr)), /"affinity":null/)
  t.match(world.repair(found), { outcome: 'NotFound' })
  world.putBlock(cidr)
  t.match(world.repair(found), { outcome: 'NotFound' })
  world.changeBlock(cidr, ['"host:node-1"', '"nobody"'])
  t.match(world.repair(found), { outcome: 'Repaired' })
  t.equal(world.view.text(keyOfBlock(cidr)), undefined)
})

t.test('an empty block of nobody is deleted, unless it is in use or claimed by then', async (t) => {
  const world = new CheckWorld()
  const empty = (): void => {
    world.putBlock(cidr)
    world.changeBlock(cidr, ['"host:node-1"', 'null'])
    world.view.remove(keyOfClaim('node-1', cidr))
  }
  empty()
  const found = await world.only()
  world.putBlock(cidr)
  t.match(world.repair(found), { outcome: 'NotFound' }, 'claimed')
  empty()
  world.changeBlock(
    cidr,
    ['[null,', '[0,'],
    ['"unallocated":[0,', '"unallocated":['],
    ['"attributes":null', `"attributes":[${holder}]`],
  )
  t.match(world.repair(found), { outcome: 'NotFound' }, 'in use')
  empty()
  t.match(world.repair(found), { outcome: 'Repaired' })
  t.strictSame(world.view.keys('/calico/ipam/'), [])
  t.match(world.repair(found), { outcome: 'NotFound' })
})

t.test('an empty block of nobody is repaired together with a claim on it', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr)
  world.changeBlock(cidr, ['"host:node-1"', 'null'])
  const found = await world.findings()
  t.strictSame(await world.summary(), ['BlockOfNobody 10.0.0.0-29', 'AffinityOfOther 10.0.0.0-29'])
  t.strictSame(
    found.map((one) => world.repair(one).outcome),
    ['Repaired', 'Repaired'],
  )
  t.strictSame(world.view.keys('/calico/ipam/'), [])
})

t.test('a misplaced block is deleted when it is empty, its claim with it', async (t) => {
  for (const there of ['10.9.0.0/29', '10.0.0.0/28']) {
    const world = new CheckWorld()
    world.putBlock(there)
    const found = await world.only()
    world.putBlock(there, 'a')
    t.match(world.repair(found), { outcome: 'Refused', message: /not empty/ })
    world.putBlock(there)
    world.view.putText('/calico/resources/v3/projectcalico.org/ippools/pool-b', 'broken')
    t.match(world.repair(found), { outcome: 'Refused', message: /pool cannot be read/ })
    world.view.remove('/calico/resources/v3/projectcalico.org/ippools/pool-b')
    t.match(world.repair(found), { outcome: 'Repaired' })
    t.strictSame(world.view.keys('/calico/ipam/'), ['/calico/ipam/v2/handle/a'])
    t.match(world.repair(found), { outcome: 'NotFound' })
  }
})

t.test('a misplaced block of nobody is deleted as well, and one whose pool has come is kept', async (t) => {
  const world = new CheckWorld()
  world.putBlock('10.9.0.0/29')
  world.changeBlock('10.9.0.0/29', ['"host:node-1"', 'null'])
  world.view.remove(keyOfClaim('node-1', '10.9.0.0/29'))
  const found = await world.only()
  world.putResource('IPPool', 'ippools', 'pool-9', { cidr: '10.9.0.0/24', blockSize: 29 })
  t.match(world.repair(found), { outcome: 'NotFound' })
  world.view.remove('/calico/resources/v3/projectcalico.org/ippools/pool-9')
  t.match(world.repair(found), { outcome: 'Repaired' })
  t.strictSame(world.view.keys('/calico/ipam/'), [])
})

t.test('addresses of nobody are released', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr, 'a')
  world.view.remove('/calico/ipam/v2/handle/a')
  world.changeBlock(cidr, [holder, '{}'])
  const found = await world.only()
  t.equal(found.repair, 'OnRequest')
  t.match(world.repair(found), { outcome: 'Repaired', message: /^1 address/ })
  t.strictSame(await world.summary(), [])
  t.match(world.repair(found), { outcome: 'NotFound' })
})

/** Many addresses of a node that is gone, beside one of a node that is not. */
async function deserted(): Promise<{ readonly world: CheckWorld; readonly found: Finding }> {
  const world = new CheckWorld()
  world.putResource('IPPool', 'ippools', 'pool-a', { cidr: '10.0.0.0/24', blockSize: 25 })
  world.putBlock('10.0.0.0/25', ...Array.from({ length: 125 }, (_, index) => `a-${index}`), 'staying')
  world.changeBlock('10.0.0.0/25', [
    '{"handle_id":"staying","secondary":{"node":"node-1"}}',
    '{"handle_id":"staying","secondary":{"node":"node-2"}}',
  ])
  world.putNode('node-2')
  return { world, found: await world.only() }
}

t.test('addresses of a node that is gone are released in steps, with what their handles count', async (t) => {
  const { world, found } = await deserted()
  t.match(world.repair(found), { outcome: 'Repaired', message: /^121 /, next: 'the rest' })
  t.strictSame(await world.summary(), ['NodeGone 10.0.0.0-25 node-1'])
  t.match(world.repair(found), { outcome: 'Repaired', message: /^4 /, next: undefined })
  t.strictSame(await world.summary(), [])
  t.strictSame(world.view.keys('/calico/ipam/v2/handle/'), ['/calico/ipam/v2/handle/staying'])
})

t.test('a node that has come back keeps its addresses', async (t) => {
  const { world, found } = await deserted()
  t.match(world.repair({ ...found, subject: undefined }), { outcome: 'NotFound' })
  world.putNode('node-1')
  t.match(world.repair(found), { outcome: 'NotFound' })
  world.view.remove('/calico/resources/v3/projectcalico.org/nodes/node-1')
  world.view.remove('/calico/resources/v3/projectcalico.org/nodes/node-2')
  t.match(world.repair(found), { outcome: 'NotFound' }, 'nobody registers nodes')
})

t.test('a block that is gone, or cannot be read or changed, is left alone', async (t) => {
  const world = changed(['[1,2,3,', '[3,'])
  const found = await world.only()
  t.match(world.repair({ ...found, code: 'BlocksOverlap' }), { outcome: 'Refused' })
  world.view.putText('/calico/ipam/v2/config', 'broken')
  t.match(world.repair(found), { outcome: 'Refused', message: /configuration cannot be read/ })
  world.view.putText(keyOfBlock(cidr), 'broken')
  t.match(world.repair(found), { outcome: 'Refused', message: /block cannot be read/ })
  world.view.remove(keyOfBlock(cidr))
  t.match(world.repair(found), { outcome: 'NotFound' })
})

t.test('a number that cannot grow is left to a person', async (t) => {
  const world = changed([`{"0":${String(number - 1n)}}`, '{"0":18446744073709551615}'])
  t.match(world.repair(await world.only()), { outcome: 'Refused', message: /the highest that there is/ })
})
