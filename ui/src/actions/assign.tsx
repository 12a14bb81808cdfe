import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Schemas } from '../api/index.ts'
import { HandleName } from '../parts/index.ts'
import type { AssignDraft } from '../router/index.ts'
import { counted } from '../text/index.ts'
import { AddressTexts } from './address-texts.tsx'
import { AssignFieldInputs } from './assign-fields.tsx'
import { readAssign } from './assign-request.ts'
import { ChangeDialog } from './change-dialog.tsx'
import { newIdempotencyKey } from './idempotency.ts'

/** Assigns addresses. `initial` is what is filled in at first. */
export function AssignDialog({ initial = {}, onClose }: { initial?: AssignDraft; onClose: () => void }): JSX.Element {
  const [draft, setDraft] = useState(initial)
  const [key] = useState(newIdempotencyKey)
  const body = readAssign(draft)
  return (
    <ChangeDialog
      title="Assign addresses"
      draft={JSON.stringify(body)}
      change={(query) => (api) =>
        api.POST('/ipam/v1/assign', {
          params: { query, ...(query.dryRun === undefined && { header: { 'Idempotency-Key': key } }) },
          body,
        })
      }
      preview={(answer) => <AssignTold answer={answer} isDone={false} />}
      outcome={(answer) => <AssignTold answer={answer} isDone />}
      onClose={onClose}
    >
      {(problem) => <AssignFieldInputs draft={draft} onDraft={setDraft} problem={problem} />}
    </ChangeDialog>
  )
}

/** What an assign gave, or would give. */
function AssignTold({ answer, isDone }: { answer: Schemas['Assignment']; isDone: boolean }): JSX.Element {
  const { handle, addresses } = answer
  const pools = [...new Set(addresses.map(({ pool }) => pool ?? 'no pool'))]
  return (
    <div>
      <p>
        {isDone ? <HandleName of={handle} /> : <span class="mono">{handle}</span>} {isDone ? 'holds' : 'would get'}{' '}
        {counted(addresses.length, 'address', 'addresses')} of {pools.join(', ')}
        {isDone ? ':' : ', such as these if nobody else is faster:'}
      </p>
      <AddressTexts addresses={addresses.map(({ address }) => address)} />
    </div>
  )
}
