import { isJsonObject, type Json, type JsonObject, stringifyJson } from '../../model/index.ts'
import { mapDocument, mapSchema } from './walk.ts'

/**
 * An OpenAPI document whose defaults are told in the descriptions. Generators do more with the keyword than it means: TypeScript then
 * demands the field, and constructors in Go and Java set it, so that a program would send what nobody asked it to.
 */
export function withDefaultsInWords(document: JsonObject): JsonObject {
  return mapDocument(document, { schema: inWords })
}

function inWords(schema: Json): Json {
  if (!isJsonObject(schema)) return schema
  const { default: unlessGiven, ...rest } = mapSchema(schema, inWords)
  if (unlessGiven === undefined) return rest
  const told = `Default: \`${stringifyJson(unlessGiven).replaceAll('"', '')}\`.`
  return { ...rest, description: [rest['description'], told].filter((text) => typeof text === 'string').join(' ') }
}

/** An OpenAPI document whose headers are written as people write them: `Idempotency-Key`. Node.js tells them in small letters. */
export function withHeaderNames(document: JsonObject): JsonObject {
  return mapDocument(document, {
    schema: (schema) => schema,
    part: (object, part) => {
      if (part !== 'parameter' || object['in'] !== 'header' || typeof object['name'] !== 'string') return object
      return { ...object, name: object['name'].replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()) }
    },
  })
}
