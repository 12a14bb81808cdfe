import { isJsonArray, isJsonObject, type JsonObject } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import { duplicate, notSupported, required } from './causes.ts'
import { textIn } from './metadata.ts'

/** What a condition can say of what it is about. */
export const conditionStatuses = ['True', 'False', 'Unknown']

/** Everything that is wrong with the conditions of a status whose fields are of the right types. */
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
