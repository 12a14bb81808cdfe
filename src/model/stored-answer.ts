import type { Family, Key } from '../plan/index.ts'
import { type JsonObject, stringifyJson, decodeJson, fieldNames, readString, readStruct } from './json/index.ts'

/** The answer to a call that may be repeated, kept under ippoold's own prefix so that the repetition gets it again. */
export interface StoredAnswer {
  /** What was asked, as a digest: another call must not get this answer. */
  readonly request: string
  /** The answer's body, as text. */
  readonly body: string
}

const prefix = '/ippoold/v1/answers/'

/** The answers that are kept. */
export const storedAnswers: Family<StoredAnswer> = {
  name: 'stored answers',
  prefix,
  held: 'recent',
  part: 'record',
  decode: (_key, text) =>
    decodeJson(text, (json) => {
      const { fields } = readStruct(json, names, 'stored answer')
      return { request: readString(fields['request'], 'request') ?? '', body: readString(fields['body'], 'body') ?? '' }
    }),
  encode: ({ request, body }) => stringifyJson({ request, body } satisfies JsonObject),
}

/** The key of the answer to the `part`-th transaction of the call with this idempotency key. */
export function storedAnswerKey(idempotencyKey: string, part: number): Key<StoredAnswer> {
  return { family: storedAnswers, text: `${prefix}${encodeURIComponent(idempotencyKey)}/${part}` }
}

const names = fieldNames('request', 'body')
