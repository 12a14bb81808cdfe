import { useEffect, useRef, useState } from 'preact/hooks'
import { type Call, type Outcome, perform, type Problem } from '../api/index.ts'

/** A change of the API: as a dry run, or for good. */
export type Change<Answer> = (dryRun: { readonly dryRun?: 'All' }) => Call<Answer>

/** A change on its way from what would happen to what happened. */
export interface ChangeState<Answer> {
  /** What would happen, by the server's dry run; undefined until it has answered. */
  readonly preview: Outcome<Answer> | undefined
  /** Why the change was refused when it was to be made. */
  readonly problem: Problem | undefined
  /** What happened. */
  readonly done: Answer | undefined
  readonly isBusy: boolean
  readonly carryOut: () => Promise<void>
  /** Asks once more what would happen. */
  readonly look: () => void
}

/** Typing pauses for this long before the server is asked. */
const pauseMs = 250

/**
 * Asks what a change would do, whenever `draft` changes, and makes it when told. `draft` is the change as text; undefined while it is not
 * complete, so that the server is not asked.
 */
export function useChange<Answer>(draft: string | undefined, change: Change<Answer>): ChangeState<Answer> {
  const [preview, setPreview] = useState<{ draft: string; outcome: Outcome<Answer> }>()
  const [problem, setProblem] = useState<Problem>()
  const [done, setDone] = useState<Answer>()
  const [isBusy, setBusy] = useState(false)
  const [looks, setLooks] = useState(0)
  const isFirst = useRef(true)

  useEffect(() => {
    setProblem(undefined)
    if (draft === undefined || done !== undefined) return undefined
    let isOver = false
    const look = async (): Promise<void> => {
      const outcome = await perform(change({ dryRun: 'All' }))
      if (!isOver) setPreview({ draft, outcome })
    }
    const timer = setTimeout(() => void look(), isFirst.current ? 0 : pauseMs)
    isFirst.current = false
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [draft, looks])

  const carryOut = async (): Promise<void> => {
    setBusy(true)
    const outcome = await perform(change({}))
    setBusy(false)
    if (outcome.ok) setDone(outcome.data)
    else setProblem(outcome.problem)
  }
  return {
    preview: preview?.draft === draft ? preview?.outcome : undefined,
    problem,
    done,
    isBusy,
    carryOut,
    look: () => setLooks((count) => count + 1),
  }
}
