import type { HolderAttributes } from '../../ipam/index.ts'
import type { Cause } from '../../plan/index.ts'
import { attributeKeyPattern } from '../schemas/index.ts'
import { limits, quotePath, quoteValue } from '../wire/index.ts'

/**
 * Reports what is wrong with the attributes of a request beyond their schema. `at` is the path of the object that has them, with dots;
 * '' is the body.
 */
export function attributeCauses({ attributes, node }: HolderAttributes, at = ''): readonly Cause[] {
  const path = [...at.split('.'), 'attributes'].filter((segment) => segment !== '')
  const field = quotePath(path, '')
  const causes = Object.keys(attributes)
    .filter((key) => key.length > limits.attributeKeyLength || !attributeKeyPattern.test(key))
    .map(
      (key): Cause => ({
        field: quotePath([...path, key], field),
        reason: 'FieldValueInvalid',
        message: `the key ${quoteValue(key)} is not allowed; give 1 to ${limits.attributeKeyLength} characters, without control characters, marks of text direction, and spaces at its ends`,
      }),
    )
  for (const [key, value] of Object.entries(attributes)) {
    // Programs in C, which may read the attributes in Calico's data, would take it for the end of the text.
    if (value.includes('\0'))
      causes.push({
        field: quotePath([...path, key], field),
        reason: 'FieldValueInvalid',
        message: 'a text with a NUL character is not allowed; leave the character out',
      })
  }
  const bytes = Object.entries(attributes).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0)
  if (bytes > limits.attributesBytes) {
    causes.push({
      field,
      reason: 'FieldValueInvalid',
      message: `${bytes} bytes are not allowed; give at most ${limits.attributesBytes}`,
    })
  }
  const named = attributes['node']
  if (node !== undefined && named !== undefined && named !== node) {
    causes.push({
      field: `${field}.node`,
      reason: 'FieldValueInvalid',
      message: `${quoteValue(named)} is not the node ${quoteValue(node)}; leave it out`,
    })
  }
  return causes
}
