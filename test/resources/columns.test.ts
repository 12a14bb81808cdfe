import t from 'tap'
import { CidrSet } from '../../src/net/index.ts'
import { flagColumn, numberColumn, textColumn } from '../../src/resources/columns.ts'

const terms = { reserved: CidrSet.of([]), cooledBefore: 0n }

t.test('a cell shows the value at the path of its column', (t) => {
  const object = { spec: { text: 'a', list: ['a', 'b'], none: [], flag: true, number: 7, empty: '', part: { x: 1 } } }
  const cases = [
    [textColumn('A', 'spec.text', ''), 'a'],
    [textColumn('A', 'spec.list', ''), 'a,b'],
    [textColumn('A', 'spec.number', ''), '7'],
    [textColumn('A', 'spec.part.x', ''), '1'],
    [textColumn('A', 'spec.none', ''), '<none>'],
    [textColumn('A', 'spec.empty', ''), '<none>'],
    [textColumn('A', 'spec.part', ''), '<none>'],
    [textColumn('A', 'spec.text.x', ''), '<none>'],
    [textColumn('A', 'nothing', ''), '<none>'],
    [flagColumn('A', 'spec.flag', ''), true],
    [flagColumn('A', 'spec.text', ''), false],
    [flagColumn('A', 'spec.nothing', ''), false],
    [numberColumn('A', 'spec.number', ''), 7],
    [numberColumn('A', 'spec.text', ''), 0],
    [numberColumn('A', 'spec.nothing', ''), 0],
  ] as const
  for (const [column, cell] of cases) t.equal(column.cell(object, terms), cell)
  t.end()
})

t.test('a column has a name, a type and a priority', (t) => {
  t.match(textColumn('CIDR', 'spec.cidr', 'The range.'), {
    name: 'CIDR',
    type: 'string',
    description: 'The range.',
    priority: 0,
  })
  t.match(flagColumn('NAT', 'spec.nat', '', { isWide: true }), { type: 'boolean', priority: 1 })
  t.match(numberColumn('Blocks', 'spec.blocks', '', { isWide: true }), { type: 'integer', priority: 1 })
  t.end()
})
