import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { mapSchema } from './walk.ts'

/**
 * The OpenAPI 3.0.3 form of a schema of 3.1, which is one of JSON Schema 2020-12. Keywords that 3.0 does not have and cannot express
 * are left out, so that the schema allows somewhat more; extensions (`x-...`) stay.
 * @see https://spec.openapis.org/oas/v3.0.3#schema-object
 */
export function schemaOf30(schema: Json): Json {
  if (schema === true) return {}
  if (schema === false) return { not: {} }
  if (!isJsonObject(schema)) return schema
  const { $ref, ...beside } = schema
  if ($ref === undefined) return withItems(nullableOf(plainOf30(schema)))
  const kept = plainOf30(beside)
  // In 3.0, whatever stands beside a reference is overlooked.
  return Object.keys(kept).length === 0 ? { $ref } : { allOf: [{ $ref }], ...kept }
}

/** The keywords whose meaning and form are the same, or are made so below. */
const commonKeywords: ReadonlySet<string> = new Set([
  ...['title', 'description', 'type', 'format', 'enum', 'default', 'example', 'deprecated', 'readOnly', 'writeOnly'],
  ...['externalDocs', 'xml', 'discriminator', 'nullable', 'not', 'allOf', 'anyOf', 'oneOf'],
  ...['properties', 'additionalProperties', 'required', 'minProperties', 'maxProperties'],
  ...['items', 'minItems', 'maxItems', 'uniqueItems', 'minLength', 'maxLength', 'pattern'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
])

/** A schema without a reference, but for null. */
function plainOf30(schema: JsonObject): JsonObject {
  const kept = Object.entries(mapSchema(schema, schemaOf30)).filter(([name]) => isKept(name))
  const { required, ...all }: JsonObject = {
    ...Object.fromEntries(kept),
    ...constOf30(schema),
    ...boundOf30(schema, 'minimum', 'exclusiveMinimum', Math.max),
    ...boundOf30(schema, 'maximum', 'exclusiveMaximum', Math.min),
    ...exampleOf30(schema),
    ...bytesOf30(schema),
    ...itemsOf30(schema),
    ...otherPropertiesOf30(schema),
  }
  // 3.0 does not allow the empty list.
  return isJsonArray(required) && required.length > 0 ? { ...all, required } : all
}

function isKept(keyword: string): boolean {
  return commonKeywords.has(keyword) || keyword.startsWith('x-')
}

function constOf30({ const: only, type }: JsonObject): JsonObject {
  if (only === undefined) return {}
  const ofValue = typeof only === 'string' || typeof only === 'boolean' ? typeof only : undefined
  return { ...(type === undefined && ofValue !== undefined && { type: ofValue }), enum: [only] }
}

/** In 3.0, an exclusive bound is a bound with a flag beside it. */
function boundOf30(
  schema: JsonObject,
  inclusiveName: 'minimum' | 'maximum',
  exclusiveName: 'exclusiveMinimum' | 'exclusiveMaximum',
  stricter: (one: number, other: number) => number,
): JsonObject {
  const inclusive = schema[inclusiveName]
  const exclusive = schema[exclusiveName]
  if (typeof exclusive !== 'number') return {}
  const isStricter = typeof inclusive !== 'number' || stricter(inclusive, exclusive) === exclusive
  return isStricter
    ? { [inclusiveName]: exclusive, [exclusiveName]: true }
    : { [inclusiveName]: inclusive, [exclusiveName]: false }
}

function exampleOf30({ example, examples }: JsonObject): JsonObject {
  const first = isJsonArray(examples) ? examples[0] : undefined
  return example === undefined && first !== undefined ? { example: first } : {}
}

/** Bytes within a text have a format in 3.0. */
function bytesOf30({ type, contentEncoding, contentMediaType }: JsonObject): JsonObject {
  if (contentEncoding === 'base64') return { type: 'string', format: 'byte' }
  if (contentEncoding === undefined && contentMediaType === 'application/octet-stream') {
    return { type: type ?? 'string', format: 'binary' }
  }
  return {}
}

/** A tuple is in 3.0 a list of whatever it may have somewhere. */
function itemsOf30({ items, prefixItems, maxItems }: JsonObject): JsonObject {
  if (!isJsonArray(prefixItems)) return {}
  const isClosed = items === false
  const others = isClosed ? [] : [schemaOf30(items ?? true)]
  return {
    items: { anyOf: [...prefixItems.map(schemaOf30), ...others] },
    ...(isClosed && maxItems === undefined && { maxItems: prefixItems.length }),
  }
}

/** A list of 3.0 says what its items are. */
function withItems(schema: JsonObject): JsonObject {
  return schema['type'] === 'array' ? { items: {}, ...schema } : schema
}

/**
 * Properties after a pattern are additional ones in 3.0: whatever the patterns, or `additionalProperties`, allow. That others are
 * allowed is said in words: generators of 3.0 take silence for a no, and what they make would refuse an answer with a new field.
 */
function otherPropertiesOf30({ type, properties, patternProperties, additionalProperties }: JsonObject): JsonObject {
  const isOpenStruct = properties !== undefined && (type === undefined || type === 'object')
  if (!isJsonObject(patternProperties)) {
    return isOpenStruct && additionalProperties === undefined ? { additionalProperties: true } : {}
  }
  if (additionalProperties === undefined || additionalProperties === true) return { additionalProperties: true }
  const others = additionalProperties === false ? [] : [additionalProperties]
  const [only = false, ...more] = [...Object.values(patternProperties), ...others].map(schemaOf30)
  return { additionalProperties: more.length === 0 ? only : { anyOf: [only, ...more] } }
}

/** Several types, null among them or alone, and alternatives of which one is null, as 3.0 says it: `nullable` beside one type. */
function nullableOf(schema: JsonObject): JsonObject {
  const { type, ...others } = schema
  if (type === 'null') return { ...others, enum: [null] }
  if (!isJsonArray(type)) return withNullableChoice(withNullableChoice(schema, 'anyOf'), 'oneOf')
  const types = type.filter((name) => name !== 'null')
  const nullable = types.length < type.length && { nullable: true }
  const [only, ...more] = types
  if (only === undefined) return { ...others, enum: [null] }
  if (more.length === 0) return { type: only, ...nullable, ...others }
  const { allOf, anyOf, ...rest } = others
  // A keyword of another type than the value's has no effect, so all of them may stay beside the choice.
  const choice = { anyOf: types.map((name) => ({ type: name, ...(name === 'array' && { items: {} }), ...nullable })) }
  const besides = [...(isJsonArray(allOf) ? allOf : []), ...(anyOf === undefined ? [] : [{ anyOf }])]
  return { ...rest, ...choice, ...(besides.length > 0 && { allOf: besides }) }
}

/** `nullable` has an effect only beside a type, so it goes into the alternatives where it can, and stays an alternative elsewhere. */
function withNullableChoice(schema: JsonObject, choice: 'anyOf' | 'oneOf'): JsonObject {
  const { [choice]: alternatives, ...others } = schema
  if (!isJsonArray(alternatives)) return schema
  const real = alternatives.filter((alternative) => !isNull(alternative))
  const [only] = real
  if (real.length === alternatives.length || real.length !== 1 || !isJsonObject(only)) return schema
  if (only['type'] === undefined) return { ...others, [choice]: alternatives }
  const isDisjoint = Object.keys(only).every((name) => !(name in others))
  return isDisjoint ? { ...only, nullable: true, ...others } : { ...others, [choice]: [{ ...only, nullable: true }] }
}

/** Whether a converted schema allows null alone. */
function isNull(schema: Json): boolean {
  if (!isJsonObject(schema) || !isJsonArray(schema['enum'])) return false
  return schema['enum'].length === 1 && schema['enum'][0] === null
}
