import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../model/index.ts'

/** The parts of an OpenAPI document that may contain schemas. */
export type Part =
  | 'document'
  | 'components'
  | 'pathItem'
  | 'operation'
  | 'parameter'
  | 'body'
  | 'response'
  | 'media'
  | 'encoding'

/** How a field holds parts or schemas: one, a map of them, a map of maps, or a list. */
type Holding = readonly [shape: 'one' | 'map' | 'mapOfMaps' | 'list', of: Part | 'schema']

/** The methods that a path item may have. */
export const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

/**
 * The fields of each part that hold other parts. All other fields are plain data, such as examples; nothing in them is a schema.
 * @see https://spec.openapis.org/oas/v3.1.0
 */
const holdings: Readonly<Record<Part, ReadonlyMap<string, Holding>>> = {
  document: fields({ paths: ['map', 'pathItem'], components: ['one', 'components'] }),
  components: fields({
    schemas: ['map', 'schema'],
    responses: ['map', 'response'],
    parameters: ['map', 'parameter'],
    requestBodies: ['map', 'body'],
    headers: ['map', 'parameter'],
    callbacks: ['mapOfMaps', 'pathItem'],
  }),
  pathItem: new Map<string, Holding>([
    ['parameters', ['list', 'parameter']],
    ...methods.map((method): [string, Holding] => [method, ['one', 'operation']]),
  ]),
  operation: fields({
    parameters: ['list', 'parameter'],
    requestBody: ['one', 'body'],
    responses: ['map', 'response'],
    callbacks: ['mapOfMaps', 'pathItem'],
  }),
  parameter: fields({ schema: ['one', 'schema'], content: ['map', 'media'] }),
  body: fields({ content: ['map', 'media'] }),
  response: fields({ headers: ['map', 'parameter'], content: ['map', 'media'] }),
  media: fields({ schema: ['one', 'schema'], encoding: ['map', 'encoding'] }),
  encoding: fields({ headers: ['map', 'parameter'] }),
}

function fields(given: Readonly<Record<string, Holding>>): ReadonlyMap<string, Holding> {
  return new Map(Object.entries(given))
}

/** How to change the schemas of a document, and its other parts; a part is changed before what it contains. */
export interface Changes {
  /** Gets each outermost schema; it changes inner schemas itself. */
  readonly schema: (schema: Json) => Json
  readonly part?: (object: JsonObject, part: Part) => JsonObject
}

/** Returns `object`, a part of an OpenAPI document, with all schemas and parts in it changed. Other fields stay as they are. */
export function mapDocument(object: JsonObject, changes: Changes, part: Part = 'document'): JsonObject {
  const changed = changes.part?.(object, part) ?? object
  return mapMembers(changed, (value, name) => {
    const holding = holdings[part].get(name)
    return holding === undefined ? value : mapHeld(value, holding, changes)
  })
}

function mapHeld(value: Json, [shape, of]: Holding, changes: Changes): Json {
  switch (shape) {
    case 'one':
      if (of === 'schema') return changes.schema(value)
      return isJsonObject(value) ? mapDocument(value, changes, of) : value
    case 'map':
      return isJsonObject(value) ? mapMembers(value, (entry) => mapHeld(entry, ['one', of], changes)) : value
    case 'mapOfMaps':
      return isJsonObject(value) ? mapMembers(value, (entry) => mapHeld(entry, ['map', of], changes)) : value
    case 'list':
      return isJsonArray(value) ? value.map((entry) => mapHeld(entry, ['one', of], changes)) : value
  }
}

/** Returns `schema` with each schema directly inside of it changed. */
export function mapSchema(schema: JsonObject, change: (schema: Json) => Json): JsonObject {
  return mapMembers(schema, (value, keyword) => {
    switch (keyword) {
      case 'properties':
      case 'patternProperties':
        return isJsonObject(value) ? mapMembers(value, change) : value
      case 'allOf':
      case 'anyOf':
      case 'oneOf':
      case 'prefixItems':
        return isJsonArray(value) ? value.map(change) : value
      case 'items':
      case 'not':
        return change(value)
      case 'additionalProperties':
        return typeof value === 'boolean' ? value : change(value)
      default:
        return value
    }
  })
}

/** Returns `object` with each value changed, in the same order. */
export function mapMembers(object: JsonObject, change: (value: Json, name: string) => Json): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]))
}

/** Returns `json` if it is an object, else an empty object. */
export function asObject(json: Json | undefined): JsonObject {
  return isJsonObject(json) ? json : {}
}
