import { answerOnly, type Plan, type Write } from '../../plan/index.ts'

/**
 * What a repair came to. `Repaired`: the fault was proved once more, and is mended. `Partly`: there is more of it, and the repair is to be
 * called again. `NotFound`: the fault is not there any more, or the key was written meanwhile, so that it may be the moment
 * between two writes of somebody else. `Refused`: it is there, and cannot be mended at present.
 */
export interface RepairAnswer {
  readonly outcome: 'Repaired' | 'Partly' | 'NotFound' | 'Refused'
  readonly message: string
}

/** An answer without a change. */
export function notFound(message = 'The fault no longer exists.'): Plan<RepairAnswer> {
  return answerOnly({ outcome: 'NotFound', message })
}

/** An answer without a change. */
export function refused(message: string): Plan<RepairAnswer> {
  return answerOnly({ outcome: 'Refused', message })
}

/** The changes that mend it. */
export function repaired(
  message: string,
  writes: readonly Write[],
  outcome: 'Repaired' | 'Partly' = 'Repaired',
): Plan<RepairAnswer> {
  return { answer: { outcome, message }, writes }
}
