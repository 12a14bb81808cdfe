import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../model/index.ts'
import { schemaOf30 } from './openapi-3-0-schema.ts'

/**
 * The OpenAPI 3.0.3 form of an OpenAPI 3.1 document, for generators and clients (kubectl among them) that know no 3.1. It describes
 * the same server; of what 3.0 cannot say it says less, never something else. Components stay where they are, so that references
 * hold; webhooks, path items below components and whatever else 3.0 has no place for are left out.
 * @see https://spec.openapis.org/oas/v3.0.3
 */
export function openapi30(document: JsonObject): JsonObject {
  const { info = {}, paths = {} } = document
  return converted('document', { ...document, openapi: '3.0.3', info: infoOf30(info), paths })
}

/** What kinds of objects a document is made of, as far as there are schemas somewhere below them. */
type Part =
  | 'document'
  | 'components'
  | 'pathItem'
  | 'operation'
  | 'parameter'
  | 'body'
  | 'response'
  | 'media'
  | 'encoding'
  | 'schema'

/** How a field holds parts: itself, one below each name, one below each name of each name, or in a list. */
type Holding = readonly [shape: 'one' | 'map' | 'mapOfMaps' | 'list', part: Part]

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

/** Which fields of a part hold other parts. All others are plain data, such as examples, and stay as they are. */
const holdings: Readonly<Record<Part, Readonly<Record<string, Holding>>>> = {
  document: { paths: ['map', 'pathItem'], components: ['one', 'components'] },
  components: {
    schemas: ['map', 'schema'],
    responses: ['map', 'response'],
    parameters: ['map', 'parameter'],
    requestBodies: ['map', 'body'],
    headers: ['map', 'parameter'],
    callbacks: ['mapOfMaps', 'pathItem'],
  },
  pathItem: {
    parameters: ['list', 'parameter'],
    ...Object.fromEntries(methods.map((method) => [method, ['one', 'operation'] satisfies Holding])),
  },
  operation: {
    parameters: ['list', 'parameter'],
    requestBody: ['one', 'body'],
    responses: ['map', 'response'],
    callbacks: ['mapOfMaps', 'pathItem'],
  },
  parameter: { schema: ['one', 'schema'], content: ['map', 'media'] },
  body: { content: ['map', 'media'] },
  response: { headers: ['map', 'parameter'], content: ['map', 'media'] },
  media: { schema: ['one', 'schema'], encoding: ['map', 'encoding'] },
  encoding: { headers: ['map', 'parameter'] },
  schema: {},
}

/** What 3.0 has no place for, by part. */
const unknownFields: Partial<Readonly<Record<Part, readonly string[]>>> = {
  document: ['webhooks', 'jsonSchemaDialect'],
  components: ['pathItems'],
}

function converted(part: Part, json: JsonObject): JsonObject {
  // A reference stands alone in 3.0: what 3.1 lets stand beside it, a summary and a description, has no effect.
  if (typeof json['$ref'] === 'string' && part !== 'pathItem') return { $ref: json['$ref'] }
  const complete = part === 'operation' && json['responses'] === undefined ? { ...json, responses: anyResponse } : json
  return mapMembers(complete, (value, name) => {
    if (unknownFields[part]?.includes(name)) return undefined
    const holding = holdings[part][name]
    return holding === undefined ? value : convertedField(holding, value)
  })
}

/** 3.1 lets an operation be silent about its answers. */
const anyResponse = { default: { description: 'Any answer.' } }

function convertedField([shape, part]: Holding, value: Json): Json {
  switch (shape) {
    case 'one':
      return convertedPart(part, value)
    case 'map':
      return isJsonObject(value) ? mapMembers(value, (entry) => convertedPart(part, entry)) : value
    case 'mapOfMaps':
      return isJsonObject(value) ? mapMembers(value, (entry) => convertedField(['map', part], entry)) : value
    case 'list':
      return isJsonArray(value) ? value.map((entry) => convertedPart(part, entry)) : value
  }
}

function convertedPart(part: Part, value: Json): Json {
  if (part === 'schema') return schemaOf30(value)
  return isJsonObject(value) ? converted(part, value) : value
}

/** A licence is named by its SPDX identifier in 3.1, and by an address in 3.0. */
function infoOf30(info: Json): Json {
  if (!isJsonObject(info)) return info
  const { summary, license, ...rest } = info
  return {
    ...(summary !== undefined && { description: summary }),
    ...rest,
    ...(license !== undefined && { license: licenseOf30(license) }),
  }
}

function licenseOf30(license: Json): Json {
  if (!isJsonObject(license) || typeof license['identifier'] !== 'string') return license
  const { identifier, ...rest } = license
  return { ...rest, url: `https://spdx.org/licenses/${identifier}.html` }
}

/** `object` with each member's value changed; one whose new value is undefined is left out. */
function mapMembers(object: JsonObject, change: (value: Json, name: string) => Json | undefined): JsonObject {
  const members = Object.entries(object).flatMap(([name, value]) => {
    const changed = change(value, name)
    return changed === undefined ? [] : [[name, changed] as const]
  })
  return Object.fromEntries(members)
}
