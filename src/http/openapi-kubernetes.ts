import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../model/index.ts'
import { apiVersion, group, objectIn, type ServedKind, type StoredObject, version } from '../resources/index.ts'
import { openapi30 } from './openapi-3-0.ts'

/**
 * The OpenAPI document of the resources, in the form in which Kubernetes' clients read it: version 3.0, every schema under the full
 * name that Kubernetes would give it, and with the extensions by which clients find the kind of an object and of an operation. Made
 * from the document of the whole server, which is one of OpenAPI 3.1; left out is what no client looks at, which is most of it.
 * @see kubectl.md section 2
 */
export function kubernetesDocument(document: JsonObject, kinds: readonly ServedKind<StoredObject>[]): JsonObject {
  const { openapi = '3.1.0' } = document
  const info = { title: 'ippoold', version: objectIn(document, 'info')['version'] ?? '' }
  const paths = pathsOf(objectIn(document, 'paths'), kinds)
  const schemas = objectIn(objectIn(document, 'components'), 'schemas')
  const converted = openapi30({ openapi, info, paths, components: { schemas: referredTo(paths, schemas) } })
  return withFullNames({ ...converted, components: { schemas: markedSchemas(converted, kinds) } })
}

/** The paths of the resources. */
function pathsOf(paths: JsonObject, kinds: readonly ServedKind<StoredObject>[]): JsonObject {
  const operations = kinds.flatMap((kind) => {
    const collection = `/apis/${apiVersion}/${kind.plural}`
    return Object.entries(paths)
      .filter(([path]) => path === collection || path.startsWith(`${collection}/`))
      .map(([path, item]) => [path, itemOf(item, path === collection, kind.kind)] as const)
  })
  return Object.fromEntries(operations)
}

function itemOf(item: Json, isCollection: boolean, kind: string): JsonObject {
  if (!isJsonObject(item)) return {}
  const operations = Object.entries(item).map(([method, operation]) => {
    const action = isCollection ? (actionsOnCollections[method] ?? method) : method
    return [method, operationOf(isJsonObject(operation) ? operation : {}, action, kind)] as const
  })
  return Object.fromEntries(operations)
}

const actionsOnCollections: Readonly<Record<string, string>> = { get: 'list', delete: 'deletecollection' }

function operationOf(operation: JsonObject, action: string, kind: string): JsonObject {
  const { operationId = '', description = '', parameters, requestBody } = operation
  const successes = Object.entries(objectIn(operation, 'responses')).filter(([code]) => code < '300')
  return {
    operationId,
    description,
    ...(isJsonArray(parameters) && { parameters: parameters.filter(isJsonObject).map(withoutExample) }),
    ...(isJsonObject(requestBody) && { requestBody: { ...requestBody, content: contentOf(requestBody) } }),
    responses: Object.fromEntries(
      successes.map(([code, response]) => {
        const { description = '', ...rest } = isJsonObject(response) ? response : {}
        return [code, { description, content: contentOf(rest) }]
      }),
    ),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(kind),
  }
}

function contentOf(body: JsonObject): JsonObject {
  const content = Object.entries(objectIn(body, 'content'))
  return Object.fromEntries(
    content.map(([type, media]) => [type, { schema: objectIn(isJsonObject(media) ? media : {}, 'schema') }]),
  )
}

function withoutExample({ example: _, ...parameter }: JsonObject): JsonObject {
  return parameter
}

function groupVersionKind(kind: string): JsonObject {
  return { group, version, kind }
}

/** The schemas that are referred to from `part`, and from each other. */
function referredTo(part: Json, schemas: JsonObject): JsonObject {
  const found = new Map<string, Json>()
  const visit = (json: Json): void => {
    for (const name of referencesIn(json)) {
      const schema = schemas[name]
      if (schema === undefined || found.has(name)) continue
      found.set(name, schema)
      visit(schema)
    }
  }
  visit(part)
  return Object.fromEntries(found)
}

function referencesIn(json: Json): readonly string[] {
  if (isJsonArray(json)) return json.flatMap(referencesIn)
  if (!isJsonObject(json)) return []
  return Object.entries(json).flatMap(([name, value]) =>
    name === '$ref' && typeof value === 'string' ? [value.slice(referencePrefix.length)] : referencesIn(value),
  )
}

const referencePrefix = '#/components/schemas/'

/** The schemas, with what `kubectl explain` and validation look for in them. */
function markedSchemas(document: JsonObject, kinds: readonly ServedKind<StoredObject>[]): JsonObject {
  const schemas = objectIn(objectIn(document, 'components'), 'schemas')
  const names = new Set(kinds.flatMap(({ kind }) => [kind, `${kind}List`]))
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const marked = isJsonObject(schema) ? markedSchema(schema, schemas) : schema
      const kind = names.has(name) ? { 'x-kubernetes-group-version-kind': [groupVersionKind(name)] } : {}
      return [name, isJsonObject(marked) ? { ...marked, ...kind } : marked]
    }),
  )
}

function markedSchema(schema: JsonObject, schemas: JsonObject): JsonObject {
  const { additionalProperties, ...rest } = schema
  const { properties, items } = rest
  return {
    ...rest,
    ...(isJsonObject(items) && { items: markedSchema(items, schemas) }),
    ...(isJsonObject(properties) && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [
          name,
          isJsonObject(property) ? described(markedSchema(property, schemas), schemas) : property,
        ]),
      ),
    }),
    // Kubernetes has a word of its own for what is open, and none for what is not.
    ...(isJsonObject(additionalProperties) && { additionalProperties }),
    ...(additionalProperties === true && { 'x-kubernetes-preserve-unknown-fields': true }),
  }
}

/** A reference alone is shown without a description. */
function described(property: JsonObject, schemas: JsonObject): JsonObject {
  const { $ref } = property
  if (typeof $ref !== 'string') return property
  const { description = '' } = objectIn(schemas, $ref.slice(referencePrefix.length))
  return { description, allOf: [{ $ref }], default: {} }
}

/** Those that are the same for every group. */
const metaSchemas: ReadonlySet<string> = new Set(['ObjectMeta', 'ListMeta', 'Status', 'StatusDetails', 'StatusCause'])

function fullName(name: string): string {
  return `${metaSchemas.has(name) ? 'io.k8s.apimachinery.pkg.apis.meta.v1' : 'org.projectcalico.v3'}.${name}`
}

function withFullNames(document: JsonObject): JsonObject {
  const schemas = Object.entries(objectIn(objectIn(document, 'components'), 'schemas'))
  const renamed = { schemas: Object.fromEntries(schemas.map(([name, schema]) => [fullName(name), schema])) }
  const rename = (json: Json): Json => {
    if (isJsonArray(json)) return json.map(rename)
    return isJsonObject(json) ? renameIn(json) : json
  }
  const renameIn = (json: JsonObject): JsonObject =>
    Object.fromEntries(
      Object.entries(json).map(([name, value]) => [
        name,
        name === '$ref' && typeof value === 'string'
          ? `${referencePrefix}${fullName(value.slice(referencePrefix.length))}`
          : rename(value),
      ]),
    )
  return renameIn({ ...document, components: renamed })
}
