import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { outlineOf } from '../../../src/model/block/outline.ts'
import {
  type Block,
  blockKey,
  blocks,
  BlockIndex,
  type IndexedBlock,
  assignOrdinal,
  newBlock,
  releaseOrdinals,
  reserveForHost,
} from '../../../src/model/index.ts'
import { mustParseCidr, ordinal } from '../../../src/net/index.ts'
import { madeAt } from '../../support/indexed-blocks.ts'
import { mutation } from '../../support/mutated-json.ts'
import { anyBlock, usualBlock } from '../../support/random-blocks.ts'

const cidr = mustParseCidr('10.10.0.8/30')
const key = blockKey(cidr).text

/** The fields of a valid block of 10.10.0.8/30, as texts. */
const usual: Readonly<Record<string, string>> = {
  cidr: '"10.10.0.8/30"',
  affinity: '"host:node1"',
  affinity_claim_time: '"2026-11-23T04:00:00Z"',
  allocations: '[1,null,0,null]',
  unallocated: '[3,1]',
  attributes: '[{"handle_id":"a","secondary":{"node":"node1"}},{"releasedAt":"2026-11-23T04:10:00Z"}]',
  sequenceNumber: '1795406400123456789',
  sequenceNumberForAllocation: '{"2":1795406400123456788}',
  deleted: 'false',
}

/** Its text with some fields replaced; undefined leaves a field out. */
function blockText(fields: Readonly<Record<string, string | undefined>> = {}): string {
  const members = Object.entries({ ...usual, ...fields }).filter(([, text]) => text !== undefined)
  return `{${members.map(([name, text]) => `"${name}":${text}`).join(',')}}`
}

/** What the index knows of a block that was decoded; undefined for one that cannot be. */
function decoded(key: string, text: string): IndexedBlock | undefined {
  const decoded = blocks.decode(key, text)
  if (!decoded.ok) return undefined
  const index = new BlockIndex()
  index.changed(key, { kind: 'value', value: decoded.value })
  return index.entry(key)
}

/** What it knows of the text alone; undefined when it leaves the text to decoding. */
function scanned(key: string, text: string): IndexedBlock | undefined {
  const index = new BlockIndex()
  return index.changedText(key, text) ? index.entry(key) : undefined
}

t.test('an outline has the parts of its block, without the handles', (t) => {
  t.strictSame(outlineOf(key, blockText()), {
    cidr,
    affinity: 'host:node1',
    affinityClaimTime: '2026-11-23T04:00:00Z',
    allocations: [1, null, 0, null],
    unallocated: [3, 1],
    attributes: [{ active: { node: 'node1' } }, { releasedAt: '2026-11-23T04:10:00Z' }],
    sequenceNumber: 1795406400123456789n,
  })
  const bare = {
    affinity: 'null',
    affinity_claim_time: undefined,
    allocations: '[null,null,null,null]',
    attributes: 'null',
    sequenceNumberForAllocation: '{}',
  }
  t.strictSame(outlineOf(key, blockText(bare)), {
    cidr,
    affinity: null,
    allocations: [null, null, null, null],
    unallocated: [3, 1],
    attributes: null,
    sequenceNumber: 1795406400123456789n,
  })
  const windows = {
    allocations: '[0,0,1,2]',
    unallocated: '[]',
    attributes:
      '[{"handle_id":"Windows-Reserved-IPAM-Handle"},{"handle_id":"windows-reserved-ipam-handlf"},{"handle_id":"windows-reserved-ipam-handle","releasedAt":"2026-11-23T04:10:00Z"}]',
  }
  t.strictSame(outlineOf(key, blockText(windows))?.attributes, [
    { handle: 'windows-reserved-ipam-handle' },
    {},
    { handle: 'windows-reserved-ipam-handle', releasedAt: '2026-11-23T04:10:00Z' },
  ])
  t.end()
})

t.test('the form in which blocks are written needs no decoding', (t) => {
  const cases: [name: string, fields: Readonly<Record<string, string | undefined>>][] = [
    ['usual', {}],
    ['no owner', { affinity: 'null', affinity_claim_time: undefined }],
    ['an owner of old', { affinity: 'null', affinity_claim_time: undefined, hostAffinity: '"node1"' }],
    ['deleted', { deleted: 'true' }],
    ['nothing queued', { allocations: '[1,1,0,0]', unallocated: '[]' }],
    ['no entries', { allocations: '[null,null,null,null]', attributes: '[]' }],
    ['numbers of free ordinals', { sequenceNumberForAllocation: '{"0":1,"3":0}' }],
    ['number 0', { sequenceNumber: '0' }],
    ['as many digits as always fit', { sequenceNumber: '9999999999999999999' }],
    ['an entry that leaked', { attributes: '[{},{}]' }],
    ['no attributes of an owner', { attributes: '[{"secondary":{}},{}]' }],
    ['two owners', { attributes: '[{"handle_id":"a","alternateOwnerAttrs":{"pod":"b","node":"c"}},{}]' }],
    ['a name twice', { attributes: '[{"secondary":{"__proto__":"a","__proto__":"b"}},{}]' }],
    ['a node twice', { attributes: '[{"secondary":{"node":"a","pod":"p","node":"b"}},{"secondary":{"node":"c"}}]' }],
    ['nearly a node', { attributes: '[{"secondary":{"nodes":"a","x":"node","y":","}},{"secondary":{"node":""}}]' }],
    ['a node of the other owner', { attributes: '[{"secondary":{},"alternateOwnerAttrs":{"node":"a"}},{}]' }],
    ['brackets in a string', { attributes: '[{"secondary":{"a":"}],[{"}},{"handle_id":"],:null"}]' }],
    ['characters beyond ASCII', { affinity: '"host:\u00e4\u007f\u{1f600}\ud800"' }],
  ]
  for (const [name, fields] of cases) {
    const text = blockText(fields)
    t.ok(scanned(key, text), name)
    t.strictSame(scanned(key, text), decoded(key, text), name)
  }
  t.end()
})

t.test('a block written in another form is left to decoding', (t) => {
  const plain = blockText()
  const cases: [name: string, text: string][] = [
    ['white space before it', ` ${plain}`],
    ['white space after it', `${plain}\n`],
    ['white space within', plain.replace(':', ': ')],
    ['another spelling of a name', plain.replace('affinity', 'Affinity')],
    ['an escape in a name', plain.replace('affinity', '\\u0061ffinity')],
    [
      'another order',
      blockText({ cidr: undefined, later: '1' }).replace('"later":1', `"cidr":${String(usual['cidr'])}`),
    ],
    ['an unknown field', blockText({ later: '1' })],
    ['a field twice', plain.replace('"deleted"', '"deleted":true,"deleted"')],
    ['a second queue after the first', `${plain.slice(0, -1)},"unallocated":[1]}`],
    ['no queue', blockText({ allocations: '[0,0,0,0]', unallocated: 'null' })],
    ['no numbers', blockText({ sequenceNumber: undefined, sequenceNumberForAllocation: undefined })],
    ['null numbers', blockText({ sequenceNumberForAllocation: 'null' })],
    ['more digits than always fit', blockText({ sequenceNumber: '10000000000000000000' })],
    ['an escape in the owner', blockText({ affinity: '"host:a\\u003cb"' })],
    ['an escape in a handle', blockText({ attributes: '[{"handle_id":"a\\""},{}]' })],
    ['an escape in a name of an attribute', blockText({ attributes: '[{"secondary":{"a\\\\":"b"}},{}]' })],
    ['an unknown field of an entry', blockText({ attributes: '[{"later":{}},{}]' })],
    ['fields of an entry in another order', blockText({ attributes: '[{"secondary":{},"handle_id":"a"},{}]' })],
    ['null for an absent field', blockText({ attributes: '[{"handle_id":null,"secondary":null},{}]' })],
    ['null for an empty attribute', blockText({ attributes: '[{"secondary":{"a":null}},{}]' })],
  ]
  for (const [name, text] of cases) {
    t.ok(decoded(key, text), `${name} can be decoded`)
    t.equal(scanned(key, text), undefined, name)
  }
  t.end()
})

t.test('a text that cannot be decoded has no outline', (t) => {
  const plain = blockText()
  const cases: string[] = [
    ...[
      '',
      '{}',
      'null',
      '[]',
      `${plain}x`,
      `${plain}${plain}`,
      `\ufeff${plain}`,
      plain.slice(0, -1),
      `${plain}\u0000`,
    ],
    ...Object.keys(usual).map((name) => plain.slice(0, plain.indexOf(`"${name}"`))),
    blockText({ cidr: '"10.10.0.8/29"' }),
    blockText({ cidr: '"10.10.0.9/30"' }),
    ...['7', '"a', '"a\nb"', 'nul', 'nulll'].map((affinity) => blockText({ affinity })),
    ...['"noon"', '7', '"2026-02-30T04:00:00Z"'].map((time) => blockText({ affinity_claim_time: time })),
    ...['[', '[]', '[1,null,0]', '[1,null,0,null,null]', '[1,null,0,null', '[2,null,0,null]', '[01,null,0,null]'].map(
      (allocations) => blockText({ allocations }),
    ),
    ...[
      '[,1,null,0,null]',
      '[1,null,0,null,]',
      '[-1,null,0,null]',
      '[1,null,0,nul]',
      '[1 null,0,null]',
      '[1.5,null,0,null]',
    ].map((allocations) => blockText({ allocations })),
    ...['[3,4]', '[3,1,0]', '[3,1,3]', '[3,,1]', '[3,1,]', '[3,1', '[3,-1]', '[3,1e0,1]', '[00,1]', '[9999999]'].map(
      (unallocated) => blockText({ unallocated }),
    ),
    ...['null', '[]', '[{}]', '[{},{}', '[{},{},]', '[{},,{}]', '[{},[]]', '[{}{}]', '[{},{"a"}]', '{}'].map(
      (attributes) => blockText({ attributes }),
    ),
    ...[
      '{"handle_id":7}',
      '{"handle_id":"a",}',
      '{,"handle_id":"a"}',
      '{,"secondary":{}}',
      '{"handle_id":"a""secondary":{}}',
      '{"handle_id":"a",,"secondary":{}}',
      '{"secondary":{"a":"b",}}',
      '{"secondary":{,"a":"b"}}',
      '{"secondary":{"a"}}',
      '{"secondary":{"a":7}}',
      '{"secondary":{"a":"b""c":"d"}}',
      '{"secondary":{}"releasedAt":"2026-11-23T04:10:00Z"}',
      '{"secondary":[]}',
      '{"handle_id":"a\u001f"}',
      '{"releasedAt":"noon"}',
      '{"releasedAt":"noon"',
    ].map((attribute) => blockText({ attributes: `[${attribute},{}]` })),
    ...['-1', '1.5', '01', '"1"', '18446744073709551616', '1e400', ''].map((sequenceNumber) =>
      blockText({ sequenceNumber }),
    ),
    ...['{"4":1}', '{"02":1}', '{"2":"1"}', '{"2":1,}', '{"2":01}', '{2:1}', '{"2":1', '{"":1}', '[]', '{"2" :-1}'].map(
      (numbers) => blockText({ sequenceNumberForAllocation: numbers }),
    ),
    ...['"false"', '0', 'fals'].map((deleted) => blockText({ deleted })),
    ...['1', '"a', '"\t"'].map((hostAffinity) => blockText({ hostAffinity })),
  ]
  for (const text of cases) {
    const name = JSON.stringify(text)
    t.equal(decoded(key, text), undefined, `${name} cannot be decoded`)
    t.equal(scanned(key, text), undefined, name)
  }
  for (const wrong of [`${key}0`, blockKey(mustParseCidr('10.10.0.8/29')).text, blocks.prefix, ''])
    t.equal(outlineOf(wrong, plain), undefined, wrong)
  t.end()
})

t.test('a mistake of the caller is not taken for a block of another form', (t) => {
  // @ts-expect-error: not a text
  t.throws(() => outlineOf(key, undefined), TypeError)
  t.end()
})

t.test('a block after any operations of this server needs no decoding', (t) => {
  const step = fc.record({
    kind: fc.constantFrom('assign', 'release'),
    place: fc.nat({ max: 7 }).map(ordinal),
    handle: fc.constantFrom('a', 'b', 'windows-reserved-ipam-handle', undefined),
    cooldown: fc.constantFrom(0, 60),
  })
  const ofSteps = fc.record({ steps: fc.array(step, { maxLength: 20 }), reserved: fc.constantFrom(0, 1) })
  const property = fc.property(ofSteps, ({ steps, reserved }) => {
    const claimed = newBlock(mustParseCidr('10.0.0.8/29'), { type: 'host', name: 'a' }, madeAt)
    let block = reserveForHost(claimed, { start: reserved, end: reserved })
    for (const { kind, place, handle, cooldown } of steps) {
      const changed =
        kind === 'assign'
          ? assignOrdinal(block, place, { handle, attributes: { node: 'a' } })
          : releaseOrdinals(block, [place], madeAt, cooldown).block
      if (changed !== 'taken') block = changed
    }
    const [key, text] = stored(block)
    assert(scanned(key, text) !== undefined)
    assert.deepEqual(scanned(key, text), decoded(key, text))
  })
  t.doesNotThrow(() => fc.assert(property))
  t.end()
})

t.test('a usual block needs no decoding, and the index learns the same as from decoding', (t) => {
  const property = fc.property(usualBlock, (block) => {
    const [key, text] = stored(block)
    assert(scanned(key, text) !== undefined)
    assert.deepEqual(scanned(key, text), decoded(key, text))
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
  t.end()
})

t.test('from any text the index learns the same as from decoding, or leaves it to decoding', (t) => {
  let takenCount = 0
  const property = fc.property(
    fc.oneof(usualBlock, anyBlock),
    fc.array(mutation, { maxLength: 3 }),
    (block, mutations) => {
      const [key, written] = stored(block)
      const text = mutations.reduce((text, mutate) => mutate(text), written)
      const entry = scanned(key, text)
      if (entry === undefined) return
      if (mutations.length > 0) takenCount++
      assert.deepEqual(entry, decoded(key, text))
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 3_000 }))
  t.ok(takenCount > 0, 'some of the changed texts are blocks, too')
  t.end()
})

function stored(block: Block): [key: string, text: string] {
  const { text, family } = blockKey(block.cidr)
  return [text, family.encode(block)]
}
