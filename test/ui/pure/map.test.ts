import fc from 'fast-check'
import t from 'tap'
import { formatCidr, mustParseCidr } from '../../../src/net/index.ts'
import { addressAt, cellsOf, cidrOfCell, gridOf, placeOf, stepInto, stepOut } from '../../../ui/src/map/geometry.ts'
import { cellAt, layOut, xOf, yOf } from '../../../ui/src/map/layout.ts'
import { stepOf } from '../../../ui/src/map/palette.ts'

const ipv4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n })
const ipv6 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })

t.test('each address has one place, from which it is found again', async (t) => {
  t.doesNotThrow(() => {
    fc.assert(fc.property(ipv4, (address) => addressAt(4, placeOf(4, address)) === address))
    fc.assert(fc.property(ipv6, (address) => addressAt(6, placeOf(6, address)) === address))
  })
})

t.test('the row of an octet is its first hexadecimal digit, the column its second', async (t) => {
  t.strictSame(placeOf(4, 0x12n), { column: 2n, row: 1n })
  t.strictSame(placeOf(4, 0x0a0512ffn), { column: 0xa52fn, row: 0x001fn })
})

const grids: readonly (readonly [cidr: string, cell: number, columns: number, rows: number])[] = [
  ['10.0.0.0/8', 24, 256, 256],
  ['10.1.0.0/16', 32, 256, 256],
  ['172.16.0.0/12', 24, 256, 16],
  ['172.16.0.0/20', 32, 256, 16],
  ['172.16.16.0/22', 32, 64, 16],
  ['10.1.1.0/24', 32, 16, 16],
  ['10.1.1.0/26', 32, 16, 4],
  ['10.1.1.0/30', 32, 4, 1],
  ['10.1.1.1/32', 32, 1, 1],
  ['0.0.0.0/0', 16, 256, 256],
  ['fd00:cafe::/48', 64, 256, 256],
  ['fd00::/122', 128, 16, 4],
]

for (const [text, cell, columns, rows] of grids) {
  t.test(`${text} is ${columns} × ${rows} cells of /${cell}`, async (t) => {
    t.match(gridOf(mustParseCidr(text)), { cellLength: cell, columns, rows })
  })
}

t.test('no range is taller than wide, and none has more than 65,536 cells', async (t) => {
  for (let length = 0; length <= 128; length++) {
    const { columns, rows } = gridOf(mustParseCidr(`::/${length}`))
    t.ok(columns >= rows && columns * rows <= 65_536, `/${length}`)
  }
})

t.test('each cell is the CIDR that covers it', async (t) => {
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.constantFrom(...grids), fc.nat(), fc.nat(), ([text], across, down) => {
        const grid = gridOf(mustParseCidr(text))
        const [column, row] = [across % grid.columns, down % grid.rows]
        const cells = cellsOf(grid, cidrOfCell(grid, column, row))
        return cells?.column === column && cells.row === row && cells.columns === 1 && cells.rows === 1
      }),
    )
  })
})

t.test('a CIDR is a rectangle of cells, or lies outside', async (t) => {
  const grid = gridOf(mustParseCidr('10.1.0.0/16'))
  t.strictSame(cellsOf(grid, mustParseCidr('10.1.18.0/24')), { column: 32, row: 16, columns: 16, rows: 16 })
  t.strictSame(cellsOf(grid, mustParseCidr('10.1.18.64/26')), { column: 32, row: 20, columns: 16, rows: 4 })
  t.equal(cellsOf(grid, mustParseCidr('10.2.0.0/24')), undefined)
  t.equal(cellsOf(grid, mustParseCidr('fd00::/64')), undefined)
})

t.test('the steps of the zoom are octets, from the outermost range to addresses and back', async (t) => {
  const pool = mustParseCidr('10.0.0.0/8')
  const sixteen = stepInto(gridOf(pool), 0x52, 0x00)
  t.equal(formatCidr(sixteen), '10.5.0.0/16')
  const twentyFour = stepInto(gridOf(sixteen), 0x20, 0x10)
  t.equal(formatCidr(twentyFour), '10.5.18.0/24')
  t.equal(stepInto(gridOf(twentyFour), 3, 3), twentyFour, 'addresses cannot be magnified')
  t.equal(formatCidr(stepOut(twentyFour, pool)), '10.5.0.0/16')
  t.equal(stepOut(sixteen, pool), pool)
  t.equal(stepOut(pool, pool), pool)
  const odd = mustParseCidr('172.16.0.0/20')
  t.equal(stepOut(mustParseCidr('172.16.3.0/24'), odd), odd)
})

t.test('what is drawn at a place is what is found there', async (t) => {
  t.doesNotThrow(() => {
    const sizes = fc.record({ width: fc.integer({ min: 320, max: 3000 }), height: fc.integer({ min: 300, max: 2000 }) })
    fc.assert(
      fc.property(fc.constantFrom(...grids), sizes, fc.nat(), fc.nat(), ([text], { width, height }, across, down) => {
        const layout = layOut(gridOf(mustParseCidr(text)), width, height, 1)
        const [column, row] = [across % layout.grid.columns, down % layout.grid.rows]
        const found = cellAt(layout, xOf(layout, column) + layout.cell / 2, yOf(layout, row) + layout.cell / 2)
        return found?.column === column && found.row === row
      }),
    )
  })
})

const shares: readonly (readonly [share: number, step: number])[] = [
  [0, 0],
  [Number.EPSILON, 1],
  [0.1, 1],
  [0.11, 2],
  [0.5, 3],
  [0.75, 4],
  [0.95, 5],
  [0.951, 6],
  [1, 6],
]

t.test('the least share is seen, and all is seen as full', async (t) => {
  for (const [share, step] of shares) t.equal(stepOf(share), step, String(share))
})
