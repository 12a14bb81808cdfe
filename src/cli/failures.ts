import type { components } from '../../openapi/ippoold.d.ts'

type Status = components['schemas']['Status']
type StatusReason = components['schemas']['StatusReason']

/** How the command ends, for scripts. docs/command-line.md lists them. */
export const exitCodes = {
  done: 0,
  /** The answer is no, or a part was not done: findings, a right that is missing, addresses that were not released. */
  no: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  insufficient: 5,
  forbidden: 6,
  invalid: 7,
  unreachable: 8,
  unknown: 9,
  failure: 10,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends a command early. Has the message to print, and the exit code. */
export class Failure extends Error {
  readonly exitCode: ExitCode
  /** The remedy, if one is known. */
  readonly advice: string | undefined

  constructor(exitCode: ExitCode, message: string, advice?: string) {
    super(message)
    this.name = 'Failure'
    this.exitCode = exitCode
    this.advice = advice
  }
}

/** Makes the failure of a command that was called in a wrong way. */
export function usageFailure(message: string, advice?: string): Failure {
  return new Failure(exitCodes.usage, message, advice)
}

/** A refusal of the server. */
export class Refused extends Failure {
  readonly status: Status

  constructor(httpStatus: number, status: Status) {
    const { exitCode, advice } = status.reason === undefined ? kindOf(httpStatus) : kinds[status.reason]
    super(exitCode, messageOf(status), advice)
    this.name = 'Refused'
    this.status = status
  }
}

interface Kind {
  readonly exitCode: ExitCode
  readonly advice?: string
}

const askAgain = 'Nothing was changed. Run the command again later.'

const kinds: Readonly<Record<StatusReason, Kind>> = {
  BadRequest: { exitCode: exitCodes.invalid },
  Unauthorized: {
    exitCode: exitCodes.forbidden,
    advice: 'Give a valid credential: --token, or a context with one (--context).',
  },
  Forbidden: {
    exitCode: exitCodes.forbidden,
    advice: '"ippool can-i --list" shows what you may do; an administrator can allow more with an AccessPolicy.',
  },
  NotFound: { exitCode: exitCodes.notFound },
  MethodNotAllowed: { exitCode: exitCodes.invalid, advice: 'Is the server an ippoold of this version?' },
  NotAcceptable: { exitCode: exitCodes.invalid, advice: 'Is the server an ippoold of this version?' },
  RequestTimeout: { exitCode: exitCodes.unreachable, advice: askAgain },
  AlreadyExists: { exitCode: exitCodes.conflict, advice: 'Choose another name, or change the one that exists.' },
  AddressInUse: { exitCode: exitCodes.conflict, advice: '"ippool who ADDRESS" shows who holds an address.' },
  Conflict: { exitCode: exitCodes.conflict },
  InsufficientAddresses: {
    exitCode: exitCodes.insufficient,
    advice: '"ippool pools" shows how full the pools are. --partial takes what there is.',
  },
  Expired: { exitCode: exitCodes.conflict, advice: 'The list took too long. Run the command again.' },
  RequestEntityTooLarge: { exitCode: exitCodes.invalid, advice: 'Ask for less at once.' },
  UnsupportedMediaType: { exitCode: exitCodes.invalid, advice: 'Is the server an ippoold of this version?' },
  MisdirectedRequest: {
    exitCode: exitCodes.invalid,
    advice: 'Call the server by a name that it serves, or add this one to its IPPOOLD_ALLOWED_HOSTS.',
  },
  IdempotencyKeyReused: { exitCode: exitCodes.conflict, advice: 'Choose a new --idempotency-key for a new call.' },
  Invalid: { exitCode: exitCodes.invalid },
  TooManyRequests: { exitCode: exitCodes.unreachable, advice: askAgain },
  InternalError: { exitCode: exitCodes.failure, advice: 'The log of the server says more.' },
  OutcomeUnknown: { exitCode: exitCodes.unknown },
  ServiceUnavailable: { exitCode: exitCodes.unreachable, advice: askAgain },
  Timeout: { exitCode: exitCodes.unreachable, advice: askAgain },
}

/** For an answer without a reason: not of ippoold, but of something in between. */
function kindOf(httpStatus: number): Kind {
  if (httpStatus === 401 || httpStatus === 403) return { exitCode: exitCodes.forbidden }
  if (httpStatus === 404) return { exitCode: exitCodes.notFound, advice: 'Is the server an ippoold?' }
  return { exitCode: [429, 502, 503, 504].includes(httpStatus) ? exitCodes.unreachable : exitCodes.failure }
}

/** The message, followed by the causes that it does not repeat. */
function messageOf({ message = '', reason, details }: Status): string {
  const further = (details?.causes ?? []).filter((cause) => !message.includes(cause.message))
  const causes = further.map((cause) => `\n  ${cause.field === '' ? '' : `${cause.field}: `}${cause.message}`)
  return `${message.replace(/\.$/, '') || 'The server gives no message'}${reason === undefined ? '' : ` (${reason})`}${causes.join('')}`
}
