import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Schemas } from '../api/index.ts'
import { SelectField } from '../parts/index.ts'
import { counted } from '../text/index.ts'
import { ChangeDialog } from './change-dialog.tsx'

type Pool = Schemas['IPPool']

interface OfPool {
  readonly pool: Pool
  readonly onClose: () => void
}

const path = '/apis/projectcalico.org/v3/ippools/{name}'

/** Disables a pool, so that it empties, or enables it again. */
export function DrainPool({ pool, onClose }: OfPool): JSX.Element {
  const name = nameOf(pool)
  const [disabled] = useState(pool.spec.disabled !== true)
  const { resourceVersion } = pool.metadata
  return (
    <ChangeDialog
      title={disabled ? `Drain ${name}` : `Enable ${name}`}
      draft={`${name} ${String(disabled)} ${resourceVersion ?? ''}`}
      change={(query) => (api) =>
        api.PATCH(path, {
          params: { path: { name }, query },
          body: { metadata: { resourceVersion }, spec: { disabled } },
          headers: { 'content-type': 'application/merge-patch+json' },
        })
      }
      preview={() => (
        <p>
          {disabled
            ? 'The pool would assign no new addresses. Those that are held stay until they are released.'
            : 'The pool would assign addresses again.'}
        </p>
      )}
      outcome={() => (
        <p>
          {disabled
            ? 'The pool assigns no new addresses any more. It empties as addresses are released.'
            : 'The pool assigns addresses again.'}
        </p>
      )}
      onClose={onClose}
    />
  )
}

/** Deletes a pool, at once or when its last address is released. */
export function DeletePool({ pool, onClose }: OfPool): JSX.Element {
  const name = nameOf(pool)
  return (
    <ChangeDialog
      title={`Delete ${name}`}
      isDanger
      draft={name}
      change={(query) => (api) => api.DELETE(path, { params: { path: { name }, query } })}
      preview={(answer) => <DeletionTold answer={answer} isDone={false} />}
      outcome={(answer) => <DeletionTold answer={answer} isDone />}
      onClose={onClose}
    />
  )
}

function DeletionTold({ answer, isDone }: { answer: Schemas['IPPoolDeletion']; isDone: boolean }): JSX.Element {
  const isGone = answer.kind === 'Status'
  if (isDone)
    return (
      <p>
        {isGone
          ? 'The pool is deleted.'
          : 'The pool is terminating: it assigns nothing, and is deleted when its last address is released.'}
      </p>
    )
  return (
    <p>
      {isGone
        ? 'No address of the pool is in use: it would be deleted at once.'
        : 'Addresses of the pool are in use. It would assign no new ones, and be deleted when the last one is released. That cannot be taken back.'}
    </p>
  )
}

const partCounts = ['2', '4', '8', '16', '32', '64'] as const

/** Splits a pool into equal parts. All assignments stay. */
export function SplitPool({ pool, onClose }: OfPool): JSX.Element {
  const name = nameOf(pool)
  const [parts, setParts] = useState('2')
  return (
    <ChangeDialog
      title={`Split ${name}`}
      draft={`${name} ${parts}`}
      change={(query) => (api) =>
        api.POST('/ipam/v1/pools/{name}/split', { params: { path: { name }, query }, body: { parts: Number(parts) } })
      }
      preview={(answer) => <SplitTold answer={answer} isDone={false} />}
      outcome={(answer) => <SplitTold answer={answer} isDone />}
      onClose={onClose}
    >
      {(problem) => (
        <SelectField
          label="Parts"
          value={parts}
          onValue={setParts}
          options={partCounts.map((count) => [count, count])}
          blamed={['parts']}
          problem={problem}
        />
      )}
    </ChangeDialog>
  )
}

function SplitTold({ answer, isDone }: { answer: Schemas['SplitAnswer']; isDone: boolean }): JSX.Element {
  return (
    <div>
      <p>
        {answer.pool} {isDone ? 'is' : 'would be'} replaced by {counted(answer.parts.length, 'pool')}; all assignments
        stay.
      </p>
      <ul class="pairs">
        {answer.parts.map(({ name, cidr }) => (
          <li key={name}>
            <span class="mono">{name}</span> <span class="mono quiet">{cidr}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}

function nameOf({ metadata }: Pool): string {
  return metadata.name ?? ''
}
