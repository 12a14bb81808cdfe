import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { schemaOf30 } from './v3-0-schema.ts'
import { asObject, mapDocument, type Part } from './walk.ts'

/**
 * Converts an OpenAPI 3.1 document to OpenAPI 3.0.3, for generators and clients (kubectl among them) without support for 3.1. Leaves out
 * what 3.0 cannot express, such as webhooks and path items below components, and never says anything different. Components stay where
 * they are, so that references hold.
 * @see https://spec.openapis.org/oas/v3.0.3
 */
export function openapi30(document: JsonObject): JsonObject {
  return mapDocument(document, { schema: schemaOf30, part: partOf30 })
}

function partOf30(object: JsonObject, part: Part): JsonObject {
  // In 3.0 nothing may stand beside a reference; 3.1 allows a summary and a description.
  if (typeof object['$ref'] === 'string' && part !== 'pathItem') return { $ref: object['$ref'] }
  if (part === 'document') {
    const { webhooks: _, jsonSchemaDialect: __, info = {}, paths = {}, ...rest } = object
    return { ...rest, openapi: '3.0.3', info: infoOf30(info), paths }
  }
  if (part === 'components') {
    const { pathItems: _, securitySchemes, ...rest } = object
    return { ...rest, ...(isJsonObject(securitySchemes) && { securitySchemes: securitySchemesOf30(securitySchemes) }) }
  }
  // In 3.1 an operation may leave out its responses.
  if (part === 'operation') {
    return { responses: { default: { description: 'Any response.' } }, ...object, ...securityOf30(object) }
  }
  return object
}

/** 3.0 has no scheme for client certificates. */
function securitySchemesOf30(schemes: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schemes).filter(([, scheme]) => asObject(scheme)['type'] !== 'mutualTLS'))
}

/** Leaves out the alternatives with a client certificate, which is known by the name of its scheme. */
function securityOf30({ security }: JsonObject): JsonObject {
  if (!isJsonArray(security)) return {}
  return { security: security.filter((requirement) => !('mutualTLS' in asObject(requirement))) }
}

/** A license has an SPDX identifier in 3.1, and a URL in 3.0. */
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
