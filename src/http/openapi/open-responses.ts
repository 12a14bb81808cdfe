import { isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { mapDocument, mapMembers, mapSchema } from './walk.ts'

/**
 * Allows additional fields in all schemas of responses, so that clients generated today can read the responses of later servers, and
 * resources that a later Calico stored. Schemas of requests only stay closed.
 */
export function openResponses(document: JsonObject): JsonObject {
  const names = responseSchemas(document)
  return mapDocument(document, {
    schema: (schema) => schema,
    part: (object, part) => {
      const { schemas } = object
      if (part !== 'components' || !isJsonObject(schemas)) return object
      return {
        ...object,
        schemas: mapMembers(schemas, (schema, name) => (names.has(name) ? openSchema(schema) : schema)),
      }
    },
  })
}

function openSchema(schema: Json): Json {
  if (!isJsonObject(schema)) return schema
  const inner = mapSchema(schema, openSchema)
  if (typeof inner['additionalProperties'] !== 'boolean' || inner['properties'] === undefined) return inner
  const { additionalProperties: _, ...open } = inner
  return open
}

/** Returns the names of the components that occur in responses. */
function responseSchemas(document: JsonObject): ReadonlySet<string> {
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
