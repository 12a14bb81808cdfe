/** The datastore could not do what was asked. Unless the code is `OutcomeUnknown`, nothing was changed, and the caller may try again. */
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

/** The details of a log line about `error`: of a fault of the datastore its reason, of anything else, which is a bug, the stack too. */
export function detailsOf(error: unknown): object {
  if (!(error instanceof DatastoreUnavailable)) return { err: error }
  const { message: reason, cause } = error
  return cause instanceof Error ? { reason, cause: cause.message.trim() } : { reason }
}

/** A read asked for a revision that is no longer in the datastore's history. */
export class RevisionCompacted extends Error {
  constructor(cause: unknown) {
    super('The datastore no longer has the history of this revision.', { cause })
    this.name = 'RevisionCompacted'
  }
}

/** A store that cannot be opened. The message says which store and why, for the person who starts the server. */
export class DatastoreNotOpened extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'DatastoreNotOpened'
  }
}

/** The store is not open yet. */
export function starting(): DatastoreUnavailable {
  return new DatastoreUnavailable('ServiceUnavailable', 'The server is starting; nothing was changed. Try again.')
}

/** The server stops, and gives the operation up. */
export function stopping(): DatastoreUnavailable {
  return new DatastoreUnavailable('ServiceUnavailable', 'The server is stopping; nothing was changed.')
}

/** `waiting` operations are in the queue, which has no room for another. */
export function queueFull(waiting: number): DatastoreUnavailable {
  return new DatastoreUnavailable(
    'ServiceUnavailable',
    `The server's queue is full (${waiting} calls); nothing was changed. Try again.`,
  )
}

/** The deadline passed before anything of the operation was sent, or its commit was kept out for good. */
export function expired(): DatastoreUnavailable {
  return new DatastoreUnavailable('Timeout', 'The deadline passed before anything was changed. Try again.')
}

/** Nobody can tell before the caller's deadline whether the commit was applied. */
export function outcomeUnknown(): DatastoreUnavailable {
  return new DatastoreUnavailable(
    'OutcomeUnknown',
    'The datastore did not answer in time: the change may have been made, or may still be made.',
  )
}

/** No transaction can hold the operation; `needed` says what it would take. */
export function tooLarge(needed: string, cause?: Error): DatastoreUnavailable {
  return new DatastoreUnavailable(
    'RequestEntityTooLarge',
    `The call needs ${needed}; nothing was changed. Ask for fewer addresses in one call.`,
    { cause },
  )
}
