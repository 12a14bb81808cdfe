import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { AssignDialog, ReleaseHandle } from '../../actions/index.ts'
import { may } from '../../api/index.ts'
import { AddressList, Heading } from '../../parts/index.ts'

/** A handle: what it holds. */
export function HandleView({ handle }: { handle: string }): JSX.Element {
  const [action, setAction] = useState<'assign' | 'release'>()
  const close = (): void => setAction(undefined)
  return (
    <>
      <Heading kind="Handle" title={handle} isName>
        {may('assign', 'addresses') && (
          <button type="button" class="button" onClick={() => setAction('assign')}>
            Assign more
          </button>
        )}
        {may('release', 'addresses') && (
          <button type="button" class="button danger" onClick={() => setAction('release')}>
            Release everything
          </button>
        )}
      </Heading>
      <AddressList title="Holds" of={{ handle }} without={['handle']} empty="The handle holds no address." />
      {action === 'assign' && <AssignDialog initial={{ handle }} onClose={close} />}
      {action === 'release' && <ReleaseHandle handle={handle} onClose={close} />}
    </>
  )
}
