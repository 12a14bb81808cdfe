import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { mapSchema } from './walk.ts'

/**
 * Converts a schema of OpenAPI 3.1, which is JSON Schema 2020-12, to OpenAPI 3.0.3. Leaves out keywords that 3.0 cannot express, so that
 * the schema allows more; extensions (`x-...`) stay.
 * @see https://spec.openapis.org/oas/v3.0.3#schema-object
 */
export function schemaOf30(schema: Json): Json {
  if (schema === true) return {}
  if (schema === false) return { not: {} }
  if (!isJsonObject(schema)) return schema
  const { $ref, ...beside } = schema
  if ($ref === undefined) return withItems(nullableOf(plainOf30(schema)))
  const kept = plainOf30(beside)
  // 3.0 ignores what stands beside a reference.
  return Object.keys(kept).length === 0 ? { $ref } : { allOf: [{ $ref }], ...kept }
}

/** Keywords that both versions have. Those that differ in form are converted below. */
const commonKeywords: ReadonlySet<string> = new Set([
  ...['title', 'description', 'type', 'format', 'enum', 'default', 'example', 'deprecated', 'readOnly', 'writeOnly'],
  ...['externalDocs', 'xml', 'discriminator', 'nullable', 'not', 'allOf', 'anyOf', 'oneOf'],
  ...['properties', 'additionalProperties', 'required', 'minProperties', 'maxProperties'],
  ...['items', 'minItems', 'maxItems', 'uniqueItems', 'minLength', 'maxLength', 'pattern'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
])

/** Converts a schema without a reference, except for null; see {@link nullableOf}. */
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

/** 3.0 has formats for binary content. */
function bytesOf30({ type, contentEncoding, contentMediaType }: JsonObject): JsonObject {
  if (contentEncoding === 'base64') return { type: 'string', format: 'byte' }
  if (contentEncoding === undefined && contentMediaType === 'application/octet-stream') {
    return { type: type ?? 'string', format: 'binary' }
  }
  return {}
}

/** 3.0 has no tuples: the items may have any of the types in the tuple. */
function itemsOf30({ items, prefixItems, maxItems }: JsonObject): JsonObject {
  if (!isJsonArray(prefixItems)) return {}
  const isClosed = items === false
  const others = isClosed ? [] : [schemaOf30(items ?? true)]
  return {
    items: { anyOf: [...prefixItems.map(schemaOf30), ...others] },
    ...(isClosed && maxItems === undefined && { maxItems: prefixItems.length }),
  }
}

/** In 3.0 a list must have `items`. */
function withItems(schema: JsonObject): JsonObject {
  return schema['type'] === 'array' ? { items: {}, ...schema } : schema
}

/**
 * 3.0 has no pattern properties: they become additional properties. Open objects get an explicit `additionalProperties: true`, because
 * generators for 3.0 take a missing keyword for false, and their clients would refuse responses with a new field.
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

/** Converts null, alone or among several types or alternatives, to `nullable` beside one type. */
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
  // A keyword for another type has no effect, so all keywords may stay beside the choice.
  const choice = { anyOf: types.map((name) => ({ type: name, ...(name === 'array' && { items: {} }), ...nullable })) }
  const besides = [...(isJsonArray(allOf) ? allOf : []), ...(anyOf === undefined ? [] : [{ anyOf }])]
  return { ...rest, ...choice, ...(besides.length > 0 && { allOf: besides }) }
}

/** `nullable` has an effect only beside a `type`: an alternative with a type gets it; otherwise null stays an alternative. */
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

/** True if a converted schema allows only null. */
function isNull(schema: Json): boolean {
  if (!isJsonObject(schema) || !isJsonArray(schema['enum'])) return false
  return schema['enum'].length === 1 && schema['enum'][0] === null
}
