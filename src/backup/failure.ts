/** What is wrong: the flags, something that exists already, the backup itself, etcd, a right, or anything else. */
export type FailureKind = 'flags' | 'exists' | 'damaged' | 'unreachable' | 'denied' | 'other'

/** A backup that cannot be taken or restored. The message says why, and what would be right. */
export class BackupFailure extends Error {
  readonly kind: FailureKind

  constructor(kind: FailureKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.name = 'BackupFailure'
    this.kind = kind
  }
}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
