import type { Schemas } from '../api/index.ts'
import { type Column, printAge, printBar, printCount, toneOfUse, type Layout } from '../output/index.ts'

/** How the objects of the API are shown: their columns, in tables and in CSV. */

/** Pairs as they are given on the command line: `tenant=blue, zone=a`. */
export function printPairs(pairs: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(pairs ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
}

/** A column of a time, which tables show as an age. */
export function timeColumn<Row>(
  name: string,
  value: (row: Row) => string | null | undefined,
  isWide = false,
): Column<Row> {
  return { name, value, show: (row, { now }) => printAge(value(row), now), isWide }
}

/** A column of a number of addresses or blocks. */
export function countColumn<Row>(name: string, value: (row: Row) => string, isWide = false): Column<Row> {
  return { name, value, show: (row) => printCount(value(row)), isRight: true, isWide }
}

interface Used {
  readonly percentInUse: number
}

/** A column with a bar of how much is in use. */
function useColumn<Row extends Used>(): Column<Row> {
  return {
    name: 'percentInUse',
    header: 'use',
    value: ({ percentInUse }) => percentInUse,
    show: ({ percentInUse }, style) => printBar(percentInUse, style),
    tone: ({ percentInUse }) => toneOfUse(percentInUse),
  }
}

export const allocationLayout: Layout<Schemas['Allocation']> = {
  name: ({ address }) => address,
  columns: [
    { name: 'address', value: ({ address }) => address },
    { name: 'handle', value: ({ handle }) => handle },
    { name: 'node', value: ({ node }) => node },
    { name: 'pool', value: ({ pool }) => pool },
    { name: 'block', value: ({ block }) => block, isWide: true },
    timeColumn('assignedAt', ({ assignedAt }) => assignedAt, true),
    { name: 'attributes', value: ({ attributes }) => printPairs(attributes), isWide: true },
    { name: 'sequenceNumber', value: ({ sequenceNumber }) => sequenceNumber, isWide: true },
  ],
}

/** Of one address, the time itself is shown. */
export const allocationDetails: Layout<Schemas['Allocation']> = {
  ...allocationLayout,
  columns: allocationLayout.columns.map((column) =>
    column.name === 'assignedAt' ? { name: column.name, value: ({ assignedAt }) => assignedAt } : column,
  ),
}

export const poolLayout: Layout<Schemas['PoolUtilization']> = {
  name: ({ pool }) => pool,
  columns: [
    { name: 'pool', value: ({ pool }) => pool },
    { name: 'cidr', value: ({ cidr }) => cidr },
    useColumn(),
    countColumn('inUse', ({ inUse }) => inUse),
    countColumn('available', ({ available }) => available),
    countColumn('capacity', ({ capacity }) => capacity),
    countColumn('cooling', ({ cooling }) => cooling, true),
    countColumn('reserved', ({ reserved }) => reserved, true),
    countColumn('blocksInUse', ({ blocksInUse }) => blocksInUse, true),
    countColumn('blocks', ({ blocks }) => blocks, true),
    { name: 'blockSize', value: ({ blockSize }) => blockSize, isRight: true, isWide: true },
    {
      name: 'isAllocatable',
      header: 'assigns',
      value: ({ isAllocatable }) => isAllocatable,
      show: ({ isAllocatable }) => (isAllocatable ? 'yes' : 'no'),
      tone: ({ isAllocatable }) => (isAllocatable ? undefined : 'warning'),
    },
  ],
}

export const blockLayout: Layout<Schemas['BlockUtilization']> = {
  name: ({ block }) => block,
  columns: [
    { name: 'block', value: ({ block }) => block },
    { name: 'pool', value: ({ pool }) => pool },
    { name: 'node', value: ({ node }) => node },
    useColumn(),
    countColumn('inUse', ({ inUse }) => inUse),
    countColumn('available', ({ available }) => available),
    countColumn('capacity', ({ capacity }) => capacity, true),
    countColumn('cooling', ({ cooling }) => cooling, true),
    countColumn('reserved', ({ reserved }) => reserved, true),
    { name: 'affinity', value: ({ affinity }) => affinity, isWide: true },
    timeColumn('claimedAt', ({ claimedAt }) => claimedAt, true),
    { name: 'isReadable', value: ({ isReadable }) => isReadable, isWide: true },
  ],
}

export const handleLayout: Layout<Schemas['Handle']> = {
  name: ({ handle }) => handle,
  columns: [
    { name: 'handle', value: ({ handle }) => handle },
    { name: 'addresses', value: ({ addresses }) => addresses, isRight: true },
    { name: 'blocks', value: ({ blocks }) => blocks, isRight: true },
  ],
}

export const freeRangeLayout: Layout<Schemas['FreeRange']> = {
  name: ({ first, last }) => (first === last ? first : `${first}-${last}`),
  columns: [
    { name: 'first', value: ({ first }) => first },
    { name: 'last', value: ({ last }) => last },
    countColumn('count', ({ count }) => count),
  ],
}
