import { isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { schemaOf30 } from './v3-0-schema.ts'
import { mapDocument, type Part } from './walk.ts'

/**
 * The OpenAPI 3.0.3 form of an OpenAPI 3.1 document, for generators and clients (kubectl among them) that know no 3.1. It describes
 * the same server; of what 3.0 cannot say it says less, never something else. Components stay where they are, so that references
 * hold; webhooks, path items below components and whatever else 3.0 has no place for are left out.
 * @see https://spec.openapis.org/oas/v3.0.3
 */
export function openapi30(document: JsonObject): JsonObject {
  return mapDocument(document, { schema: schemaOf30, part: partOf30 })
}

function partOf30(object: JsonObject, part: Part): JsonObject {
  // A reference stands alone in 3.0: what 3.1 lets stand beside it, a summary and a description, has no effect.
  if (typeof object['$ref'] === 'string' && part !== 'pathItem') return { $ref: object['$ref'] }
  if (part === 'document') {
    const { webhooks: _, jsonSchemaDialect: __, info = {}, paths = {}, ...rest } = object
    return { ...rest, openapi: '3.0.3', info: infoOf30(info), paths }
  }
  if (part === 'components') {
    const { pathItems: _, ...rest } = object
    return rest
  }
  // 3.1 lets an operation be silent about its answers.
  if (part === 'operation') return { responses: { default: { description: 'Any answer.' } }, ...object }
  return object
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
