import type { Family, Key } from '../plan/index.ts'
import { decodeJson } from './json/index.ts'

/** Says that a built-in object has been made once: one that was deleted since is not made again. */
export interface BuiltInMark {
  readonly isMade: true
}

/** The marks of built-in objects. */
export const builtInMarks: Family<BuiltInMark> = {
  name: 'marks of built-in objects',
  prefix: '/ippoold/v1/built-in/',
  held: 'values',
  part: 'record',
  decode: (_key, text) => decodeJson(text, () => ({ isMade: true })),
  encode: () => '{}',
}

/** The key of the mark of a built-in policy. */
export function builtInPolicyMarkKey(name: string): Key<BuiltInMark> {
  return { family: builtInMarks, text: `${builtInMarks.prefix}accesspolicies/${name}` }
}
