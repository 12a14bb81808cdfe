import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { DeleteReservation, SaveReservation } from '../../actions/index.ts'
import { type Call, given, may, type Schemas } from '../../api/index.ts'
import { usePages } from '../../live/index.ts'
import { Age, type Column, Heading, Section, ShowAs, Table, tableOf, Trouble } from '../../parts/index.ts'
import { printCount } from '../../text/index.ts'

type Reservation = Schemas['IPReservation']

type Action = { readonly kind: 'create' } | { readonly kind: 'change' | 'delete'; readonly reservation: Reservation }

const pageSize = 500

function listReservations(next?: string): Call<Schemas['IPReservationList']> {
  return (api) =>
    api.GET('/apis/projectcalico.org/v3/ipreservations', {
      params: { query: given({ limit: pageSize, continue: next }) },
    })
}

/** What is never assigned automatically. */
export function ReservationsView(): JSX.Element {
  const [action, setAction] = useState<Action>()
  const list = usePages(
    'reservations',
    listReservations,
    ({ items, metadata }) => ({ items, next: metadata.continue ?? null, total: undefined }),
    ['ipreservations'],
  )
  const columns: readonly Column<Reservation>[] = [
    {
      title: 'Name',
      width: 'minmax(120px, 1fr)',
      cell: ({ metadata }) => <span class="mono">{metadata.name}</span>,
      text: ({ metadata }) => metadata.name ?? '',
    },
    {
      title: 'Ranges',
      width: 'minmax(120px, 3fr)',
      cell: (row) => <span class="mono">{rangesOf(row)}</span>,
      text: rangesOf,
    },
    {
      title: 'Created',
      width: '130px',
      cell: ({ metadata }) => <Age at={metadata.creationTimestamp} />,
      text: ({ metadata }) => metadata.creationTimestamp ?? '',
      isOnPhone: false,
    },
    {
      title: 'Actions',
      width: '160px',
      isRight: true,
      cell: (reservation) => (
        <>
          {may('update', 'ipreservations') && (
            <button type="button" class="button plain" onClick={() => setAction({ kind: 'change', reservation })}>
              Change
            </button>
          )}
          {may('delete', 'ipreservations') && (
            <button type="button" class="button plain" onClick={() => setAction({ kind: 'delete', reservation })}>
              Delete
            </button>
          )}
        </>
      ),
      text: () => '',
    },
  ]
  const close = (): void => setAction(undefined)
  return (
    <>
      <Heading title="Reservations">
        {may('create', 'ipreservations') && (
          <button type="button" class="button main" onClick={() => setAction({ kind: 'create' })}>
            New reservation
          </button>
        )}
      </Heading>
      <p class="quiet">Addresses in these ranges are assigned only to requests that ask for them by name.</p>
      <Section
        title={list.isComplete ? `All reservations (${printCount(list.items.length)})` : 'All reservations'}
        end={
          <ShowAs
            calls={[['List the reservations', listReservations()]]}
            table={tableOf('reservations', columns.slice(0, 3), list.items)}
          />
        }
      >
        <Trouble problem={list.problem} />
        <Table
          label="Reservations"
          columns={columns}
          rows={list.items}
          keyOf={({ metadata }) => metadata.name ?? ''}
          onEnd={list.readOn}
          empty={list.isAwaited ? 'Reading …' : 'Nothing is reserved.'}
        />
      </Section>
      {action?.kind === 'create' && <SaveReservation onClose={close} />}
      {action?.kind === 'change' && (
        <SaveReservation
          reservation={
            list.items.find(({ metadata }) => metadata.name === action.reservation.metadata.name) ?? action.reservation
          }
          onClose={close}
        />
      )}
      {action?.kind === 'delete' && <DeleteReservation reservation={action.reservation} onClose={close} />}
    </>
  )
}

function rangesOf({ spec }: Reservation): string {
  return (spec.reservedCIDRs ?? []).join(', ')
}
