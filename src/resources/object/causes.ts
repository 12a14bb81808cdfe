import { type Json, stringifyJson } from '../../model/index.ts'
import { type Cause, shorten } from '../../plan/index.ts'
import { isMisspelt } from './misspelt.ts'

/**
 * Causes in the words of Kubernetes' field errors, which kubectl prints unchanged: the given value, then what is wrong with it.
 * @see docs/kubernetes-api.md section 6
 */

/** A value that breaks a rule; `problem` says which values are right. */
export function invalid(field: string, value: Json, problem: string): Cause {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${quote(value)}: ${problem}` }
}

/** A missing field; `hint` says which value to give. */
export function required(field: string, hint: string): Cause {
  return { field, reason: 'FieldValueRequired', message: `Required value: ${hint}` }
}

/** A value that is not one of the supported ones. */
export function notSupported(field: string, value: Json, supported: readonly string[]): Cause {
  const values = supported.map((text) => JSON.stringify(text)).join(', ')
  return {
    field,
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${quote(value)}: supported values: ${values}`,
  }
}

/** The cause for an unknown word; suggests the known word that may be meant. */
export function notKnown(field: string, word: Json, known: readonly string[]): Cause {
  const cause = notSupported(field, word, known)
  // Short words are all alike.
  const meant = known.find((right) => right.length > 4 && typeof word === 'string' && isMisspelt(word, right))
  return meant === undefined ? cause : { ...cause, message: `${cause.message}; ${quote(meant)} may be meant` }
}

/** A value that is right by itself, but not allowed in this object or state. */
export function forbidden(field: string, problem: string): Cause {
  return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${problem}` }
}

/** A second occurrence of a value in a set. */
export function duplicate(field: string, value: Json): Cause {
  return { field, reason: 'FieldValueDuplicate', message: `Duplicate value: ${quote(value)}` }
}

/** A value of the wrong JSON type; `wanted` names the right type. */
export function wrongType(field: string, value: Json, wanted: string): Cause {
  return { field, reason: 'FieldValueTypeInvalid', message: `Invalid value: ${quote(value)}: must be ${wanted}` }
}

/** The given value as JSON, cut to fit into a message. */
export function quote(value: Json): string {
  // Only the beginning of a long text is shown. What is printed is longer than that, so it is marked as cut.
  return shorten(stringifyJson(typeof value === 'string' ? value.slice(0, 200) : value))
}
