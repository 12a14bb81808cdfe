import type { JSX } from 'preact'
import type { Schemas } from '../api/index.ts'
import { counted } from '../text/index.ts'
import { ChangeDialog } from './change-dialog.tsx'
import { AddressTexts } from './address-texts.tsx'

/** What identifies one assignment of an address. */
interface ReleasedAddress {
  readonly address: string
  readonly handle: string | null
  readonly sequenceNumber: string
}

/** Releases one address, if it is still the assignment that was seen. */
export function ReleaseAddress({ of, onClose }: { of: ReleasedAddress; onClose: () => void }): JSX.Element {
  const item = {
    address: of.address,
    sequenceNumber: of.sequenceNumber,
    ...(of.handle !== null && { handle: of.handle }),
  }
  return (
    <ChangeDialog
      title={`Release ${of.address}`}
      isDanger
      draft={JSON.stringify(item)}
      change={(dryRun) => (api) =>
        api.POST('/ipam/v1/release', { params: { query: dryRun }, body: { addresses: [item] } })
      }
      preview={(answer) => <ReleaseTold answer={answer} tense="would be" />}
      outcome={(answer) => <ReleaseTold answer={answer} tense="was" />}
      onClose={onClose}
    />
  )
}

/** Releases everything that a handle holds. */
export function ReleaseHandle({ handle, onClose }: { handle: string; onClose: () => void }): JSX.Element {
  return (
    <ChangeDialog
      title={`Release everything of ${handle}`}
      isDanger
      draft={handle}
      change={(query) => (api) => api.DELETE('/ipam/v1/handles/{handle}', { params: { path: { handle }, query } })}
      preview={(answer) => <ReleaseTold answer={answer} tense="would be" />}
      outcome={(answer) => <ReleaseTold answer={answer} tense="was" />}
      onClose={onClose}
    />
  )
}

/** What a release did, or would do. */
function ReleaseTold({ answer, tense }: { answer: Schemas['Release']; tense: 'would be' | 'was' }): JSX.Element {
  const { released, unallocated, failed, isComplete } = answer
  const verb = tense === 'was' && released.length !== 1 ? 'were' : tense
  return (
    <div>
      <p>
        {counted(released.length, 'address', 'addresses')} {verb} released{released.length > 0 && ':'}
      </p>
      <AddressTexts addresses={released} />
      {unallocated.length > 0 && (
        <>
          <p>Not assigned:</p>
          <AddressTexts addresses={unallocated} />
        </>
      )}
      {failed.length > 0 && (
        <ul class="note trouble">
          {failed.map(({ address, message }) => (
            <li key={address}>
              <span class="mono">{address}</span> {message}
            </li>
          ))}
        </ul>
      )}
      {!isComplete && <p>The call was interrupted. What it did stays done; do it again for the rest.</p>}
    </div>
  )
}
