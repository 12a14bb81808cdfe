import { DatastoreUnavailable } from '../../datastore/index.ts'
import { refusal, RefusalError, type Subject } from './errors.ts'

/** How a caller finds out. Both repetitions are proved against the first call, which can only come to be before them or not at all. */
const advice = [
  'To be certain, send the call again as it was if it is a PUT or DELETE, or has an Idempotency-Key;',
  'otherwise GET what the handle holds, from a server that is ready.',
].join(' ')

/** What a caller is told of whose change nobody can say in time whether it was made. There is no `Retry-After`: see there. */
export function refuseToGuess(fault: DatastoreUnavailable, subject?: Subject): RefusalError {
  return refusal('OutcomeUnknown', `${fault.message} ${advice}`, { cause: fault, subject })
}

/** Throws `fault`; when the outcome is unknown, together with the handle, which is the caller's only trace if the server made it up. */
export function naming(handle: string): (fault: unknown) => never {
  return (fault) => {
    const isUnknown = fault instanceof DatastoreUnavailable && fault.code === 'OutcomeUnknown'
    throw isUnknown ? refuseToGuess(fault, { kind: 'handle', name: handle }) : fault
  }
}

/** True if it is certain that the transaction which failed with `fault` changed nothing. */
export function changedNothing(fault: unknown): boolean {
  return fault instanceof RefusalError || (fault instanceof DatastoreUnavailable && fault.code !== 'OutcomeUnknown')
}
