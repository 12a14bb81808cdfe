import type { Family, Key } from '../plan/index.ts'
import { type JsonObject, stringifyJson, decodeJson, declareFields, readString, readStruct } from './json/index.ts'

/** The answer to a call with an Idempotency-Key. It is stored under ippoold's own prefix, so that a repeated call gets it again. */
export interface StoredAnswer {
  /** A digest of the request: a different request must not get this answer. */
  readonly request: string
  /** The body of the answer. */
  readonly body: string
}

const answersPrefix = '/ippoold/v1/answers/'

/** The stored answers. They expire. */
export const storedAnswers: Family<StoredAnswer> = {
  name: 'stored answers',
  prefix: answersPrefix,
  held: 'recent',
  part: 'record',
  decode: (_key, text) =>
    decodeJson(text, (json) => {
      const { fields } = readStruct(json, answerFields, 'stored answer')
      return { request: readString(fields['request'], 'request') ?? '', body: readString(fields['body'], 'body') ?? '' }
    }),
  encode: ({ request, body }) => stringifyJson({ request, body } satisfies JsonObject),
}

/** The key of an answer: a call with this idempotency key stores one for each of its transactions, `part` 0, 1 and so on. */
export function storedAnswerKey(idempotencyKey: string, part: number): Key<StoredAnswer> {
  return { family: storedAnswers, text: `${answersPrefix}${encodeURIComponent(idempotencyKey)}/${part}` }
}

const answerFields = declareFields('request', 'body')
