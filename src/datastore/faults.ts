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

/** A read asked for a revision that etcd has compacted away. */
export class RevisionCompacted extends Error {
  constructor(cause: unknown) {
    super('The revision is no longer in etcd: it has been compacted.', { cause })
    this.name = 'RevisionCompacted'
  }
}

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
