import { DatastoreUnavailable } from '../faults.ts'

/** Nobody can tell before the caller's deadline whether the commit was applied. */
export function outcomeUnknown(): DatastoreUnavailable {
  return new DatastoreUnavailable(
    'OutcomeUnknown',
    'etcd did not answer in time: the change may have been made, or may still be made.',
  )
}

/** The operation did not reach etcd. */
export function unreachable(cause: Error): DatastoreUnavailable {
  return new DatastoreUnavailable('ServiceUnavailable', 'etcd cannot be reached; nothing was changed. Try again.', {
    cause,
  })
}

/** etcd refused the operation. */
export function refusedByEtcd(cause: Error): DatastoreUnavailable {
  const message = cause.message.includes('database space exceeded')
    ? noSpace
    : 'etcd refused the call; nothing was changed.'
  return new DatastoreUnavailable('ServiceUnavailable', message, { cause })
}

const noSpace = [
  "The database of etcd is full; nothing was changed. Raise etcd's quota, or make room:",
  'etcdctl compact, etcdctl defrag, then etcdctl alarm disarm.',
].join(' ')

/** Returns what was thrown as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
