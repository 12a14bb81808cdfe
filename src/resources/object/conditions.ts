import { Type } from '@sinclair/typebox'
import { isJsonArray, isJsonObject, type JsonObject } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import { duplicate, notSupported, required } from './causes.ts'
import { textIn } from './json.ts'

/** A condition: one statement about the state of an object. */
export const Condition = Type.Object(
  {
    type: Type.String({ examples: ['Allocatable'] }),
    status: Type.String({ description: '`True`, `False` or `Unknown`.', examples: ['False'] }),
    observedGeneration: Type.Optional(Type.Integer({ format: 'int64' })),
    lastTransitionTime: Type.Optional(Type.String({ format: 'date-time', examples: ['2026-11-23T04:10:00Z'] })),
    reason: Type.Optional(Type.String({ examples: ['Terminating'] })),
    message: Type.Optional(Type.String()),
  },
  { title: 'Condition', additionalProperties: true, description: 'One statement about the state of an object.' },
)

/** The possible statuses of a condition. */
export const conditionStatuses = ['True', 'False', 'Unknown']

/** Checks the conditions of a status, whose fields have the right JSON types. Returns every problem. */
export function validateConditions(status: JsonObject): readonly Cause[] {
  const { conditions } = status
  if (!isJsonArray(conditions)) return []
  const known = new Set<string>()
  return conditions.filter(isJsonObject).flatMap((condition, index) => {
    const path = `status.conditions[${String(index)}]`
    const [type, said] = [textIn(condition, 'type'), textIn(condition, 'status')]
    const isKnown = known.has(type)
    known.add(type)
    return [
      ...(type === '' ? [required(`${path}.type`, 'must not be empty')] : []),
      ...(type !== '' && isKnown ? [duplicate(path, { type })] : []),
      ...(conditionStatuses.includes(said) ? [] : [notSupported(`${path}.status`, said, conditionStatuses)]),
    ]
  })
}
