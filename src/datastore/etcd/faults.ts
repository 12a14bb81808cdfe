/**
 * The datastore could not do what was asked. For every code but `OutcomeUnknown` nothing was changed and nothing is held, so the
 * caller may simply repeat the call.
 */
export class DatastoreUnavailable extends Error {
  readonly code: 'ServiceUnavailable' | 'Timeout' | 'RequestEntityTooLarge' | 'OutcomeUnknown'
  readonly retryAfterSeconds: number

  constructor(
    code: DatastoreUnavailable['code'],
    message: string,
    options?: { cause?: unknown; retryAfterSeconds?: number },
  ) {
    super(message, { cause: options?.cause })
    this.name = 'DatastoreUnavailable'
    this.code = code
    this.retryAfterSeconds = options?.retryAfterSeconds ?? 1
  }
}

/** What an operation hears that the server gives up because it is going to stop. */
export function stopping(): DatastoreUnavailable {
  return new DatastoreUnavailable('ServiceUnavailable', 'The server is stopping; nothing was changed.')
}

/** What a caller hears for whom there is no room beside the `waiting` ones. */
export function queueFull(waiting: number): DatastoreUnavailable {
  return new DatastoreUnavailable(
    'ServiceUnavailable',
    `${String(waiting)} calls are waiting, which is all that this server takes; nothing was changed. Try again.`,
  )
}

/** What an operation hears whose time was over before anything of it was sent to etcd, or after that was kept out for ever. */
export function expired(): DatastoreUnavailable {
  return new DatastoreUnavailable('Timeout', 'The deadline passed before anything was changed. Try again.')
}

/** What an operation hears of which nobody can tell, in the time that its caller waits, whether it was carried out. */
export function outcomeUnknown(): DatastoreUnavailable {
  return new DatastoreUnavailable(
    'OutcomeUnknown',
    'etcd did not answer in time: the change may have been made, and may still be.',
  )
}

/** What an operation hears that did not get as far as etcd. */
export function unreachable(cause: Error): DatastoreUnavailable {
  return new DatastoreUnavailable('ServiceUnavailable', 'etcd cannot be reached; nothing was changed. Try again.', {
    cause,
  })
}

/** What an operation hears that etcd does not carry out, and says so. */
export function refusedByEtcd(cause: Error): DatastoreUnavailable {
  if (cause.message.includes('database space exceeded'))
    return new DatastoreUnavailable('ServiceUnavailable', noSpace, { cause })
  return new DatastoreUnavailable('ServiceUnavailable', 'etcd refused the call; nothing was changed.', { cause })
}

const noSpace = [
  'The database of etcd is full; nothing was changed. Whoever runs etcd has to raise its quota, or to make room:',
  'etcdctl compact, etcdctl defrag; and then etcdctl alarm disarm.',
].join(' ')

/** What an operation hears that no transaction can hold; `what` says what it would take. */
export function tooLarge(what: string, cause?: Error): DatastoreUnavailable {
  return new DatastoreUnavailable(
    'RequestEntityTooLarge',
    `The call needs ${what}; nothing was changed. Ask for fewer addresses in one call.`,
    { cause },
  )
}

/** A read asked for a revision that etcd has compacted away. */
export class RevisionCompacted extends Error {
  constructor(cause: unknown) {
    super('etcd has compacted the revision away.', { cause })
    this.name = 'RevisionCompacted'
  }
}

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
