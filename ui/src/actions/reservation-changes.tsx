import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Schemas } from '../api/index.ts'
import { TextField } from '../parts/index.ts'
import { counted } from '../text/index.ts'
import { wordsOf } from './assign-request.ts'
import { ChangeDialog } from './change-dialog.tsx'
import { type Entries, useBase } from './use-base.ts'

type Reservation = Schemas['IPReservation']

const list = '/apis/projectcalico.org/v3/ipreservations'
const one = '/apis/projectcalico.org/v3/ipreservations/{name}'

/** Creates a reservation, or changes one. */
export function SaveReservation({
  reservation,
  onClose,
}: {
  reservation?: Reservation
  onClose: () => void
}): JSX.Element {
  const [name, setName] = useState(reservation?.metadata.name ?? '')
  const [text, setText] = useState((reservation?.spec.reservedCIDRs ?? []).join('\n'))
  const reservedCIDRs = wordsOf(text)
  const { base, conflict } = useBase({
    stored: reservation,
    entriesOf: ({ spec }) => entriesOf(spec.reservedCIDRs ?? []),
    mine: entriesOf(reservedCIDRs),
    onMine: (ranges) => setText(Object.keys(ranges).join('\n')),
  })
  const object: Reservation = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPReservation',
    metadata: { ...base?.metadata, name: name.trim() },
    spec: { reservedCIDRs },
  }
  return (
    <ChangeDialog
      title={base === undefined ? 'Create the reservation' : `Change ${name}`}
      draft={name.trim() === '' || reservedCIDRs.length === 0 ? undefined : JSON.stringify(object)}
      conflict={conflict}
      change={(query) => (api) =>
        base === undefined
          ? api.POST(list, { params: { query }, body: object })
          : api.PUT(one, { params: { path: { name }, query }, body: object })
      }
      preview={({ spec }) => <ReservedTold spec={spec} isDone={false} />}
      outcome={({ spec }) => <ReservedTold spec={spec} isDone />}
      onClose={onClose}
    >
      {(problem) => (
        <>
          {base === undefined && (
            <TextField
              label="Name"
              value={name}
              onValue={setName}
              blamed={['metadata.name']}
              problem={problem}
              isCode
              isFocused
            />
          )}
          <TextField
            label="Ranges"
            help="CIDRs or addresses, one a line."
            value={text}
            onValue={setText}
            blamed={['spec.reservedCIDRs']}
            problem={problem}
            isCode
            rows={6}
          />
        </>
      )}
    </ChangeDialog>
  )
}

/** Each range for itself, so that what two people do to different ranges is merged. The server writes an address as a range of one. */
function entriesOf(ranges: readonly string[]): Entries {
  const cidrs = ranges.map((range) => (range.includes('/') ? range : `${range}${range.includes(':') ? '/128' : '/32'}`))
  return Object.fromEntries(cidrs.map((cidr) => [cidr, 'reserved']))
}

function ReservedTold({ spec, isDone }: { spec: Reservation['spec']; isDone: boolean }): JSX.Element {
  const ranges = spec.reservedCIDRs ?? []
  return (
    <p>
      Addresses of {counted(ranges.length, 'range')} {isDone ? 'are' : 'would be'} assigned only to who asks for them by
      name: <span class="mono">{ranges.join(', ')}</span>. Those that are held stay.
    </p>
  )
}

/** Deletes a reservation. */
export function DeleteReservation({
  reservation,
  onClose,
}: {
  reservation: Reservation
  onClose: () => void
}): JSX.Element {
  const name = reservation.metadata.name ?? ''
  const ranges = (reservation.spec.reservedCIDRs ?? []).join(', ')
  return (
    <ChangeDialog
      title={`Delete ${name}`}
      isDanger
      draft={name}
      change={(query) => (api) => api.DELETE(one, { params: { path: { name }, query } })}
      preview={() => (
        <p>
          Addresses of <span class="mono">{ranges}</span> would be assigned automatically again.
        </p>
      )}
      outcome={() => (
        <p>
          Addresses of <span class="mono">{ranges}</span> are assigned automatically again.
        </p>
      )}
      onClose={onClose}
    />
  )
}
