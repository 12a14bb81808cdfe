import type { ComponentChildren, JSX } from 'preact'
import { type Call, given, type Schemas } from '../api/index.ts'
import { usePages } from '../live/index.ts'
import { type AddressFilter, go } from '../router/index.ts'
import { printCount } from '../text/index.ts'
import { addressColumns, type HeldAddress } from './address-columns.tsx'
import { Section } from './heading.tsx'
import { ShowAs, tableOf } from './show-as.tsx'
import { Table } from './table.tsx'
import { Trouble } from './trouble.tsx'

/** Which addresses a list has: a filter, or those of a handle. */
export interface AddressSelection extends AddressFilter {
  readonly handle?: string
}

interface AddressListProps {
  readonly title: string
  readonly of: AddressSelection
  /** What is the same in every row, and no column. */
  readonly without?: readonly ('pool' | 'node' | 'handle')[]
  readonly onSort?: (sort: string) => void
  readonly empty: ComponentChildren
}

const pageSize = 200
const sorts = ['address', '-address', 'handle', '-handle', 'node', '-node', 'assignedAt', '-assignedAt'] as const

/** The call that lists addresses. */
function listAddresses(
  { q, pool, node, cidr, attribute, sort, handle }: AddressSelection,
  next?: string,
): Call<Schemas['AddressList']> {
  const query = given({
    ...{ q, pool, node, cidr, handle },
    attribute: attribute === undefined ? undefined : [attribute],
    sort: sorts.find((one) => one === sort),
    limit: pageSize,
    continue: next,
  })
  return (api) => api.GET('/ipam/v1/addresses', { params: { query } })
}

/** The addresses of a selection, as far as one scrolls. */
export function AddressList({ title, of, without = [], onSort, empty }: AddressListProps): JSX.Element {
  const list = usePages(
    JSON.stringify(of),
    (next) => listAddresses(of, next),
    ({ addresses, continue: next, total }) => ({ items: addresses, next, total: total ?? undefined }),
    ['ipamblocks'],
  )
  const columns = addressColumns(...without)
  const count = list.total ?? (list.isComplete ? list.items.length : undefined)
  const open = ({ address }: HeldAddress): void => go({ view: 'address', address })
  return (
    <Section
      title={count === undefined ? title : `${title} (${printCount(count)})`}
      end={
        <ShowAs
          calls={[['List these addresses', listAddresses(of)]]}
          table={tableOf('addresses', columns, list.items)}
        />
      }
    >
      <Trouble problem={list.problem} />
      <Table
        label={title}
        columns={columns}
        rows={list.items}
        keyOf={({ address }) => address}
        onOpen={open}
        onEnd={list.readOn}
        sort={of.sort ?? 'address'}
        {...(onSort !== undefined && { onSort })}
        empty={list.isAwaited ? 'Reading …' : empty}
        total={count}
      />
    </Section>
  )
}
