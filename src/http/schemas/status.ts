import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { type CauseReason, type Reason, shorten } from '../../plan/index.ts'
import { type RefusalError, reasons } from '../wire/index.ts'
import { oneOf, ref } from './fields.ts'

/** One cause of a failure: a field or a pool, and what is wrong with it. */
export const StatusCause = Type.Object(
  {
    reason: Type.Unsafe<CauseReason>({
      type: 'string',
      description: 'The reason, for programs.',
      examples: ['FieldValueInvalid'],
    }),
    message: Type.String({ description: 'The value, what is wrong with it, and what would be right.' }),
    field: Type.String({ description: 'The field of the request, or the pool.', examples: ['addresses[0].handle'] }),
  },
  { $id: 'StatusCause', additionalProperties: false, description: 'One cause of a failure.' },
)

/** The object of a Status, and more about the failure. */
export const StatusDetails = Type.Object(
  {
    name: Type.Optional(Type.String({ description: 'The name of the object.' })),
    group: Type.Optional(Type.String({ description: 'The API group of the object.' })),
    kind: Type.Optional(Type.String({ description: 'The kind or the resource of the object.' })),
    uid: Type.Optional(Type.String({ description: 'The UID of the object.' })),
    causes: Type.Optional(Type.Array(ref(StatusCause))),
    retryAfterSeconds: Type.Optional(
      Type.Integer({
        format: 'int32',
        description: 'Seconds to wait before trying again; as in the header `Retry-After`.',
      }),
    ),
  },
  {
    $id: 'StatusDetails',
    additionalProperties: false,
    description: 'The object of a Status, and more about the failure.',
  },
)

const reasonsInWords = Object.entries(reasons)
  .map(([reason, { code, when }]) => `- \`${reason}\` (${code}): ${when}`)
  .join('\n')

/** The body of every failure, and of a completed delete: Kubernetes' `Status` (meta/v1). */
export const Status = Type.Object(
  {
    kind: Type.Literal('Status'),
    apiVersion: Type.Literal('v1'),
    metadata: Type.Object({}, { additionalProperties: false }),
    status: oneOf(['Failure', 'Success'], { title: 'StatusOutcome' }),
    message: Type.Optional(Type.String({ description: 'For people; may change.' })),
    reason: Type.Optional(
      Type.Unsafe<Reason>(oneOf(Object.keys(reasons), { title: 'StatusReason', description: reasonsInWords })),
    ),
    details: Type.Optional(ref(StatusDetails)),
    code: Type.Optional(Type.Integer({ format: 'int32', description: 'The HTTP status code.', examples: [422] })),
  },
  {
    $id: 'Status',
    additionalProperties: false,
    description: 'The response of every failure, and of a completed delete.',
  },
)
export type Status = Static<typeof Status>

/** Causes in one response: enough to correct a request, and a limit on what a hostile request gets back. */
const causesMax = 100

/** Characters of a message and of the other texts: a request may have names and lists of any length. */
const messageLengthMax = 16_384
const textLengthMax = 1_024

/** Makes the `Status` of a refusal. */
export function statusOf(error: RefusalError): Status {
  const { reason } = error.refusal
  const message = shorten(error.refusal.message, messageLengthMax)
  const causes = error.refusal.causes.slice(0, causesMax).map(({ reason, message, field }) => ({
    reason,
    message: shorten(message, textLengthMax),
    field: shorten(field, textLengthMax),
  }))
  const { name, ...subject } = error.subject ?? {}
  const details = {
    ...(name !== undefined && { name: shorten(name, textLengthMax) }),
    ...subject,
    ...(causes.length > 0 && { causes }),
    ...(error.retryAfterSeconds !== undefined && { retryAfterSeconds: error.retryAfterSeconds }),
  }
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(Object.keys(details).length > 0 && { details }),
    code: reasons[reason].code,
  }
}
