import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Problem } from '../api/index.ts'
import { Conflict } from '../merging/index.ts'
import { Curl, Dialog, Trouble } from '../parts/index.ts'
import type { EntriesConflict } from './use-base.ts'
import { type Change, useChange } from './use-change.ts'

interface ChangeDialogProps<Answer> {
  /** The button's words: a verb and its object. */
  readonly title: string
  readonly isDanger?: boolean
  /** The change as text, see {@link useChange}. */
  readonly draft: string | undefined
  readonly change: Change<Answer>
  /** Somebody else has changed the object meanwhile: nothing is asked or done before the person has decided how to go on. */
  readonly conflict?: EntriesConflict | undefined
  /** The inputs; they get what the server finds wrong, to show it where it is. */
  readonly children?: (problem: Problem | undefined) => ComponentChildren
  /** What would happen. */
  readonly preview: (answer: Answer) => ComponentChildren
  /** What happened. */
  readonly outcome: (answer: Answer) => ComponentChildren
  readonly onClose: () => void
}

/** The form of every action: what is asked for, what would happen, the button that does it, and what happened. */
export function ChangeDialog<Answer>({
  title,
  isDanger = false,
  draft: edited,
  change,
  conflict,
  children,
  preview,
  outcome,
  onClose,
}: ChangeDialogProps<Answer>): JSX.Element {
  const draft = conflict === undefined ? edited : undefined
  const state = useChange(draft, change)
  const [isCurl, setCurl] = useState(false)
  const refused = state.preview?.ok === false ? state.preview.problem : undefined
  if (state.done !== undefined) {
    return (
      <Dialog title={title} onClose={onClose}>
        <div class="note good" role="status">
          {outcome(state.done)}
        </div>
        <div class="buttons">
          <button type="button" class="button main" onClick={onClose}>
            Close
          </button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title={title} onClose={onClose}>
      {children?.(state.problem ?? refused)}
      {conflict !== undefined ? (
        <Conflict {...conflict} />
      ) : (
        <Preview draft={draft} problem={state.problem ?? refused}>
          {state.preview?.ok === true && state.problem === undefined ? preview(state.preview.data) : undefined}
        </Preview>
      )}
      {isCurl && <Curl what={title} call={change({})} />}
      <div class="buttons">
        <button
          type="button"
          class={isDanger ? 'button danger main' : 'button main'}
          disabled={state.preview?.ok !== true || state.isBusy}
          onClick={() => void state.carryOut()}
        >
          {title}
        </button>
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="button plain end" disabled={draft === undefined} onClick={() => setCurl(!isCurl)}>
          Show as curl
        </button>
      </div>
    </Dialog>
  )
}

interface PreviewProps {
  readonly draft: string | undefined
  readonly problem: Problem | undefined
  readonly children: ComponentChildren
}

/** What would happen; its place is kept while the server is asked, so that the button below stays where it is. */
export function Preview({ draft, problem, children }: PreviewProps): JSX.Element {
  return (
    <div class="preview" aria-live="polite">
      <p class="quiet small">What would happen</p>
      {problem !== undefined ? (
        <Trouble problem={problem} />
      ) : draft === undefined ? (
        <p class="quiet">Fill in the fields above.</p>
      ) : (
        (children ?? <p class="quiet">Asking the server …</p>)
      )}
    </div>
  )
}
