import { Type } from '@sinclair/typebox'
import { isJsonArray, isJsonObject } from '../../model/index.ts'
import { type Result, refuse, success } from '../../plan/index.ts'
import { checkFields, textIn, objectIn, jsonOf } from '../object/index.ts'
import type { Preconditions } from '../reading.ts'

/** The optional body of a delete. */
const DeleteOptions = Type.Object(
  {
    kind: Type.Optional(Type.String()),
    apiVersion: Type.Optional(Type.String()),
    preconditions: Type.Optional(
      Type.Object(
        {
          uid: Type.Optional(Type.String({ description: 'Delete only the object with this UID.' })),
          resourceVersion: Type.Optional(
            Type.String({ description: 'Delete the object only if it has this version.' }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    dryRun: Type.Optional(
      Type.Array(Type.String({ enum: ['All'] }), {
        description: '`All`: answer as if the object were deleted, but write nothing.',
      }),
    ),
    propagationPolicy: Type.Optional(
      Type.String({ description: 'Accepted and ignored: nothing depends on these objects.' }),
    ),
    orphanDependents: Type.Optional(
      Type.Boolean({ description: 'Accepted and ignored: nothing depends on these objects.' }),
    ),
    gracePeriodSeconds: Type.Optional(
      Type.Integer({ description: 'Accepted and ignored: there is nothing to wait for.' }),
    ),
  },
  {
    $id: 'DeleteOptions',
    additionalProperties: false,
    description: 'The options of a delete.',
    examples: [{ preconditions: { uid: '7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10' } }],
  },
)

/** The options of a delete, read. */
export interface DeleteRequest {
  readonly preconditions: Preconditions
  readonly isDryRun: boolean
}

/**
 * Reads the body of a delete, which may be missing or empty. Refuses unknown fields, because a misspelt precondition would have no
 * effect.
 */
export function readDeleteOptions(body: unknown): Result<DeleteRequest> {
  if (body === undefined || body === null) return success({ preconditions: {}, isDryRun: false })
  const given = jsonOf(body)
  if (!isJsonObject(given)) return refuse('BadRequest', 'the body of a delete must be an object of kind DeleteOptions')
  const { object, unknown, causes } = checkFields(DeleteOptions, given, { path: '', isComplete: false })
  const problems = [
    ...causes,
    ...unknown.map(
      (field) => ({ field, reason: 'FieldValueForbidden', message: `unknown field ${JSON.stringify(field)}` }) as const,
    ),
  ]
  if (problems.length > 0) {
    return refuse('BadRequest', problems.map(({ field, message }) => `${field}: ${message}`).join(', '), problems)
  }
  const dryRun = isJsonArray(object['dryRun']) ? object['dryRun'] : []
  if (dryRun.some((option) => option !== 'All')) return refuse('BadRequest', 'dryRun: supported values: "All"')
  const preconditions = objectIn(object, 'preconditions')
  return success({
    preconditions: { uid: textIn(preconditions, 'uid'), resourceVersion: textIn(preconditions, 'resourceVersion') },
    isDryRun: dryRun.length > 0,
  })
}
