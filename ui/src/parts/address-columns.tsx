import type { Schemas } from '../api/index.ts'
import { Attributes, printAttributes } from './attributes.tsx'
import { AddressName, HandleName, NodeName, PoolName } from './link.tsx'
import type { Column } from './table.tsx'
import { Age } from './time.tsx'

/** An address that is held. */
export type HeldAddress = Schemas['Allocation']

/** The columns of lists of addresses; `without` leaves out what is the same in every row. */
export function addressColumns(...without: readonly ('pool' | 'node' | 'handle')[]): readonly Column<HeldAddress>[] {
  const columns: readonly (Column<HeldAddress> & { readonly of?: string })[] = [
    {
      title: 'Address',
      width: 'minmax(130px, 1.2fr)',
      cell: (row) => <AddressName of={row.address} />,
      text: (row) => row.address,
      sort: 'address',
    },
    {
      of: 'handle',
      title: 'Handle',
      width: 'minmax(110px, 1.5fr)',
      cell: (row) => <HandleName of={row.handle} />,
      text: (row) => row.handle ?? '',
      sort: 'handle',
    },
    {
      of: 'node',
      title: 'Node',
      width: 'minmax(80px, 1fr)',
      cell: (row) => <NodeName of={row.node} />,
      text: (row) => row.node ?? '',
      sort: 'node',
      isOnPhone: false,
    },
    {
      of: 'pool',
      title: 'Pool',
      width: 'minmax(80px, 1fr)',
      cell: (row) => <PoolName of={row.pool} />,
      text: (row) => row.pool ?? '',
      isOnPhone: false,
    },
    {
      title: 'Attributes',
      width: 'minmax(120px, 2fr)',
      cell: (row) => <Attributes of={row.attributes} />,
      text: (row) => printAttributes(row.attributes),
      isOnPhone: false,
    },
    {
      title: 'Since',
      width: '130px',
      cell: (row) => <Age at={row.assignedAt} />,
      text: (row) => row.assignedAt ?? '',
      sort: 'assignedAt',
      isOnPhone: false,
    },
  ]
  return columns.filter(({ of }) => of === undefined || !without.some((name) => name === of))
}
