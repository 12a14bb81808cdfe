import t from 'tap'
import { digestOf, digestOfUnreadable } from '../../../src/model/block/digest.ts'
import { type Block, blocks, releaseOrdinals } from '../../../src/model/index.ts'
import { mustParseCidr, ordinal } from '../../../src/net/index.ts'
import { blockOf, madeAt } from '../../support/indexed-blocks.ts'

function mustDecode(text: string): Block {
  const decoded = blocks.decode('/calico/ipam/v2/assignment/ipv4/block/10.10.0.8-30', text)
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

/** A valid block of 10.10.0.8/30, with some fields replaced; undefined leaves a field out. */
function blockText(fields: Readonly<Record<string, string | undefined>> = {}): string {
  const all: Readonly<Record<string, string | undefined>> = {
    cidr: '"10.10.0.8/30"',
    affinity: '"host:node1"',
    affinity_claim_time: '"2026-11-23T04:00:00Z"',
    allocations: '[1,null,0,null]',
    unallocated: '[3,1]',
    attributes: '[{"handle_id":"a"},{"releasedAt":"2026-11-23T04:10:00Z"}]',
    sequenceNumber: '1795406400123456789',
    sequenceNumberForAllocation: '{"2":1795406400123456788}',
    deleted: 'false',
    ...fields,
  }
  const members = Object.entries(all).filter(([, text]) => text !== undefined)
  return `{${members.map(([name, text]) => `"${name}":${text}`).join(',')}}`
}

t.test('a digest counts the held addresses by the node of their holders', (t) => {
  const cases: [allocations: string, attributes: string, held: readonly object[]][] = [
    [
      '[0,1,0,2]',
      '[{"secondary":{"node":"a"}},{"secondary":{"node":"b"}},{"handle_id":"h"}]',
      [
        { node: 'a', count: 2 },
        { node: 'b', count: 1 },
        { node: undefined, count: 1 },
      ],
    ],
    ['[0,1,0,1]', '[{"secondary":{"node":"a"}},{"secondary":{"node":"a","pod":"p"}}]', [{ node: 'a', count: 4 }]],
    ['[0,1,0,1]', '[{"releasedAt":"2026-11-23T04:10:00Z"},{"secondary":{"node":"a"}}]', [{ node: 'a', count: 2 }]],
  ]
  for (const [allocations, attributes, held] of cases) {
    const text = blockText({ allocations, attributes, unallocated: '[]' })
    t.strictSame(digestOf(mustDecode(text)).held, held, text)
  }
  t.end()
})

t.test('a digest has what is needed to choose a block', (t) => {
  t.strictSame(digestOf(mustDecode(blockText())), {
    cidr: mustParseCidr('10.10.0.8/30'),
    isReadable: true,
    affinity: 'host:node1',
    claimedAtSeconds: 1795406400,
    sequenceNumber: 1795406400123456789n,
    freeCount: 2,
    free: [
      { first: 1, last: 1 },
      { first: 3, last: 3 },
    ],
    held: [{ node: undefined, count: 1 }],
    hasCooling: true,
    cooling: [{ first: 0, last: 0, releasedAt: 1795407000000000000n }],
    coolingSince: 1795407000000000000n,
    isEmpty: false,
    isAbandoned: false,
  })
  const bare = {
    affinity: 'null',
    affinity_claim_time: undefined,
    allocations: '[null,null,null,null]',
    attributes: 'null',
  }
  t.strictSame(digestOf(mustDecode(blockText(bare))), {
    cidr: mustParseCidr('10.10.0.8/30'),
    isReadable: true,
    affinity: null,
    sequenceNumber: 1795406400123456789n,
    freeCount: 2,
    free: [{ first: 0, last: 3 }],
    held: [],
    hasCooling: false,
    cooling: [],
    coolingSince: undefined,
    isEmpty: true,
    isAbandoned: true,
  })
  t.equal(digestOf(mustDecode(blockText({ attributes: '[{},{}]' }))).hasCooling, false)
  t.end()
})

t.test('a block is empty once its released addresses have cooled down', (t) => {
  const cases: [allocations: string, attributes: string, isEmpty: boolean, isAbandoned: boolean][] = [
    ['[null,null,null,null]', 'null', true, true],
    ['[0,0,null,0]', '[{"handle_id":"Windows-Reserved-IPAM-Handle"}]', true, true],
    ['[0,null,null,null]', '[{"handle_id":"a"}]', false, false],
    ['[0,null,null,null]', '[{"releasedAt":"2026-11-23T04:10:00Z"}]', false, true],
    ['[0,1,null,null]', '[{"releasedAt":"2026-11-23T04:10:00Z"},{"handle_id":"a"}]', false, false],
  ]
  for (const [allocations, attributes, isEmpty, isAbandoned] of cases) {
    const block = mustDecode(blockText({ allocations, attributes, unallocated: '[]' }))
    t.match(digestOf(block), { isEmpty, isAbandoned }, `${allocations} ${attributes}`)
  }
  t.end()
})

t.test('a block is abandoned if no address is held, even while some cool down', (t) => {
  const held = blockOf('10.0.0.0/26', 'host:a', 2)
  const cases: [block: Block, isEmpty: boolean, isAbandoned: boolean][] = [
    [blockOf('10.0.0.0/26', 'host:a'), true, true],
    [held, false, false],
    [releaseOrdinals(held, [ordinal(0)], madeAt, 60).block, false, false],
    [releaseOrdinals(held, [ordinal(0), ordinal(1)], madeAt, 60).block, false, true],
  ]
  for (const [block, isEmpty, isAbandoned] of cases) t.match(digestOf(block), { isEmpty, isAbandoned })
  t.end()
})

t.test('addresses released together are one run, and the first release counts', (t) => {
  const later = '{"releasedAt":"2026-11-23T04:10:01Z"}'
  const earlier = '{"releasedAt":"2026-11-23T04:10:00Z"}'
  const text = blockText({ allocations: '[0,0,1,1]', attributes: `[${later},${earlier}]`, unallocated: '[]' })
  t.match(digestOf(mustDecode(text)), {
    cooling: [
      { first: 0, last: 1, releasedAt: 1795407001000000000n },
      { first: 2, last: 3, releasedAt: 1795407000000000000n },
    ],
    coolingSince: 1795407000000000000n,
  })
  t.end()
})

t.test('a block that cannot be read has nothing to give', (t) => {
  const cidr = mustParseCidr('10.10.0.8/30')
  t.match(digestOfUnreadable(cidr), { cidr, isReadable: false, free: [], coolingSince: undefined, isEmpty: false })
  t.end()
})
