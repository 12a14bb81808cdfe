import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { type ApiGroup, objectIn, pathOf, type ServedKind, type StoredObject } from '../../resources/index.ts'
import { openapi30 } from './v3-0.ts'
import { asObject, mapDocument, mapMembers, mapSchema } from './walk.ts'

/**
 * Makes the OpenAPI document of the resources of a group for Kubernetes' clients from the OpenAPI 3.1 document of the server: version 3.0,
 * schemas under the full names that Kubernetes gives them, and extensions by which clients find the kind of an object or an operation.
 * Leaves out what no client reads, which is most of the document.
 * @see docs/kubernetes-api.md section 2
 */
export function kubernetesDocument(
  document: JsonObject,
  group: ApiGroup,
  all: readonly ServedKind<StoredObject>[],
): JsonObject {
  const kinds = all.filter((kind) => kind.group === group)
  const schemas = objectIn(objectIn(document, 'components'), 'schemas')
  const inline = (schema: Json): Json => inlineSchema(schema, schemas)
  const parts = { paths: pathsOf(objectIn(document, 'paths'), kinds), components: { schemas } }
  const { paths, components } = mapDocument(parts, { schema: inline })
  const used = reachableSchemas(paths ?? {}, objectIn(isJsonObject(components) ? components : {}, 'schemas'))
  const info = { title: 'ippoold', version: objectIn(document, 'info')['version'] ?? '' }
  const converted = openapi30({ openapi: '3.1.0', info, paths: paths ?? {}, components: { schemas: used } })
  const finished = mapDocument(converted, { schema: (schema) => finishSchema(schema, used, group) })
  return { ...finished, components: { schemas: namedSchemas(finished, group, kinds) } }
}

/** The paths of the resources. */
function pathsOf(paths: JsonObject, kinds: readonly ServedKind<StoredObject>[]): JsonObject {
  const ofKinds = kinds.flatMap((kind) => {
    const collection = pathOf(kind)
    return Object.entries(paths)
      .filter(([path]) => path === collection || path.startsWith(`${collection}/`))
      .map(([path, item]) => [path, itemOf(asObject(item), path === collection, kind)] as const)
  })
  return Object.fromEntries(ofKinds)
}

function itemOf(item: JsonObject, isCollection: boolean, kind: ServedKind<StoredObject>): JsonObject {
  return mapMembers(item, (operation, method) => {
    const action = isCollection ? (actionsOnCollections[method] ?? method) : method
    return operationOf(asObject(operation), action, kind)
  })
}

const actionsOnCollections: Readonly<Record<string, string>> = { get: 'list', delete: 'deletecollection' }

function operationOf(operation: JsonObject, action: string, kind: ServedKind<StoredObject>): JsonObject {
  const { operationId = '', description = '', parameters, requestBody } = operation
  const successes = Object.entries(objectIn(operation, 'responses')).filter(([code]) => code < '300')
  return {
    operationId,
    description,
    ...(isJsonArray(parameters) && { parameters: parameters.filter(isJsonObject).map(withoutExample) }),
    ...(isJsonObject(requestBody) && { requestBody: { ...requestBody, content: contentOf(requestBody) } }),
    responses: mapMembers(Object.fromEntries(successes), (response) => ({
      description: asObject(response)['description'] ?? '',
      content: contentOf(asObject(response)),
    })),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(kind.group, kind.kind),
  }
}

function contentOf(body: JsonObject): JsonObject {
  return mapMembers(objectIn(body, 'content'), (media) => ({ schema: objectIn(asObject(media), 'schema') }))
}

function withoutExample({ example: _, ...parameter }: JsonObject): JsonObject {
  return parameter
}

function groupVersionKind({ name: group, version }: ApiGroup, kind: string): JsonObject {
  return { group, version, kind }
}

/** Inlines references to schemas other than objects: `kubectl explain` shows the type of what is inline. */
function inlineSchema(schema: Json, schemas: JsonObject): Json {
  if (!isJsonObject(schema)) return schema
  const { $ref, ...beside } = mapSchema(schema, (inner) => inlineSchema(inner, schemas))
  if ($ref === undefined) return beside
  const target = objectIn(schemas, referredName($ref))
  return target['type'] === 'object' ? { $ref, ...beside } : { ...asObject(inlineSchema(target, schemas)), ...beside }
}

/** Returns the schemas to which `part` refers, directly or through other schemas. */
function reachableSchemas(part: Json, schemas: JsonObject): JsonObject {
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
    name === '$ref' ? [referredName(value)] : referencesIn(value),
  )
}

/** Adds what `kubectl explain` and validation in kubectl need. */
function finishSchema(schema: Json, schemas: JsonObject, group: ApiGroup): Json {
  if (!isJsonObject(schema)) return schema
  const { properties } = schema
  const complete = isJsonObject(properties)
    ? { ...schema, properties: mapMembers(properties, (property, name) => describeProperty(property, name, schemas)) }
    : schema
  const finish = (inner: Json): Json => finishSchema(inner, schemas, group)
  const { additionalProperties, discriminator: _, $ref, ...rest } = mapSchema(complete, finish)
  return {
    ...rest,
    ...($ref !== undefined && { $ref: `${referencePrefix}${fullName(referredName($ref), group)}` }),
    // Kubernetes has its own keyword for open objects, and none for closed ones.
    ...(isJsonObject(additionalProperties) && { additionalProperties }),
    ...(additionalProperties === true && { 'x-kubernetes-preserve-unknown-fields': true }),
  }
}

/** Adds a description to a reference: kubectl shows none for a bare reference. */
function describeProperty(property: Json, name: string, schemas: JsonObject): Json {
  const { $ref } = asObject(property)
  if ($ref === undefined) return property
  const description = descriptions[name] ?? objectIn(schemas, referredName($ref))['description'] ?? ''
  return { description, allOf: [{ $ref }], default: {} }
}

const descriptions: Readonly<Record<string, string>> = {
  metadata: 'The name, the labels, and other fields that all kinds have.',
  spec: 'The desired state.',
  status: 'The observed state.',
}

/** Returns the components under their full names; those of kinds are marked with their kind. */
function namedSchemas(document: JsonObject, group: ApiGroup, kinds: readonly ServedKind<StoredObject>[]): JsonObject {
  const schemas = objectIn(objectIn(document, 'components'), 'schemas')
  const ofKinds = new Set(kinds.flatMap(({ kind }) => [kind, `${kind}List`]))
  const named = Object.entries(schemas).map(([name, schema]) => {
    const mark = ofKinds.has(name) ? { 'x-kubernetes-group-version-kind': [groupVersionKind(group, name)] } : {}
    return [fullName(name, group), { ...asObject(schema), ...mark }] as const
  })
  return Object.fromEntries(named)
}

/** Schemas that are the same for every API group. */
const metaSchemas: ReadonlySet<string> = new Set([
  ...['ObjectMeta', 'ListMeta', 'OwnerReference', 'Condition', 'Status', 'StatusDetails', 'StatusCause'],
])

/** As `org.projectcalico.v3.IPPool`: the parts of the group's name in reverse, its version, and the name of the schema. */
function fullName(name: string, group: ApiGroup): string {
  if (metaSchemas.has(name)) return `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`
  return `${group.name.split('.').reverse().join('.')}.${group.version}.${name}`
}

const referencePrefix = '#/components/schemas/'

function referredName($ref: Json): string {
  return typeof $ref === 'string' ? $ref.slice(referencePrefix.length) : ''
}
