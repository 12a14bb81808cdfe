import fc from 'fast-check'
import t from 'tap'
import { formatBlockPath, parseBlockPath } from '../../../src/model/block/index.ts'
import {
  type Block,
  blockKey,
  blocks,
  isBlockEmpty,
  isStorable,
  isWindowsReserved,
  parseBlockKey,
} from '../../../src/model/index.ts'
import { formatCidr, mustParseCidr, ordinal } from '../../../src/net/index.ts'
import { anyBlock } from '../../support/random-blocks.ts'

const key = '/calico/ipam/v2/assignment/ipv4/block/10.10.0.8-29'

function mustDecode(text: string, ofKey = key): Block {
  const decoded = blocks.decode(ofKey, text)
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

const smallKey = '/calico/ipam/v2/assignment/ipv4/block/10.10.0.8-30'

t.test('the key names the block', (t) => {
  const cases: [cidr: string, text: string][] = [
    ['10.10.0.8/29', key],
    ['fd00::40/122', '/calico/ipam/v2/assignment/ipv6/block/fd00::40-122'],
  ]
  for (const [cidr, text] of cases) {
    const made = blockKey(mustParseCidr(cidr))
    t.equal(made.text, text)
    t.equal(made.family, blocks)
    t.ok(text.startsWith(blocks.prefix))
    const parsed = parseBlockKey(text)
    t.equal(parsed && formatCidr(parsed), cidr)
  }
  for (const wrong of ['/calico/ipam/v2/host/n/ipv4/block/10.10.0.8-29', `${key}0`, blocks.prefix]) {
    t.equal(parseBlockKey(wrong), undefined, wrong)
    t.match(blocks.decode(wrong, blockText()), { ok: false, problem: /not the key of a block$/ })
  }
  t.end()
})

t.test('what Calico wrote comes back byte for byte', (t) => {
  const texts: [key: string, text: string][] = [
    [
      key,
      '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,null,null,null,null,null,null,null],"unallocated":[0,1,2,3,4,5,6,7],"attributes":null,"sequenceNumber":1795406400123456789,"sequenceNumberForAllocation":{},"deleted":false}',
    ],
    [
      '/calico/ipam/v2/assignment/ipv4/block/10.10.0.16-28',
      '{"cidr":"10.10.0.16/28","affinity":"host:win1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[0,0,0,null,null,null,null,null,null,null,null,null,null,null,null,0],"unallocated":[3,4,5,6,7,8,9,10,11,12,13,14],"attributes":[{"handle_id":"windows-reserved-ipam-handle","secondary":{"note":"windows host rsvd"}}],"sequenceNumber":1795406400123456789,"sequenceNumberForAllocation":{},"deleted":false}',
    ],
    [
      key,
      '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[0,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7],"attributes":[{"handle_id":"net1.c1","secondary":{"namespace":"default","node":"node1","pod":"web-0","timestamp":"2026-11-23 04:00:01.5 +0000 UTC"}},{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456791,"sequenceNumberForAllocation":{"0":1795406400123456789,"1":1795406400123456789,"2":1795406400123456790},"deleted":false}',
    ],
    [smallKey, blockText()],
    [smallKey, blockText({ affinity: 'null', affinity_claim_time: undefined, hostAffinity: '"node1"' })],
    [smallKey, blockText({ allocations: '[null,null,null,null]', unallocated: '[]', attributes: '[]' })],
    [smallKey, blockText({ sequenceNumber: '18446744073709551615', later: '{"x":[1.0]}' })],
    [
      '/calico/ipam/v2/assignment/ipv6/block/fd00::40-127',
      '{"cidr":"fd00::40/127","affinity":null,"allocations":[null,null],"unallocated":[1,0],"attributes":[],"sequenceNumber":0,"sequenceNumberForAllocation":{},"deleted":false}',
    ],
  ]
  for (const [key, text] of texts) t.equal(blocks.encode(mustDecode(text, key)), text)
  t.end()
})

t.test('ordinals are sorted as text where Go does so', (t) => {
  const cidr = mustParseCidr('10.10.0.16/28')
  const places = Array.from({ length: 16 }, (_, place) => ordinal(place))
  const block: Block = {
    cidr,
    affinity: null,
    allocations: places.map(() => 0),
    unallocated: [],
    attributes: [{}],
    sequenceNumber: 9n,
    sequenceNumberForAllocation: places.map(() => 8n),
    deleted: false,
    unknownFields: {},
  }
  const names = ['0', '1', '10', '11', '12', '13', '14', '15', '2', '3', '4', '5', '6', '7', '8', '9']
  t.match(blocks.encode(block), `"sequenceNumberForAllocation":{${names.map((name) => `"${name}":8`).join(',')}}`)
  t.end()
})

t.test('older and unusual spellings are read, and written as they are written today', (t) => {
  const plain = blockText()
  const cases: [name: string, before: string, after: string][] = [
    ['any case of names', plain.replace('"cidr"', '"CIDR"').replace('sequenceNumber"', 'sequencenumber"'), plain],
    [
      'no numbers',
      blockText({ sequenceNumber: undefined, sequenceNumberForAllocation: undefined }),
      blockText({ sequenceNumber: '0', sequenceNumberForAllocation: '{}' }),
    ],
    [
      'null numbers',
      blockText({ sequenceNumberForAllocation: 'null' }),
      blockText({ sequenceNumberForAllocation: '{}' }),
    ],
    ['no deleted', blockText({ deleted: undefined }), plain],
    ['no affinity', blockText({ affinity: undefined }), blockText({ affinity: 'null' })],
    ['null claim time', blockText({ affinity_claim_time: 'null' }), blockText({ affinity_claim_time: undefined })],
    ['null queue', blockText({ unallocated: 'null' }), blockText({ unallocated: '[]' })],
    [
      'numbers of free ordinals',
      blockText({ sequenceNumberForAllocation: '{"3":7}' }),
      blockText({ sequenceNumberForAllocation: '{"3":7}' }),
    ],
    ['an early field', `{"strictAffinity":false,${plain.slice(1)}`, `${plain.slice(0, -1)},"strictAffinity":false}`],
  ]
  for (const [name, before, after] of cases) t.equal(blocks.encode(mustDecode(before, smallKey)), after, name)
  t.end()
})

t.test('a single address without a prefix is a block of one', (t) => {
  const text = '{"cidr":"10.0.0.1","affinity":null,"allocations":[null],"unallocated":[0],"attributes":null}'
  const block = mustDecode(text, '/calico/ipam/v2/assignment/ipv4/block/10.0.0.1-32')
  t.equal(formatCidr(block.cidr), '10.0.0.1/32')
  t.end()
})

t.test('a block that contradicts itself, or is of the wrong form, is a problem', (t) => {
  const cases: [fields: Readonly<Record<string, string | undefined>>, problem: string][] = [
    [{ cidr: '"10.10.0.8/29"' }, 'cidr: expected 10.10.0.8/30, as in the key, found "10.10.0.8/29"'],
    [{ cidr: '"10.10.0.9/30"' }, 'cidr: expected 10.10.0.8/30, as in the key, found "10.10.0.9/30"'],
    [{ cidr: '"ten"' }, 'cidr: expected 10.10.0.8/30, as in the key, found "ten"'],
    [{ cidr: undefined }, 'cidr: expected 10.10.0.8/30, as in the key, found ""'],
    [{ cidr: '7' }, 'cidr: expected a string, found 7'],
    [{ affinity: '7' }, 'affinity: expected a string, found 7'],
    [
      { affinity_claim_time: '"noon"' },
      'affinity_claim_time: expected a time such as 2026-11-23T04:00:00Z, found "noon"',
    ],
    [{ allocations: undefined }, 'allocations: 0 entries for the 4 addresses of 10.10.0.8/30'],
    [{ allocations: '[1,null,0]' }, 'allocations: 3 entries for the 4 addresses of 10.10.0.8/30'],
    [{ allocations: '[1,null,0,null,null]' }, 'allocations: 5 entries for the 4 addresses of 10.10.0.8/30'],
    [{ allocations: '{}' }, 'allocations: expected an array, found an object'],
    [{ allocations: '[2,null,0,null]' }, 'allocations[0]: 2 is no index of the 2 attributes'],
    [{ attributes: 'null' }, 'allocations[0]: 1 is no index of the 0 attributes'],
    [{ allocations: '[-1,null,0,null]' }, 'allocations[0]: expected a whole number from 0 up, found -1'],
    [{ allocations: '[1,null,"0",null]' }, 'allocations[2]: expected a whole number from 0 up, found "0"'],
    [{ unallocated: '[3,4]' }, 'unallocated[1]: 4 is no ordinal of 10.10.0.8/30'],
    [{ unallocated: '[3,1.5]' }, 'unallocated[1]: expected a whole number from 0 up, found 1.5'],
    [{ unallocated: '[3,1,0]' }, 'unallocated[2]: 0 is allocated'],
    [{ unallocated: '[3,1,3]' }, 'unallocated[2]: 3 is queued twice'],
    [{ attributes: '{}' }, 'attributes: expected an array, found an object'],
    [{ attributes: '[{},[]]' }, 'attributes[1]: expected an object, found an array'],
    [{ sequenceNumber: '-1' }, 'sequenceNumber: expected a whole number from 0 to 2^64 - 1, found -1'],
    [{ sequenceNumberForAllocation: '{"4":1}' }, 'sequenceNumberForAllocation: 4 is no ordinal of 10.10.0.8/30'],
    [
      { sequenceNumberForAllocation: '{"02":1}' },
      'sequenceNumberForAllocation: expected ordinals as names, found "02"',
    ],
    [
      { sequenceNumberForAllocation: '{"2":"1"}' },
      'sequenceNumberForAllocation.2: expected a whole number from 0 to 2^64 - 1, found "1"',
    ],
    [{ deleted: '"false"' }, 'deleted: expected true or false, found "false"'],
    [{ hostAffinity: '1' }, 'hostAffinity: expected a string, found 1'],
  ]
  t.equal(blocks.decode(smallKey, blockText()).ok, true, 'the valid neighbour')
  for (const [fields, problem] of cases)
    t.strictSame(blocks.decode(smallKey, blockText(fields)), { ok: false, problem }, problem)
  for (const text of ['', 'null', '[]', '{"cidr"']) t.equal(blocks.decode(smallKey, text).ok, false, text)
  t.end()
})

t.test('a block that could not be read again is never written', (t) => {
  const block = mustDecode(blockText(), smallKey)
  t.throws(() => blocks.encode({ ...block, unallocated: [ordinal(0)] }), /0 is allocated/)
  t.throws(() => blocks.encode({ ...block, attributes: [] }), /no index/)
  t.end()
})

t.test('a block is empty if none of its addresses is held', (t) => {
  const cases: [allocations: string, attributes: string, want: boolean][] = [
    ['[null,null,null,null]', 'null', true],
    ['[null,null,null,null]', '[]', true],
    ['[0,0,null,0]', '[{"handle_id":"Windows-Reserved-IPAM-Handle"}]', true],
    ['[0,1,null,0]', '[{"handle_id":"windows-reserved-ipam-handle"},{"handle_id":"a"}]', false],
    ['[0,null,null,null]', '[{"handle_id":"a"}]', false],
    ['[0,null,null,null]', '[{}]', false],
    ['[0,null,null,null]', '[{"releasedAt":"2026-11-23T04:10:00Z"}]', false],
  ]
  for (const [allocations, attributes, want] of cases) {
    const block = mustDecode(blockText({ allocations, attributes, unallocated: '[]' }), smallKey)
    t.equal(isBlockEmpty(block), want, `${allocations} ${attributes}`)
  }
  t.end()
})

t.test('any block comes back as it was', (t) => {
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(anyBlock, (block) => {
        const { family, text: key } = blockKey(block.cidr)
        const written = family.encode(block)
        const read = mustDecode(written, key)
        return t.same(read, block) && family.encode(read) === written
      }),
    )
  })
  t.end()
})

t.test('addresses that Windows hosts reserve are known by their handle, in any spelling', (t) => {
  t.ok(isWindowsReserved('windows-reserved-ipam-handle'))
  t.ok(isWindowsReserved('Windows-Reserved-IPAM-Handle'))
  t.notOk(isWindowsReserved('windows-reserved-ipam-handle-2'))
  t.notOk(isWindowsReserved(undefined))
  t.end()
})

t.test('a block is storable as long as its text leaves room for what is written with it', (t) => {
  const blockWith = (attributes: readonly string[]): Block =>
    mustDecode(
      blockText({
        allocations: '[0,1,null,null]',
        attributes: `[${attributes.map((text) => `{"secondary":{"a":"${text}"}}`).join(',')}]`,
        unallocated: '[2,3]',
      }),
      smallKey,
    )
  t.ok(isStorable(blockWith(['a', 'b'])))
  t.ok(isStorable(blockWith(['a'.repeat(599_000), 'b'.repeat(599_000)])))
  t.notOk(isStorable(blockWith(['a'.repeat(601_000), 'b'.repeat(600_000)])))
  t.notOk(isStorable(blockWith(['é'.repeat(301_000), 'é'.repeat(300_000)])), 'bytes count, not characters')
  t.notOk(isStorable(blockWith(['<'.repeat(101_000), '<'.repeat(100_000)])), 'as they are stored')
  t.ok(isStorable({ ...blockWith(['a', 'b']), attributes: null, allocations: [null, null, null, null] }))
  t.end()
})

const paths = [
  ['10.10.0.8/29', 'ipv4/block/10.10.0.8-29'],
  ['10.0.0.1/32', 'ipv4/block/10.0.0.1-32'],
  ['fd00::40/122', 'ipv6/block/fd00::40-122'],
  ['fd00:1:2:3::/122', 'ipv6/block/fd00:1:2:3::-122'],
  ['::/116', 'ipv6/block/::-116'],
] as const

t.test('a block is written into a key with a dash', (t) => {
  for (const [cidr, path] of paths) {
    t.equal(formatBlockPath(mustParseCidr(cidr)), path)
    const parsed = parseBlockPath(path)
    t.equal(parsed && formatCidr(parsed), cidr)
  }
  t.end()
})

t.test('another spelling of the same block is refused', (t) => {
  const wrong = [
    'ipv4/block/10.10.0.9-29',
    'ipv6/block/10.10.0.8-29',
    'ipv4/block/10.10.0.8',
    'ipv4/block/10.10.0.8-33',
    'ipv4/block/010.10.0.8-29',
    'ipv4/block/10-10-0-8-29',
    'ipv4/10.10.0.8-29',
    'ipv4/block/10.10.0.8/29',
    'ipv4/block/',
    'ipv6/block/FD00::40-122',
    'ipv6/block/fd00:0::40-122',
    'ipv6/block/::ffff:10.0.0.0-122',
    '',
  ]
  for (const path of wrong) t.equal(parseBlockPath(path), undefined, path)
  t.end()
})

t.test('a new block leads without addresses, and a block that was there does not', (t) => {
  const taken = mustDecode(blockText({ attributes: '[{"handle_id":"a"},{"handle_id":"b"}]' }), smallKey)
  const empty = mustDecode(
    blockText({
      allocations: '[null,null,null,null]',
      unallocated: '[0,1,2,3]',
      attributes: 'null',
      sequenceNumber: '1795406400123456788',
      sequenceNumberForAllocation: '{}',
    }),
    smallKey,
  )
  const lead = blocks.lead?.(undefined, taken)
  t.equal(lead && blocks.encode(lead), blocks.encode(empty))
  t.equal(blocks.lead?.(undefined, empty), undefined, 'it is written as it is')
  t.equal(blocks.lead?.(empty, taken), undefined)
  t.equal(blocks.lead?.(taken, undefined), undefined)
  t.equal(blocks.lead?.(undefined, undefined), undefined)
  t.end()
})

t.test('what a Windows host keeps of a new block is there from the beginning', (t) => {
  const attributes = '[{"handle_id":"windows-reserved-ipam-handle"},{"handle_id":"a"}]'
  const fields = { attributes, unallocated: '[3]', sequenceNumberForAllocation: '{"1":1795406400123456788}' }
  const taken = mustDecode(blockText({ ...fields, allocations: '[0,1,0,null]' }), smallKey)
  const lead = blocks.lead?.(undefined, taken)
  t.strictSame(lead?.allocations, [0, null, 0, null])
  t.strictSame(lead?.unallocated, [1, 3].map(ordinal))
  t.ok(lead && isBlockEmpty(lead))
  t.doesNotThrow(() => lead && blocks.encode(lead))
  t.end()
})
