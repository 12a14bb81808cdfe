import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { objectIn } from '../../resources/index.ts'
import { asObject, mapMembers } from './walk.ts'

/**
 * The OpenAPI 2.0 form of the document of the resources, for kubectl before 1.29. Of what 2.0 cannot say, such as alternatives, it says
 * less.
 * @see https://spec.openapis.org/oas/v2.0 and docs/kubernetes-api.md section 2.3
 */
export function openapi20(document: JsonObject): JsonObject {
  return {
    swagger: '2.0',
    info: objectIn(document, 'info'),
    paths: mapObjects(objectIn(document, 'paths'), (item) => mapObjects(item, operationOf20)),
    definitions: mapObjects(objectIn(objectIn(document, 'components'), 'schemas'), schemaOf20),
  }
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

/** What refers to another schema: by itself, or, to have a description beside the reference, as the only one of all. */
function referenceIn(schema: JsonObject): JsonObject {
  const { allOf } = schema
  const [only] = isJsonArray(allOf) && allOf.length === 1 ? allOf : []
  return isJsonObject(only) ? only : schema
}

/** An object with each member, which is an object, converted. */
function mapObjects(object: Json, convert: (member: JsonObject) => JsonObject): JsonObject {
  return mapMembers(asObject(object), (member) => convert(asObject(member)))
}
