import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { objectIn } from '../../resources/index.ts'
import { asObject, mapMembers } from './walk.ts'

/**
 * Converts the documents of all groups to one in OpenAPI 2.0, for kubectl before 1.29. Leaves out what 2.0 cannot express, such as
 * alternatives.
 * @see https://spec.openapis.org/oas/v2.0 and docs/kubernetes-api.md section 2.3
 */
export function openapi20(documents: readonly JsonObject[]): JsonObject {
  const paths = merge(documents.map((document) => objectIn(document, 'paths')))
  const schemas = merge(documents.map((document) => objectIn(objectIn(document, 'components'), 'schemas')))
  return {
    swagger: '2.0',
    info: objectIn(documents[0], 'info'),
    paths: mapObjects(paths, (item) => mapObjects(item, operationOf20)),
    definitions: mapObjects(schemas, schemaOf20),
  }
}

/** Joins objects. Members that several of them have are equal: the schemas that all groups share. */
function merge(objects: readonly JsonObject[]): JsonObject {
  return Object.fromEntries(objects.flatMap((object) => Object.entries(object)))
}

function operationOf20({ parameters = [], requestBody, responses, ...rest }: JsonObject): JsonObject {
  const given = (isJsonArray(parameters) ? parameters : []).filter(isJsonObject).map(parameterOf20)
  const content = Object.entries(objectIn(asObject(requestBody), 'content'))
  const [, media] = content[0] ?? []
  // 2.0 has one schema for all media types.
  const body = { in: 'body', name: 'body', required: true, schema: schemaIn(media) }
  return {
    ...rest,
    ...(content.length > 0 && { consumes: content.map(([type]) => type) }),
    produces: ['application/json'],
    parameters: content.length > 0 ? [...given, body] : given,
    responses: mapObjects(responses ?? {}, ({ description = '', ...response }) => ({
      description,
      schema: schemaIn(objectIn(response, 'content')['application/json']),
    })),
  }
}

/** The type of a parameter stands beside its name. */
function parameterOf20({ schema, ...parameter }: JsonObject): JsonObject {
  return { ...parameter, ...schemaOf20(asObject(schema)) }
}

function schemaIn(media: Json | undefined): JsonObject {
  return schemaOf20(objectIn(asObject(media), 'schema'))
}

const commonKeywords: ReadonlySet<string> = new Set([
  ...['$ref', 'type', 'format', 'description', 'default', 'enum', 'required', 'properties', 'items'],
  ...['additionalProperties', 'minimum', 'maximum', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems'],
  ...['uniqueItems', 'minProperties', 'maxProperties'],
])

function schemaOf20(schema: JsonObject): JsonObject {
  const { $ref } = referenceIn(schema)
  const kept = Object.entries(schema).filter(([name]) => commonKeywords.has(name) || name.startsWith('x-'))
  return {
    ...Object.fromEntries(kept.map(([name, value]) => [name, belowOf20(name, value)])),
    ...(typeof $ref === 'string' && { $ref: $ref.replace('#/components/schemas/', '#/definitions/') }),
  }
}

function belowOf20(keyword: string, value: Json): Json {
  if (!isJsonObject(value)) return value
  if (keyword === 'properties') return mapObjects(value, schemaOf20)
  return keyword === 'items' || keyword === 'additionalProperties' ? schemaOf20(value) : value
}

/** Returns the part of a schema that may have a `$ref`: the schema itself, or the only member of its `allOf`. */
function referenceIn(schema: JsonObject): JsonObject {
  const { allOf } = schema
  const [only] = isJsonArray(allOf) && allOf.length === 1 ? allOf : []
  return isJsonObject(only) ? only : schema
}

/** Converts each member of an object whose members are objects. */
function mapObjects(object: Json, convert: (member: JsonObject) => JsonObject): JsonObject {
  return mapMembers(asObject(object), (member) => convert(asObject(member)))
}
