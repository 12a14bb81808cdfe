import t from 'tap'
import { countByHandle, isFuture, placeOf } from '../../../src/ipam/check/block-findings.ts'
import { readCheckTerms } from '../../../src/ipam/index.ts'
import { assignAutomatically, newBlock, releaseOrdinals } from '../../../src/model/index.ts'
import { mustParseCidr, ordinal } from '../../../src/net/index.ts'
import { CheckWorld, now } from '../../support/check-world.ts'
import { keyOfBlock, keyOfClaim } from '../../support/corruption.ts'

const cidr = '10.0.0.0/29'
const holder = '{"handle_id":"a","secondary":{"node":"node-1"}}'

t.test('a block that is all right has no findings, empty or not', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr, 'a', 'b', 'a')
  world.putBlock('10.0.0.8/29')
  t.strictSame(await world.summary(), [])
})

/** What is changed in a block in which `a` holds the first address, and what is found. */
const cases: readonly (readonly [
  claim: string,
  changes: readonly (readonly [string, string])[],
  expected: RegExp | undefined,
])[] = [
  ['an owner that is none', [['"host:node-1"', '"node-1"']], /^BlockOwnerInvalid .*"node-1" names no owner/],
  ['a free address that is not queued', [['[1,2,', '[2,']], /^QueueIncomplete 10\.0\.0\.1 is neither/],
  [
    'many free addresses that are not queued',
    [['[1,2,3,4,5,6,7]', '[]']],
    /^QueueIncomplete 10\.0\.0\.1, 10\.0\.0\.2, .*10\.0\.0\.7 are neither/,
  ],
  ['an attribute of nobody', [[`[${holder}]`, `[${holder},{"handle_id":"z"}]`]], /^AttributeUnused .* index 1;/],
  [
    'a release in the future',
    [
      ['[0,null,', '[0,1,'],
      ['"unallocated":[1,', '"unallocated":['],
      [`[${holder}]`, `[${holder},{"releasedAt":"2026-11-23T04:01:01Z"}]`],
    ],
    /^ReleasedInFuture .*2026-11-23T04:01:01Z, and it is 2026-11-23T04:00:00Z/,
  ],
  [
    'a release within what clocks may differ by',
    [
      ['[0,null,', '[0,1,'],
      ['"unallocated":[1,', '"unallocated":['],
      [`[${holder}]`, `[${holder},{"releasedAt":"2026-11-23T04:01:00Z"}]`],
    ],
    undefined,
  ],
  [
    'numbers that the block has yet to reach',
    [
      ['[0,null,null,', '[0,0,0,'],
      ['"unallocated":[1,2,', '"unallocated":['],
      [
        '"sequenceNumberForAllocation":{"0":1795406400000000000}',
        '"sequenceNumberForAllocation":{"0":1795406400000000002,"1":1795406400000000007,"2":1795406400000000003}',
      ],
    ],
    /^SequenceNumberAhead .*1795406400000000007/,
  ],
  [
    'a number of a free address, whatever it is',
    [['{"0":1795406400000000000}', '{"0":1795406400000000000,"3":9795406400000000000}']],
    undefined,
  ],
  ['an address of nobody', [[holder, '{}']], /^OwnerUnknown 10\.0\.0\.0 is assigned, and the holder/],
  ['a handle that cannot be a key', [['"a"', '"a/b"']], /^HandleNameInvalid "a\/b"/],
]

for (const [claim, changes, expected] of cases) {
  t.test(claim, async (t) => {
    const world = new CheckWorld()
    world.putBlock(cidr, 'a')
    world.changeBlock(cidr, ...changes)
    const found = (await world.findings()).filter(({ key }) => key.includes('/assignment/'))
    if (expected === undefined) t.strictSame(found, [])
    else
      t.match(
        found.map(({ code, message }) => `${code} ${message}`),
        [expected],
      )
    t.equal(found.length, expected === undefined ? 0 : 1)
  })
}

t.test('a block in no pool, and one of another size, can be repaired when they are empty', async (t) => {
  for (const [there, code] of [
    ['10.9.0.0/29', 'BlockOutsidePools'],
    ['10.0.0.0/28', 'BlockSizeWrong'],
    ['10.0.0.0/23', 'BlockSizeWrong'],
  ] as const) {
    const world = new CheckWorld()
    world.putBlock(there)
    t.match(await world.only(), { code, repair: 'Default', message: /It is empty/ }, there)
    world.putBlock(there, 'a')
    t.match(await world.only(), { code, repair: 'None', message: /when its addresses are released/ }, there)
    world.putBlock(there)
    world.view.putText('/calico/resources/v3/projectcalico.org/ippools/pool-b', 'broken')
    t.match((await world.findings())[1], { code, repair: 'None' }, 'it may lie in the pool that cannot be read')
  }
})

t.test('an empty block of nobody, unless addresses of it are in use or cool down', async (t) => {
  const world = new CheckWorld()
  const emptied = (...holders: readonly string[]): void => {
    world.putBlock(cidr, ...holders)
    world.changeBlock(cidr, ['"host:node-1"', 'null'])
    world.view.remove(keyOfClaim('node-1', cidr))
  }
  emptied()
  t.match(await world.only(), { code: 'BlockOfNobody', repair: 'Default', key: keyOfBlock(cidr) })
  emptied('a')
  t.strictSame(await world.summary(), [])
  world.changeBlock(cidr, [holder, '{"releasedAt":"2026-11-23T04:00:00Z"}'])
  world.view.remove('/calico/ipam/v2/handle/a')
  t.strictSame(await world.summary(), [])
})

t.test('of pools that overlap, one that fits is enough', async (t) => {
  const world = new CheckWorld()
  world.putResource('IPPool', 'ippools', 'pool-b', { cidr: '10.0.0.0/25', blockSize: 28 })
  const { pools } = await readCheckTerms(world.source, now)
  t.equal(placeOf(mustParseCidr('10.0.0.0/28'), pools).kind, 'right')
  t.equal(placeOf(mustParseCidr('10.0.0.0/29'), pools).kind, 'right')
  t.match(placeOf(mustParseCidr('10.0.0.128/28'), pools), { kind: 'wrong size', pool: { name: 'pool-a' } })
})

t.test('a block of any size may be right in a pool whose block size cannot be used', async (t) => {
  for (const blockSize of [1e9, 9, '29']) {
    const world = new CheckWorld()
    world.putResource('IPPool', 'ippools', 'pool-b', { cidr: '10.64.0.0/10', blockSize })
    world.putBlock('10.64.0.0/29')
    world.putBlock('10.64.1.0/26', 'a')
    t.match(await world.only(), { code: 'PoolFieldInvalid', subject: 'blockSize', repair: 'None' }, String(blockSize))
  }
})

t.test('addresses of a node that is not registered, unless nobody registers nodes', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr, 'a', 'b')
  t.strictSame(await world.summary(), [])
  world.putNode('node-2')
  t.match(await world.only(), {
    code: 'NodeGone',
    subject: 'node-1',
    message: /10\.0\.0\.0, 10\.0\.0\.1 are assigned for/,
  })
  world.putNode('node-1')
  t.strictSame(await world.summary(), [])
})

t.test('neither Windows nor a virtual owner nor what cools down needs a node', async (t) => {
  const world = new CheckWorld()
  world.putNode('node-2')
  world.putBlock(cidr, 'a')
  world.changeBlock(cidr, ['"a"', '"Windows-Reserved-IPAM-Handle"'])
  world.putBlock('10.0.0.8/29', 'b')
  world.changeBlock('10.0.0.8/29', ['"host:node-1"', '"virtual:load-balancer"'])
  world.putBlock('10.0.0.16/29', 'c')
  world.changeBlock('10.0.0.16/29', ['{"handle_id":"c",', '{"releasedAt":"2026-11-23T04:00:00Z",'])
  world.putBlock('10.0.0.24/29', 'd')
  world.changeBlock('10.0.0.24/29', [',"secondary":{"node":"node-1"}', ''])
  // An attribute that nobody has says nothing of anybody.
  world.putBlock('10.0.0.32/29')
  world.changeBlock('10.0.0.32/29', ['"attributes":null', '"attributes":[{"secondary":{"node":"node-9"}}]'])
  t.notOk((await world.findings()).some(({ code }) => code === 'NodeGone'))
})

t.test('an address in two blocks is told of the later one', async (t) => {
  const world = new CheckWorld()
  world.putBlock(cidr, 'a', 'b')
  world.putBlock('10.0.0.0/30', 'c')
  const shared = (await world.findings()).find(({ code }) => code === 'AddressInTwoBlocks')
  t.match(shared, { subject: cidr, message: /^10\.0\.0\.0 is assigned here and in 10\.0\.0\.0\/29/ })
  world.putBlock('10.0.0.0/30')
  t.notOk((await world.findings()).some(({ code }) => code === 'AddressInTwoBlocks'))
})

t.test('what is no time is not in the future', async (t) => {
  t.notOk(isFuture('tomorrow', now))
})

t.test('a message names a few addresses of many', async (t) => {
  const world = new CheckWorld()
  world.putResource('IPPool', 'ippools', 'pool-a', { cidr: '10.0.0.0/24', blockSize: 26 })
  world.putBlock('10.0.0.0/26')
  world.changeBlock('10.0.0.0/26', [
    /"unallocated":\[.*?\]/.exec(world.view.text('/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26') ?? '')?.[0] ?? '',
    '"unallocated":[]',
  ])
  t.match((await world.only()).message, /10\.0\.0\.7 and 56 more are neither/)
})

t.test('handles are counted by what they hold: not what cools down, has none, or belongs to Windows', async (t) => {
  let block = newBlock(mustParseCidr('10.0.0.0/29'), null, now)
  for (const handle of ['a', 'b\rold', 'a', undefined, 'Windows-Reserved-IPAM-Handle', 'cooling']) {
    block = assignAutomatically(block, 1, () => false, { handle }).block
  }
  block = releaseOrdinals(block, [ordinal(5)], now, 60).block
  t.strictSame(
    [...countByHandle(block)],
    [
      ['a', 2],
      ['b', 1],
    ],
  )
  t.strictSame([...countByHandle(newBlock(block.cidr, null, now))], [])
})
