/**
 * What names, labels and annotations may look like: Calico's rules, which are Kubernetes' own but for the length of the parts of a
 * name between dots, which Calico leaves open.
 * @see docs/calico/formats.md section 5
 */

/** The longest object name, and the longest prefix of a label name. */
export const nameLengthMax = 253
/** The longest part of a label name after its prefix, and the longest label value. */
export const labelLengthMax = 63
/** The most bytes that all annotations of an object, names and values, may have together. */
export const annotationBytesMax = 262_144

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const labelWord = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/

/** Whether an object may be called so: a lower-case DNS subdomain. */
export function isObjectName(text: string): boolean {
  return text.length <= nameLengthMax && subdomain.test(text)
}

/** Whether a label may be called so: a word of letters, digits, `-`, `_` and `.`, after an optional DNS subdomain and a slash. */
export function isLabelKey(text: string): boolean {
  const slash = text.indexOf('/')
  const word = text.slice(slash + 1)
  if (slash >= 0 && !isObjectName(text.slice(0, slash))) return false
  return word.length <= labelLengthMax && labelWord.test(word)
}

/** Whether a label may have this value: empty, or a word as in a label name. */
export function isLabelValue(text: string): boolean {
  return text === '' || (text.length <= labelLengthMax && labelWord.test(text))
}

/** Whether an annotation may be called so: like a label, but in any case. */
export function isAnnotationKey(text: string): boolean {
  return isLabelKey(text.toLowerCase())
}
