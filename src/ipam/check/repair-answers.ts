import { answerOnly, type Plan, type Write } from '../../plan/index.ts'

/**
 * The outcome of a repair. `Repaired`: the fault was proved again, and is repaired. `NotFound`: the fault does not exist, or the key was
 * written meanwhile, so that it may be the moment between two writes of another client. `Refused`: the fault cannot be repaired now.
 */
export interface RepairAnswer {
  readonly outcome: 'Repaired' | 'NotFound' | 'Refused'
  readonly message: string
  /** Given if there is more to repair than fits into one transaction: see `Step`. */
  readonly next?: string
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
export function repaired(message: string, writes: readonly Write[], next?: string): Plan<RepairAnswer> {
  return { answer: { outcome: 'Repaired', message, ...(next !== undefined && { next }) }, writes }
}
