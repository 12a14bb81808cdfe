import { isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { mapDocument, mapMembers, mapSchema } from './walk.ts'

/**
 * An OpenAPI document in which whatever is answered may have more fields than are told: a later server may tell more, and a resource
 * has what a later Calico stored with it. So the program that was generated today goes on to read the answers. What is only asked
 * for stays closed.
 */
export function withOpenAnswers(document: JsonObject): JsonObject {
  const answered = answeredSchemas(document)
  return mapDocument(document, {
    schema: (schema) => schema,
    part: (object, part) => {
      const { schemas } = object
      if (part !== 'components' || !isJsonObject(schemas)) return object
      return {
        ...object,
        schemas: mapMembers(schemas, (schema, name) => (answered.has(name) ? opened(schema) : schema)),
      }
    },
  })
}

function opened(schema: Json): Json {
  if (!isJsonObject(schema)) return schema
  const inner = mapSchema(schema, opened)
  if (typeof inner['additionalProperties'] !== 'boolean' || inner['properties'] === undefined) return inner
  const { additionalProperties: _, ...open } = inner
  return open
}

/** The names of the components that answers are made of. */
function answeredSchemas(document: JsonObject): ReadonlySet<string> {
  const { components = {}, paths = {} } = document
  const schemas = isJsonObject(components) && isJsonObject(components['schemas']) ? components['schemas'] : {}
  const names = new Set<string>()
  const collect = (schema: Json): Json => {
    if (!isJsonObject(schema)) return schema
    const name = typeof schema['$ref'] === 'string' ? schema['$ref'].slice(reference.length) : undefined
    if (name !== undefined && !names.has(name)) {
      names.add(name)
      collect(schemas[name] ?? true)
    }
    return mapSchema(schema, collect)
  }
  mapDocument(
    { paths },
    {
      schema: (schema) => schema,
      part: (object, part) => (part === 'response' ? mapDocument(object, { schema: collect }, part) : object),
    },
  )
  return names
}

const reference = '#/components/schemas/'
