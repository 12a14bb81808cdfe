import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../model/index.ts'

/** What an OpenAPI document is made of, as far as there are schemas somewhere below it. */
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

/** How a field holds parts or schemas: itself, one below each name, one below each name of each name, or in a list. */
type Holding = readonly [shape: 'one' | 'map' | 'mapOfMaps' | 'list', of: Part | 'schema']

/** The methods that a path may have operations for. */
export const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

/**
 * Which fields of a part hold other parts. All others are plain data, such as examples, in which what looks like a schema is none.
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

/** What to make of the schemas of a document, and of its other parts before what is below them is looked at. */
export interface Changes {
  /** Gets each schema as a whole: what is inside of it is its own business. */
  readonly schema: (schema: Json) => Json
  readonly part?: (object: JsonObject, part: Part) => JsonObject
}

/** `object`, a part of an OpenAPI document, with everything in it changed. What is no part of any kind stays as it is. */
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

/** `schema` with each schema directly inside of it changed. */
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

/** `object` with each value changed, in the same order. */
export function mapMembers(object: JsonObject, change: (value: Json, name: string) => Json): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]))
}

/** A part of a document that should be an object; empty when it is none. */
export function asObject(json: Json | undefined): JsonObject {
  return isJsonObject(json) ? json : {}
}
