import { type Fields, isFields } from '../fields.ts'

/** Something wrong with one field of what was sent, or with one pool, in the server's words. */
export interface Cause {
  readonly field: string
  readonly reason: string
  readonly message: string
}

/** Why a call did not do what it was asked for. */
export interface Problem {
  /** The status of HTTP; 0 if no answer came. */
  readonly status: number
  readonly reason: string
  readonly message: string
  readonly causes: readonly Cause[]
}

/** No answer came: the server cannot be reached. */
export const unreachable: Problem = {
  status: 0,
  reason: 'Unreachable',
  message: 'The server cannot be reached.',
  causes: [],
}

/** Reads a `Status`. What is none, such as the page of a proxy, is told by its status. */
export function readProblem(status: number, body: unknown): Problem {
  const fields = isFields(body) ? body : {}
  const details = isFields(fields['details']) ? fields['details'] : {}
  const causes = Array.isArray(details['causes']) ? details['causes'].filter(isFields).map(readCause) : []
  return {
    status,
    reason: textOr(fields['reason'], 'Failure'),
    message: textOr(fields['message'], `The server answered with the status ${status}.`),
    causes,
  }
}

/** The causes that blame this field, or a part of it. */
export function causesAt(problem: Problem | undefined, field: string): readonly Cause[] {
  return (problem?.causes ?? []).filter(
    (cause) => cause.field === field || cause.field.startsWith(`${field}.`) || cause.field.startsWith(`${field}[`),
  )
}

function readCause(cause: Fields): Cause {
  return {
    field: textOr(cause['field'], ''),
    reason: textOr(cause['reason'], ''),
    message: textOr(cause['message'], ''),
  }
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}
