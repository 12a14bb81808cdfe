import t from 'tap'
import {
  type Column,
  joinPages,
  ListPrinter,
  printAge,
  printBar,
  printCount,
  printDetails,
  printPercent,
  readDuration,
  type Style,
  toneOfUse,
  type Layout,
  visible,
} from '../../src/cli/output/index.ts'

const plain: Style = { isColoured: false, isUnicode: true, now: new Date('2026-11-30T12:00:00Z') }
const bell = '\u0007'
const escape = '\u001b'

interface Row {
  readonly name: string
  readonly inUse: number
  readonly note: string | null
}

const columns: readonly Column<Row>[] = [
  { name: 'name', value: ({ name }) => name },
  { name: 'inUse', value: ({ inUse }) => inUse, show: ({ inUse }) => `${inUse}!`, isRight: true },
  { name: 'note', value: ({ note }) => note, isWide: true, tone: ({ inUse }) => (inUse > 9 ? 'bad' : undefined) },
]
const layout: Layout<Row> = { columns, name: ({ name }) => name }
const rows: readonly Row[] = [
  { name: 'blue', inUse: 7, note: null },
  { name: 'grün', inUse: 10, note: 'a, "b"' },
]

const tables: readonly (readonly [format: 'table' | 'wide' | 'csv' | 'name', text: string])[] = [
  ['table', 'NAME   IN USE\nblue       7!\ngrün      10!\n'],
  ['wide', 'NAME   IN USE   NOTE\nblue       7!   -\ngrün      10!   a, "b"\n'],
  ['csv', 'name,inUse,note\nblue,7,\ngrün,10,"a, ""b"""\n'],
  ['name', 'blue\ngrün\n'],
]
for (const [format, text] of tables) t.equal(new ListPrinter(layout, format, plain).print(rows), text, format)

t.test('parts of a list stand below each other, with one header', async (t) => {
  const printer = new ListPrinter(layout, 'table', plain)
  t.equal(printer.print(rows.slice(1)), 'NAME   IN USE\ngrün      10!\n')
  t.equal(printer.print(rows.slice(0, 1)), 'blue       7!\n')
  const csv = new ListPrinter(layout, 'csv', plain)
  t.equal(csv.print([]), 'name,inUse,note\n', 'an empty list has its header in CSV')
  t.equal(csv.print(rows.slice(0, 1)), 'blue,7,\n')
  t.equal(new ListPrinter(layout, 'table', plain).print([]), '')
})

t.test('colours are printed only where there are any, and do not move columns', async (t) => {
  const coloured = new ListPrinter(layout, 'wide', { ...plain, isColoured: true }).print(rows)
  t.match(coloured, `${escape}[31ma, "b"${escape}[0m\n`)
  t.notMatch(new ListPrinter(layout, 'wide', plain).print(rows), escape)
})

t.test('one row is printed as lines', async (t) => {
  t.equal(
    printDetails(columns, { name: 'blue', inUse: 7, note: null }, plain),
    'Name:    blue\nIn use:  7!\nNote:    -\n',
  )
})

t.test('names cannot steer the terminal', async (t) => {
  t.equal(visible(`a${escape}[2J${bell}\n\u202eb`), 'a\\u001b[2J\\u0007\\u000a\\u202eb')
  t.equal(visible('Ärger, 汉字 and emoji 🙂'), 'Ärger, 汉字 and emoji 🙂')
  t.notMatch(new ListPrinter(layout, 'table', plain).print([{ name: escape, inUse: 1, note: null }]), escape)
})

const quoting: readonly (readonly [value: string, cell: string])[] = [
  ['plain', 'plain'],
  ['', ''],
  ['a,b', '"a,b"'],
  ['say "x"', '"say ""x"""'],
  ['two\nlines', '"two\nlines"'],
  [' space', '" space"'],
]
for (const [note, cell] of quoting) {
  const csv = new ListPrinter(layout, 'csv', plain).print([{ name: 'x', inUse: 1, note }])
  t.equal(csv, `name,inUse,note\nx,1,${cell}\n`, JSON.stringify(note))
}

const bars: readonly (readonly [percent: number, fine: string, coarse: string])[] = [
  [0, '▕          ▏   0%', '[..........]   0%'],
  [0.004, '▕▏         ▏ <.1%', '[#.........] <.1%'],
  [0.5, '▕▏         ▏ 0.5%', '[#.........] 0.5%'],
  [50, '▕█████     ▏  50%', '[#####.....]  50%'],
  [52.5, '▕█████▎    ▏  53%', '[#####.....]  53%'],
  [99.999, '▕█████████▉▏ >99%', '[#########.] >99%'],
  [100, '▕██████████▏ 100%', '[##########] 100%'],
]
for (const [percent, fine, coarse] of bars) {
  t.equal(printBar(percent, { isUnicode: true }, 10), fine, `${percent} %`)
  t.equal(printBar(percent, { isUnicode: false }, 10), coarse, `${percent} % in ASCII`)
}

t.strictSame([0, 0.05, 0.94, 0.99, 1, 99, 99.5, 100].map(printPercent), [
  ...['0%', '<.1%', '0.9%', '1%', '1%', '99%', '>99%', '100%'],
])
t.strictSame([0, 74.9, 75, 89.9, 90, 100].map(toneOfUse), ['good', 'good', 'warning', 'warning', 'bad', 'bad'])

const counts: readonly (readonly [digits: string, text: string])[] = [
  ['0', '0'],
  ['999', '999'],
  ['65536', '65,536'],
  ['-1234', '-1,234'],
  ['999999999999999', '999,999,999,999,999'],
  ['18446744073709551616', '1.84e19'],
]
for (const [digits, text] of counts) t.equal(printCount(digits), text, digits)

const ages: readonly (readonly [time: string | null, age: string])[] = [
  ['2026-11-30T12:00:00Z', '0s'],
  ['2026-11-30T11:58:01Z', '119s'],
  ['2026-11-30T11:58:00Z', '2m'],
  ['2026-11-30T10:00:00Z', '2h'],
  ['2026-11-29T10:00:00Z', '26h'],
  ['2026-11-20T12:00:00Z', '10d'],
  ['2024-11-01T12:00:00Z', '2y'],
  ['2027-01-01T00:00:00Z', '0s'],
  ['yesterday', 'yesterday'],
  [null, '-'],
]
for (const [time, age] of ages) t.equal(printAge(time, plain.now), age, String(time))

const durations: readonly (readonly [text: string, seconds: number | undefined])[] = [
  ['10s', 10],
  ['5m', 300],
  ['12h', 43_200],
  ['90d', 7_776_000],
  ['1y', 31_536_000],
  ['90', undefined],
  ['1.5h', undefined],
  ['-1h', undefined],
  ['2027-01-31T00:00:00Z', undefined],
]
for (const [text, seconds] of durations) t.equal(readDuration(text), seconds, text)

t.test('pages become one answer: lists are joined, the rest is that of the last page', async (t) => {
  const pages = [
    { items: [1, 2], metadata: { continue: 'x', resourceVersion: '7' }, total: 3 },
    { items: [3], metadata: { resourceVersion: '7' }, total: 3 },
  ]
  t.strictSame(joinPages(pages), { items: [1, 2, 3], metadata: { resourceVersion: '7' }, total: 3 })
  t.strictSame(joinPages([{ items: [[1]], continue: null }]), { items: [[1]], continue: null })
})
