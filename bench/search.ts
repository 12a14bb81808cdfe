import { assignAutomatically, type Block, BlockIndex, blockKey, newBlock } from '../src/model/index.ts'
import { blockAt, blockCount, type Cidr, CidrSet, formatCidr, mustParseCidr, prefixLength } from '../src/net/index.ts'
import { printTable, type Row, saveResults } from './results.ts'

/**
 * Finds the next vacant block in memory, in pools that are more and more taken. The time must depend neither on how much is taken nor on
 * the size of the pool.
 */

const searches = 20_000

const rows: Row[] = []
for (const [text, blockSize] of [
  ['10.0.0.0/8', 26],
  ['fd00::/64', 122],
] as const) {
  const pool = mustParseCidr(text)
  const count = blockCount(pool, sizeOf(pool, blockSize))
  const most = count > 262_143n ? 262_143n : count - 1n
  const index = new BlockIndex()
  const template = full(blockAt(pool, sizeOf(pool, blockSize), 0n))
  let empty = NaN
  let taken = 0n
  for (const wanted of [0n, 1_000n, most / 2n, most]) {
    for (; taken < wanted; taken++) take(index, { ...template, cidr: blockAt(pool, sizeOf(pool, blockSize), taken) })
    const microseconds = search(index, pool, blockSize, count)
    if (wanted === 0n) empty = microseconds
    rows.push({
      pool: text,
      'blocks in all': String(count),
      taken: Number(taken),
      'µs to find one': microseconds,
      'x empty': microseconds / empty,
    })
  }
}
printTable(rows)
await saveResults('search', rows)

/** The mean time of a search that begins anywhere. All that is taken is one run from the beginning of the pool, the worst to walk. */
function search(index: BlockIndex, pool: Cidr, blockSize: number, count: bigint): number {
  const none = CidrSet.of([])
  let found = 0
  const run = (times: number): void => {
    for (let number = 0; number < times; number++) {
      const start = (BigInt(number) * 7_919n) % count
      for (const cidr of index.vacant(pool, sizeOf(pool, blockSize), start, none)) {
        if (cidr.prefixLength === blockSize) found++
        break
      }
    }
  }
  run(searches)
  const begin = performance.now()
  run(searches)
  const microseconds = ((performance.now() - begin) * 1_000) / searches
  if (found !== 2 * searches) throw new Error(`${formatCidr(pool)}: a search found no block.`)
  return microseconds
}

function take(index: BlockIndex, block: Block): void {
  index.changed(blockKey(block.cidr).text, { kind: 'value', value: block })
}

function full(cidr: Cidr): Block {
  const block = newBlock(cidr, null, { nanoseconds: 1n })
  const holder = { handle: 'bench', secondary: {} }
  return assignAutomatically(block, block.allocations.length, () => false, holder).block
}

function sizeOf(pool: Cidr, blockSize: number): NonNullable<ReturnType<typeof prefixLength>> {
  const size = prefixLength(pool.family, blockSize)
  if (size === undefined) throw new Error(`${formatCidr(pool)} has no blocks of size ${blockSize}.`)
  return size
}
