import { type Json, stringifyJson } from '../../model/index.ts'
import { type Cause, shorten } from '../../plan/index.ts'

/**
 * Causes in the words of Kubernetes' field errors, which kubectl prints as they are: the value as given, then what would be right.
 * @see docs/kubernetes-api.md section 6
 */

/** A value that is not right; `problem` says what would be. */
export function invalid(field: string, value: Json, problem: string): Cause {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${quote(value)}: ${problem}` }
}

/** A field that must be given; `hint` says what with. */
export function required(field: string, hint: string): Cause {
  return { field, reason: 'FieldValueRequired', message: `Required value: ${hint}` }
}

/** A value that is none of those that there are. */
export function notSupported(field: string, value: Json, supported: readonly string[]): Cause {
  const values = supported.map((text) => JSON.stringify(text)).join(', ')
  return {
    field,
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${quote(value)}: supported values: ${values}`,
  }
}

/** A value that is right by itself and not allowed here. */
export function forbidden(field: string, problem: string): Cause {
  return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${problem}` }
}

/** A value that a set holds already. */
export function duplicate(field: string, value: Json): Cause {
  return { field, reason: 'FieldValueDuplicate', message: `Duplicate value: ${quote(value)}` }
}

/** A value of the wrong JSON type; `wanted` names the right one. */
export function wrongType(field: string, value: Json, wanted: string): Cause {
  return { field, reason: 'FieldValueTypeInvalid', message: `Invalid value: ${quote(value)}: must be ${wanted}` }
}

/** A value as given, short enough for a message. */
export function quote(value: Json): string {
  return shorten(stringifyJson(value))
}
