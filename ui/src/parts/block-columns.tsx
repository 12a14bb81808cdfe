import type { Schemas } from '../api/index.ts'
import { printCount } from '../text/index.ts'
import { BlockName, NodeName, PoolName } from './link.tsx'
import { Meter, UseShare } from './meter.tsx'
import type { Column } from './table.tsx'
import { Age } from './time.tsx'

/** A block with its counts. */
export type CountedBlock = Schemas['BlockUtilization']

/** The columns of lists of blocks; `without` leaves out what is the same in every row. */
export function blockColumns(without: 'pool' | 'node'): readonly Column<CountedBlock>[] {
  const columns: readonly (Column<CountedBlock> & { readonly of?: string })[] = [
    {
      title: 'Block',
      width: 'minmax(150px, 1.4fr)',
      cell: (row) => <BlockName of={row.block} />,
      text: (row) => row.block,
    },
    {
      of: 'node',
      title: 'Node',
      width: 'minmax(90px, 1fr)',
      cell: (row) =>
        row.node === null && row.affinity !== null ? (
          <span class="mono">{row.affinity}</span>
        ) : (
          <NodeName of={row.node} />
        ),
      text: (row) => row.node ?? row.affinity ?? '',
    },
    {
      of: 'pool',
      title: 'Pool',
      width: 'minmax(90px, 1fr)',
      cell: (row) => <PoolName of={row.pool} />,
      text: (row) => row.pool ?? '',
    },
    {
      title: 'Use',
      width: 'minmax(60px, 1fr)',
      cell: (row) => <Meter counts={row} />,
      text: (row) => String(row.percentInUse),
      isOnPhone: false,
    },
    {
      title: '%',
      width: '56px',
      isRight: true,
      cell: (row) => <UseShare counts={row} />,
      text: (row) => String(row.percentInUse),
      isOnPhone: false,
    },
    { title: 'In use', width: '64px', isRight: true, cell: (row) => printCount(row.inUse), text: (row) => row.inUse },
    {
      title: 'Cooling',
      width: '64px',
      isRight: true,
      cell: (row) => printCount(row.cooling),
      text: (row) => row.cooling,
      isOnPhone: false,
    },
    {
      title: 'Free',
      width: '64px',
      isRight: true,
      cell: (row) => printCount(row.available),
      text: (row) => row.available,
    },
    {
      title: 'Claimed',
      width: '120px',
      cell: (row) => <Age at={row.claimedAt} />,
      text: (row) => row.claimedAt ?? '',
      isOnPhone: false,
    },
  ]
  return columns.filter(({ of }) => of !== without)
}
