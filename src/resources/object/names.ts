import type { NameForm } from '../kind.ts'

/**
 * The syntax of names, labels and annotations. These are Calico's rules. They differ from Kubernetes' in one point: the parts of a name
 * between dots have no maximum length.
 * @see docs/calico/formats.md section 5
 */

/** The longest object name, and the longest prefix of a label name. */
export const nameLengthMax = 253
/** The longest part of a label name after its prefix, and the longest label value. */
export const labelLengthMax = 63
/** The most labels that an object may have, and the most annotations, finalizers and owners. */
export const entriesMax = 1_000
/** The most bytes that the annotations of an object, names and values, may have in total. */
export const annotationBytesMax = 262_144

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const labelWord = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/

/** True for a valid object name: a lower-case DNS subdomain. */
function isObjectName(text: string): boolean {
  return text.length <= nameLengthMax && subdomain.test(text)
}

const pathSegment = /^[A-Za-z0-9:@._~!$&'()*+,;=-]+$/

/** True for a valid name of this form. */
export function isNameOf(form: NameForm, text: string): boolean {
  if (form === 'subdomain') return isObjectName(text)
  return text.length <= nameLengthMax && pathSegment.test(text) && text !== '.' && text !== '..'
}

/** True for a valid label name: letters, digits, `-`, `_` and `.`, after an optional DNS subdomain and a slash. */
export function isLabelKey(text: string): boolean {
  const slash = text.indexOf('/')
  const word = text.slice(slash + 1)
  if (slash >= 0 && !isObjectName(text.slice(0, slash))) return false
  return word.length <= labelLengthMax && labelWord.test(word)
}

/** True for a valid label value: empty, or letters, digits, `-`, `_` and `.`. */
export function isLabelValue(text: string): boolean {
  return text === '' || (text.length <= labelLengthMax && labelWord.test(text))
}

/** True for a valid annotation name: as a label name, in upper or lower case. */
export function isAnnotationKey(text: string): boolean {
  return isLabelKey(text.toLowerCase())
}
