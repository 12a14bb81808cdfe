import t from 'tap'
import {
  type Block,
  blockKey,
  clearAffinity,
  BlockIndex,
  hasAvailable,
  type Availability,
  type IndexedBlock,
  newBlock,
  releaseOrdinals,
} from '../../../src/model/index.ts'
import {
  blockAt,
  blockCount,
  type Cidr,
  CidrSet,
  formatCidr,
  mustParseAddress,
  mustParseCidr,
  ordinal,
} from '../../../src/net/index.ts'
import { blockOf, cidrsOf, madeAt, size, store } from '../../support/indexed-blocks.ts'
import { isAll } from '../../support/volume.ts'

const second = 1_000_000_000n
const nothingReserved = CidrSet.of([])
const anyTime: Availability = { reserved: nothingReserved, cooledBefore: madeAt.nanoseconds }

function full(cidr: string | Cidr, affinity: string | null): Block {
  return blockOf(cidr, affinity, 4096)
}

function remove(index: BlockIndex, cidr: string): void {
  index.changed(blockKey(mustParseCidr(cidr)).text, { kind: 'absent' })
}

function firstOf<Item>(items: Iterable<Item>): Item | undefined {
  for (const item of items) return item
  return undefined
}

const pool = mustParseCidr('10.0.0.0/24')
const of26 = size(4, 26)

interface Summary {
  readonly all: readonly string[]
  readonly open: readonly string[]
  readonly ofA: readonly string[]
  readonly ofNobody: readonly string[]
  readonly vacant: readonly string[]
}

/** Everything that the index says of the test's pool. */
function summary(index: BlockIndex, terms = anyTime): Summary {
  return {
    all: cidrsOf(index.overlapping(pool)),
    open: cidrsOf(index.open(pool, of26, terms)),
    ofA: cidrsOf(index.openWithAffinity(pool, of26, 'host:a', terms)),
    ofNobody: cidrsOf(index.openWithAffinity(pool, of26, null, terms)),
    vacant: [...index.vacant(pool, of26, 0n, terms.reserved)].map(formatCidr),
  }
}

const [first, second26, third, fourth] = ['10.0.0.0/26', '10.0.0.64/26', '10.0.0.128/26', '10.0.0.192/26'] as const

t.test('a block is found by its pool and its affinity while it has addresses to give', (t) => {
  const index = new BlockIndex()
  t.strictSame(summary(index), { all: [], open: [], ofA: [], ofNobody: [], vacant: [first, second26, third, fourth] })

  store(
    index,
    blockOf(second26, 'host:a', 63),
    full(first, 'host:a'),
    blockOf(fourth, null, 1),
    blockOf(third, 'host:b'),
  )
  t.strictSame(summary(index), {
    all: [first, second26, third, fourth],
    open: [second26, third, fourth],
    ofA: [second26],
    ofNobody: [fourth],
    vacant: [],
  })

  store(index, full(second26, 'host:a'), blockOf(first, 'host:a', 10))
  t.strictSame(summary(index), {
    all: [first, second26, third, fourth],
    open: [first, third, fourth],
    ofA: [first],
    ofNobody: [fourth],
    vacant: [],
  })

  store(index, clearAffinity(blockOf(first, 'host:a', 10)), blockOf(third, 'host:a'))
  t.strictSame(summary(index), {
    all: [first, second26, third, fourth],
    open: [first, third, fourth],
    ofA: [third],
    ofNobody: [first, fourth],
    vacant: [],
  })

  for (const cidr of [first, second26, third, third]) remove(index, cidr)
  t.strictSame(summary(index), {
    all: [fourth],
    open: [fourth],
    ofA: [],
    ofNobody: [fourth],
    vacant: [first, second26, third],
  })
  t.end()
})

t.test('a block that is stored again and again keeps its place in the index', (t) => {
  const index = new BlockIndex()
  for (let heldCount = 0; heldCount < 64; heldCount++) store(index, blockOf(first, 'host:a', heldCount))
  t.strictSame(summary(index).ofA, [first])
  t.strictSame(summary(index).all, [first])
  store(index, full(first, 'host:a'), full(first, 'host:a'))
  t.strictSame(summary(index).ofA, [])
  t.end()
})

t.test('a block of another size is found, and without a walk if no block has another size', (t) => {
  const index = new BlockIndex()
  const find = (cidr: string): readonly string[] => cidrsOf([index.ofOtherSize(mustParseCidr(cidr)) ?? []].flat())
  store(index, full('10.0.0.0/26', null))
  t.strictSame(['10.0.0.0/26', '10.0.0.64/28'].map(find), [[], []], 'the block itself, and beside it')
  for (const cidr of ['10.0.0.0/28', '10.0.0.48/28', '10.0.0.0/25']) t.strictSame(find(cidr), ['10.0.0.0/26'], cidr)
  store(index, full('10.0.1.0/28', null), full('fd00::/122', null))
  t.strictSame([find('10.0.0.0/26'), find('10.0.1.0/26')], [[], ['10.0.1.0/28']], 'there is one elsewhere')
  remove(index, '10.0.1.0/28')
  t.strictSame([find('10.0.1.0/26'), find('fd00::/120')], [[], ['fd00::/122']])
  t.end()
})

t.test('the digest of a block is found by its key', (t) => {
  const index = new BlockIndex()
  store(index, blockOf(first, 'host:a', 3))
  const entry = index.entry(blockKey(mustParseCidr(first)).text)
  t.match(entry, {
    affinity: 'host:a',
    freeCount: 61,
    isEmpty: false,
    isAbandoned: false,
    free: [{ first: 3, last: 63 }],
  })
  t.equal(entry?.coolingSince, undefined)
  t.equal(index.entry(blockKey(mustParseCidr(second26)).text), undefined)
  t.end()
})

t.test('addresses that cool down are known run by run, with the time of their release', (t) => {
  const index = new BlockIndex()
  const release = (block: Block, places: readonly number[], seconds: bigint): Block =>
    releaseOrdinals(block, places.map(ordinal), { nanoseconds: madeAt.nanoseconds + seconds * second }, 60).block
  const once = release(blockOf(first, 'host:a', 10), [2, 3, 8], 1n)
  const twice = release(once, [4], 2n)
  store(index, twice)
  const cooling = (): unknown => index.entry(blockKey(mustParseCidr(first)).text)?.cooling
  t.strictSame(cooling(), [
    { first: 2, last: 3, releasedAt: madeAt.nanoseconds + second },
    { first: 4, last: 4, releasedAt: madeAt.nanoseconds + 2n * second },
    { first: 8, last: 8, releasedAt: madeAt.nanoseconds + second },
  ])
  const untimely = (twice.attributes ?? []).map((attribute) =>
    attribute.releasedAt === undefined ? attribute : { ...attribute, releasedAt: 'never' },
  )
  store(index, { ...twice, attributes: untimely })
  t.match(cooling(), [{ first: 2, releasedAt: undefined }, { first: 4 }, { first: 8 }])
  store(index, blockOf(first, 'host:a', 64))
  t.strictSame(cooling(), [])
  t.end()
})

t.test('blocks are walked through from anywhere, IPv4 first', (t) => {
  const index = new BlockIndex()
  const all = ['10.0.0.0/26', '10.0.0.128/26', 'fd00::/122', 'fd00::40/122']
  store(index, ...[...all].reverse().map((cidr) => blockOf(cidr, null, 1)))
  t.strictSame(cidrsOf(index.after()), all)
  t.strictSame(cidrsOf(index.after(mustParseCidr('10.0.0.64/26'))), all.slice(1))
  t.strictSame(cidrsOf(index.after(mustParseCidr('10.0.0.128/26'))), all.slice(2))
  t.strictSame(cidrsOf(index.after(mustParseCidr('fd00::/122'))), all.slice(3))
  t.end()
})

t.test('a block that cannot be read occupies its CIDR and has nothing to give', (t) => {
  const index = new BlockIndex()
  store(index, blockOf(first, 'host:a'))
  index.changed(blockKey(mustParseCidr(first)).text, { kind: 'unreadable' })
  t.strictSame(summary(index), {
    all: [first],
    open: [],
    ofA: [],
    ofNobody: [],
    vacant: [second26, third, fourth],
  })
  store(index, blockOf(first, 'host:a'))
  t.strictSame(summary(index).ofA, [first])
  t.end()
})

t.test('a key that is no block key is ignored', (t) => {
  const index = new BlockIndex()
  for (const key of ['/calico/ipam/v2/assignment/ipv4/block/10.0.0.1-26', '/calico/ipam/v2/config']) {
    index.changed(key, { kind: 'unreadable' })
  }
  t.strictSame(summary(index).all, [])
  t.end()
})

t.test('families do not mix', (t) => {
  const index = new BlockIndex()
  store(index, blockOf('::a00:0/122', 'host:a'), blockOf(first, 'host:a'))
  t.strictSame(summary(index).all, [first])
  t.strictSame(summary(index).ofA, [first])
  t.strictSame(cidrsOf(index.openWithAffinity(mustParseCidr('::/64'), size(6, 122), 'host:a', anyTime)), [
    '::a00:0/122',
  ])
  t.end()
})

t.test('a block of another size, or one that extends beyond the pool, is found but has nothing to choose', (t) => {
  const index = new BlockIndex()
  store(index, blockOf('10.0.0.0/25', null), blockOf('10.0.0.128/27', 'host:a'), blockOf(fourth, 'host:a'))
  const found = summary(index)
  t.strictSame(found.all, ['10.0.0.0/25', '10.0.0.128/27', fourth])
  t.strictSame(found.open, [fourth])
  t.strictSame(found.ofA, [fourth])
  t.strictSame(found.ofNobody, [])

  const around = new BlockIndex()
  store(around, blockOf('10.0.0.0/22', null))
  t.strictSame(summary(around).all, ['10.0.0.0/22'])
  t.strictSame(summary(around).open, [])
  t.end()
})

t.test('the block that contains an address is found whatever its size', (t) => {
  const index = new BlockIndex()
  store(index, blockOf('10.0.0.0/20', null), blockOf('10.0.16.0/32', null))
  const cases: [address: string, want: string | undefined][] = [
    ['9.255.255.255', undefined],
    ['10.0.0.0', '10.0.0.0/20'],
    ['10.0.15.255', '10.0.0.0/20'],
    ['10.0.16.0', '10.0.16.0/32'],
    ['10.0.16.1', undefined],
    ['::a00:0', undefined],
  ]
  for (const [address, want] of cases) {
    const found = index.containing(mustParseAddress(address))
    t.equal(found && formatCidr(found.cidr), want, address)
  }
  t.end()
})

t.test('a block whose free addresses are all reserved has nothing to give', (t) => {
  const index = new BlockIndex()
  const held = blockOf(first, 'host:a', 62)
  store(index, held)
  const cases: [reserved: readonly string[], want: boolean][] = [
    [[], true],
    [['10.0.0.62/32'], true],
    [['10.0.0.63/32'], true],
    [['10.0.0.62/31'], false],
    [['10.0.0.62/32', '10.0.0.63/32'], false],
    [['10.0.0.0/24'], false],
    [['10.0.0.0/27'], true],
  ]
  for (const [reserved, want] of cases) {
    const terms = { ...anyTime, reserved: CidrSet.of(reserved.map(mustParseCidr)) }
    t.equal(summary(index, terms).open.length === 1, want, reserved.join(' '))
    t.equal(summary(index, terms).ofA.length === 1, want, reserved.join(' '))
  }
  t.end()
})

t.test('free addresses are looked at one run after the other', (t) => {
  const index = new BlockIndex()
  const held = full('10.0.0.0/29', null)
  store(index, releaseOrdinals(held, [1, 2, 5, 7].map(ordinal), madeAt, 0).block)
  t.strictSame(index.entry(blockKey(held.cidr).text)?.free, [
    { first: 1, last: 2 },
    { first: 5, last: 5 },
    { first: 7, last: 7 },
  ])
  const reserved = ['10.0.0.1', '10.0.0.2', '10.0.0.5'].map((address) => mustParseCidr(`${address}/32`))
  t.equal(cidrsOf(index.open(pool, size(4, 29), { ...anyTime, reserved: CidrSet.of(reserved) })).length, 1)
  const all = CidrSet.of([...reserved, mustParseCidr('10.0.0.7/32')])
  t.equal(cidrsOf(index.open(pool, size(4, 29), { ...anyTime, reserved: all })).length, 0)
  t.end()
})

t.test('a full block is open again once the first of its released addresses has cooled down', (t) => {
  const index = new BlockIndex()
  const earlier = releaseOrdinals(full(first, 'host:a'), [ordinal(5)], madeAt, 60).block
  const later = { nanoseconds: madeAt.nanoseconds + 10n * second }
  store(index, releaseOrdinals(earlier, [ordinal(3)], later, 60).block)
  const cases: [cooledBefore: bigint, want: readonly string[]][] = [
    [madeAt.nanoseconds - 60n * second, []],
    [madeAt.nanoseconds, []],
    [madeAt.nanoseconds + 1n, [first]],
    [madeAt.nanoseconds + 60n * second, [first]],
  ]
  for (const [cooledBefore, want] of cases) {
    const terms = { reserved: nothingReserved, cooledBefore }
    t.strictSame(summary(index, terms).open, want, String(cooledBefore))
    t.strictSame(summary(index, terms).ofA, want, String(cooledBefore))
  }
  store(index, full(first, 'host:a'))
  t.strictSame(summary(index).open, [])
  t.end()
})

t.test('vacant CIDRs begin at the given block, wrap at the end of the pool, and come once', (t) => {
  const index = new BlockIndex()
  const vacantFrom = (start: bigint): readonly string[] =>
    [...index.vacant(pool, of26, start, nothingReserved)].map(formatCidr)
  t.strictSame(vacantFrom(0n), [first, second26, third, fourth])
  t.strictSame(vacantFrom(2n), [third, fourth, first, second26])
  t.strictSame(vacantFrom(3n), [fourth, first, second26, third])
  store(index, blockOf(third, null))
  t.strictSame(vacantFrom(2n), [fourth, first, second26])
  store(index, blockOf(fourth, null), blockOf(first, null))
  t.strictSame(vacantFrom(3n), [second26])
  store(index, blockOf(second26, null))
  t.strictSame(vacantFrom(1n), [])
  t.end()
})

t.test('a pool smaller than a block has no vacant CIDR', (t) => {
  const index = new BlockIndex()
  t.strictSame([...index.vacant(mustParseCidr('10.0.0.0/28'), of26, 0n, nothingReserved)], [])
  t.strictSame([...index.vacant(mustParseCidr(first), of26, 0n, nothingReserved)].map(formatCidr), [first])
  t.end()
})

t.test('a block of another size does not make a CIDR taken: the caller has to check', (t) => {
  const index = new BlockIndex()
  store(index, blockOf('10.0.0.0/25', null), blockOf('10.0.0.192/28', null))
  t.strictSame(summary(index).vacant, [first, second26, third, fourth])
  t.strictSame(cidrsOf(index.overlapping(mustParseCidr(second26))), ['10.0.0.0/25'])
  t.end()
})

t.test('entirely reserved CIDRs are not vacant, partly reserved ones are', (t) => {
  const index = new BlockIndex()
  const cases: [reserved: readonly string[], want: readonly string[]][] = [
    [['10.0.0.64/26'], [first, third, fourth]],
    [
      ['10.0.0.64/27', '10.0.0.96/27'],
      [first, third, fourth],
    ],
    [
      ['10.0.0.64/27', '10.0.0.96/28'],
      [first, second26, third, fourth],
    ],
    [
      ['10.0.0.0/25', '10.0.0.128/27'],
      [third, fourth],
    ],
    [
      ['10.0.0.1/32', '10.0.0.128/25'],
      [first, second26],
    ],
    [['10.0.0.0/8'], []],
    [
      ['10.0.0.32/27', '10.0.0.64/26'],
      [first, third, fourth],
    ],
  ]
  for (const [reserved, want] of cases) {
    const terms = { ...anyTime, reserved: CidrSet.of(reserved.map(mustParseCidr)) }
    t.strictSame(summary(index, terms).vacant, want, reserved.join(' '))
  }
  t.end()
})

t.test('a reserved range of 2^57 blocks is skipped in one step', (t) => {
  const index = new BlockIndex()
  const wide = mustParseCidr('fd00:10::/64')
  const reserved = CidrSet.of([mustParseCidr('fd00:10::/65')])
  // Walking 2^57 blocks would never end.
  const found = firstOf(index.vacant(wide, size(6, 122), 5n, reserved))
  t.equal(found && formatCidr(found), 'fd00:10:0:0:8000::/122')
  const nothing = firstOf(index.vacant(wide, size(6, 122), 5n, CidrSet.of([wide])))
  t.equal(nothing, undefined)
  t.end()
})

t.test('of very many blocks, all but one of them full, the vacant CIDR is found without walking them', (t) => {
  const index = new BlockIndex()
  const wide = mustParseCidr(isAll ? '10.0.0.0/14' : '10.0.0.0/16')
  const of32 = size(4, 32)
  const count = blockCount(wide, of32)
  t.equal(count, isAll ? 262_144n : 65_536n)
  const vacant = 50_000n
  const held = full('10.0.0.0/32', 'host:a')
  for (let number = 0n; number < count; number++) {
    // What arrives at start comes in the order of the keys' texts, not of the addresses: here every other one from the end.
    const cidr = blockAt(wide, of32, number % 2n === 0n ? number : count - number)
    if (number !== vacant) store(index, { ...held, cidr })
  }
  // A reservation is looked up once for each CIDR that is considered.
  let consideredCount = 0
  const reserved = CidrSet.of([])
  reserved.lastOfRunAt = () => {
    consideredCount++
    return undefined
  }
  const found = [...index.vacant(wide, of32, vacant + 1n, reserved)]
  t.strictSame(found, [blockAt(wide, of32, vacant)])
  t.equal(consideredCount, 1)
  t.equal(firstOf(index.open(wide, of32, anyTime)), undefined)
  t.strictSame(cidrsOf(index.overlapping(mustParseCidr('10.0.1.0/31'))), ['10.0.1.0/32', '10.0.1.1/32'])

  store(index, newBlock(blockAt(wide, of32, 40_001n), null, madeAt))
  t.strictSame(cidrsOf(index.open(wide, of32, anyTime)), cidrsOf([{ cidr: blockAt(wide, of32, 40_001n) }]))
  t.end()
})

t.test(
  'the index learns the same from a text as from the decoded block, unless the text must be decoded first',
  (t) => {
    const held = full('10.0.0.0/26', 'host:a')
    const blocksHeld = [
      newBlock(mustParseCidr('10.0.0.64/26'), null, madeAt),
      held,
      releaseOrdinals(held, [ordinal(1), ordinal(2), ordinal(4)], madeAt, 60).block,
      releaseOrdinals(held, [ordinal(1), ordinal(2), ordinal(4)], madeAt, 0).block,
      clearAffinity(held),
    ]
    const [byText, byValue] = [new BlockIndex(), new BlockIndex()]
    for (const block of blocksHeld) {
      const { text: key, family } = blockKey(block.cidr)
      const { changes } = byText
      t.equal(byText.changedText(key, family.encode(block)), true)
      t.not(byText.changes, changes)
      store(byValue, block)
      t.strictSame(byText.entry(key), byValue.entry(key))
      t.strictSame(summary(byText), summary(byValue))
    }
    const { text: key, family } = blockKey(held.cidr)
    const { changes } = byText
    for (const text of [family.encode(held).replace('{', '{ '), 'nothing'])
      t.equal(byText.changedText(key, text), false, text)
    t.equal(byText.changes, changes, 'nothing is taken over')
    t.strictSame(byText.entry(key), byValue.entry(key))
    t.end()
  },
)

t.test('a digest is enough to see if a block has an available address', (t) => {
  const entry: IndexedBlock = {
    cidr: mustParseCidr('10.0.0.0/30'),
    affinity: null,
    freeCount: 1,
    isEmpty: false,
    sequenceNumber: 0n,
    held: [{ node: undefined, count: 1 }],
    hasCooling: false,
    isReadable: true,
    free: [{ first: 2, last: 2 }],
    cooling: [],
    coolingSince: undefined,
    isAbandoned: false,
  }
  const reserved = CidrSet.of([mustParseCidr('10.0.0.2/32')])
  t.equal(hasAvailable(entry, anyTime), true)
  t.equal(hasAvailable({ ...entry, free: [] }, anyTime), false)
  t.equal(hasAvailable(entry, { ...anyTime, reserved }), false)
  t.equal(hasAvailable({ ...entry, coolingSince: madeAt.nanoseconds - 1n }, { ...anyTime, reserved }), true)
  t.equal(hasAvailable({ ...entry, coolingSince: madeAt.nanoseconds }, { ...anyTime, reserved }), false)
  t.end()
})
