import * as fc from 'fast-check'
import t from 'tap'
import {
  type ExportEntry,
  ExportPrinter,
  FormatProblem,
  isObjectEntry,
  readExport,
} from '../../../src/cli/formats/index.ts'
import { volume } from '../../support/volume.ts'

const header = { server: 'http://a', revision: '7', time: '2026-11-30T12:00:00Z', counts: {}, forbidden: [] }

function print(entries: readonly ExportEntry[]): string {
  const printer = new ExportPrinter()
  return printer.header(header) + printer.entries(entries) + printer.end(0)
}

async function* linesOf(text: string): AsyncGenerator<string, void> {
  yield* await Promise.resolve(text.split('\n').slice(0, -1))
}

async function read(text: string): Promise<readonly ExportEntry[]> {
  const entries: ExportEntry[] = []
  for await (const { entry } of readExport(linesOf(text))) entries.push(entry)
  return entries
}

const texts = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }))
const holder = { node: fc.option(fc.string()), attributes: texts }
const ip = fc.ipV4()
const anyEntry: fc.Arbitrary<ExportEntry> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('Address' as const),
      address: ip,
      handle: fc.option(fc.string({ unit: 'binary' })),
      ...holder,
      alternate: fc.record(holder),
      sequenceNumber: fc.bigInt({ min: 0n }).map(String),
    },
    { requiredKeys: ['kind', 'address', 'handle', 'node', 'attributes', 'sequenceNumber'] },
  ),
  fc.record({ kind: fc.constant('Cooling' as const), address: ip, releasedAt: fc.string() }),
  fc.record({
    kind: fc.constant('Affinity' as const),
    cidr: fc.string(),
    node: fc.string(),
    type: fc.string(),
    state: fc.string(),
  }),
  fc.record({
    kind: fc.constantFrom('IPPool' as const, 'Node' as const, 'AccessPolicy' as const),
    metadata: fc.record({ name: fc.string(), labels: texts, annotations: texts }, { requiredKeys: ['name'] }),
    spec: fc.dictionary(fc.string(), fc.jsonValue()),
  }),
)

t.test('what is printed is read again, whatever it is', async (t) => {
  await t.resolves(
    fc.assert(
      fc.asyncProperty(fc.array(anyEntry), async (entries) => {
        const parsed: unknown = JSON.parse(JSON.stringify(entries))
        const again: unknown = JSON.parse(JSON.stringify(await read(print(entries))))
        t.same(again, parsed)
      }),
      { numRuns: volume(300) },
    ),
  )
})

const held = { node: null, attributes: {} }
const whole = print([
  { kind: 'IPPool', metadata: { name: 'blue' }, spec: { cidr: '10.1.0.0/16' } },
  { kind: 'Address', address: '10.1.0.7', handle: 'vm-1', ...held, sequenceNumber: '5' },
  { kind: 'Address', address: '10.1.0.8', handle: 'vm-2', ...held, sequenceNumber: '6' },
])
const lines = whole.split('\n').slice(0, -1)
const [first = '', pool = '', seven = '', eight = '', end = ''] = lines

const damaged: readonly (readonly [name: string, lines: readonly string[], line: number, message: RegExp])[] = [
  ['an empty file', [], 0, /cut off: the closing line is missing/],
  ['a cut between lines', [first, pool, seven], 3, /cut off: the closing line is missing/],
  ['a cut inside of a line', [first, pool, seven.slice(0, 40)], 3, /this is no JSON/],
  ['a line that is gone', [first, pool, eight, end], 4, /^lines is 4; it must be 3, the lines before it/],
  ['a line that is new', [first, pool, seven, eight, eight, end], 6, /^lines is 4; it must be 5/],
  [
    'a line that was changed',
    [first, pool, seven.replace('vm-1', 'vm-3'), eight, end],
    5,
    /checksum .*: one was changed/,
  ],
  ['lines in another order', [first, pool, eight, seven, end], 5, /^sha256 is/],
  ['a kind instead of another', [first, pool, seven, pool, end], 5, /^counts.IPPool is 1; it must be 2/],
  ['a line behind the end', [...lines, eight], 6, /behind the closing line/],
  ['a file of something else', ['{"addresses":[]}'], 1, /^kind is missing; it must be "Export": is this a file of/],
  ['a newer version', [first.replace('"version":1', '"version":2')], 1, /^version is 2; it must be 1/],
  ['a kind that is not known', [first, '{"kind":"Service"}'], 2, /^kind is "Service"; it must be one of/],
  ['an address that is none', [first, seven.replace('10.1.0.7', '10.1.0.700')], 2, /^address is "10.1.0.700"/],
  ['an address in another spelling', [first, seven.replace('10.1.0.7', 'FD00::7')], 2, /^address is "FD00::7"/],
  ['attributes that are no texts', [first, seven.replace('{}', '{"a":7}')], 2, /^attributes.a is 7; it must be a text/],
  ['a list instead of an object', [first, '[]'], 2, /^the line is \[\]; it must be an object/],
]

for (const [name, given, line, message] of damaged)
  t.test(`${name} is refused`, async (t) => {
    const problem: unknown = await read(given.map((one) => `${one}\n`).join('')).then(
      () => undefined,
      (fault: unknown) => fault,
    )
    if (!(problem instanceof FormatProblem)) throw new Error(String(problem))
    t.match(problem.message, message)
    t.equal(problem.position?.line, line)
  })

t.test('the whole file is read', async (t) => {
  const entries = await read(whole)
  t.strictSame(
    entries.map(({ kind }) => kind),
    ['IPPool', 'Address', 'Address'],
  )
  t.strictSame(entries.map(isObjectEntry), [true, false, false])
})
