import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../model/index.ts'
import { apiVersion, group, objectIn, type ServedKind, type StoredObject, version } from '../../resources/index.ts'
import { openapi30 } from './v3-0.ts'
import { asObject, mapDocument, mapMembers, mapSchema } from './walk.ts'

/**
 * The OpenAPI document of the resources, in the form in which Kubernetes' clients read it: version 3.0, every schema under the full
 * name that Kubernetes would give it, and with the extensions by which clients find the kind of an object and of an operation. Made
 * from the document of the whole server, which is one of OpenAPI 3.1; left out is what no client looks at, which is most of it.
 * @see docs/kubernetes-api.md section 2
 */
export function kubernetesDocument(document: JsonObject, kinds: readonly ServedKind<StoredObject>[]): JsonObject {
  const schemas = objectIn(objectIn(document, 'components'), 'schemas')
  const inline = (schema: Json): Json => inlined(schema, schemas)
  const parts = { paths: pathsOf(objectIn(document, 'paths'), kinds), components: { schemas } }
  const { paths, components } = mapDocument(parts, { schema: inline })
  const used = referredTo(paths ?? {}, objectIn(isJsonObject(components) ? components : {}, 'schemas'))
  const info = { title: 'ippoold', version: objectIn(document, 'info')['version'] ?? '' }
  const converted = openapi30({ openapi: '3.1.0', info, paths: paths ?? {}, components: { schemas: used } })
  const finished = mapDocument(converted, { schema: (schema) => finishedSchema(schema, used) })
  return { ...finished, components: { schemas: namedSchemas(finished, kinds) } }
}

/** The paths of the resources. */
function pathsOf(paths: JsonObject, kinds: readonly ServedKind<StoredObject>[]): JsonObject {
  const ofKinds = kinds.flatMap((kind) => {
    const collection = `/apis/${apiVersion}/${kind.plural}`
    return Object.entries(paths)
      .filter(([path]) => path === collection || path.startsWith(`${collection}/`))
      .map(([path, item]) => [path, itemOf(asObject(item), path === collection, kind.kind)] as const)
  })
  return Object.fromEntries(ofKinds)
}

function itemOf(item: JsonObject, isCollection: boolean, kind: string): JsonObject {
  return mapMembers(item, (operation, method) => {
    const action = isCollection ? (actionsOnCollections[method] ?? method) : method
    return operationOf(asObject(operation), action, kind)
  })
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
    responses: mapMembers(Object.fromEntries(successes), (response) => ({
      description: asObject(response)['description'] ?? '',
      content: contentOf(asObject(response)),
    })),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(kind),
  }
}

function contentOf(body: JsonObject): JsonObject {
  return mapMembers(objectIn(body, 'content'), (media) => ({ schema: objectIn(asObject(media), 'schema') }))
}

function withoutExample({ example: _, ...parameter }: JsonObject): JsonObject {
  return parameter
}

function groupVersionKind(kind: string): JsonObject {
  return { group, version, kind }
}

/** A schema in which references lead to objects only: `kubectl explain` shows the type of whatever stands in its place. */
function inlined(schema: Json, schemas: JsonObject): Json {
  if (!isJsonObject(schema)) return schema
  const { $ref, ...beside } = mapSchema(schema, (inner) => inlined(inner, schemas))
  if ($ref === undefined) return beside
  const target = objectIn(schemas, referredName($ref))
  return target['type'] === 'object' ? { $ref, ...beside } : { ...asObject(inlined(target, schemas)), ...beside }
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
    name === '$ref' ? [referredName(value)] : referencesIn(value),
  )
}

/** A schema with what `kubectl explain` and validation look for in it. */
function finishedSchema(schema: Json, schemas: JsonObject): Json {
  if (!isJsonObject(schema)) return schema
  const { properties } = schema
  const complete = isJsonObject(properties)
    ? { ...schema, properties: mapMembers(properties, (property, name) => described(property, name, schemas)) }
    : schema
  const finish = (inner: Json): Json => finishedSchema(inner, schemas)
  const { additionalProperties, discriminator: _, $ref, ...rest } = mapSchema(complete, finish)
  return {
    ...rest,
    ...($ref !== undefined && { $ref: `${referencePrefix}${fullName(referredName($ref))}` }),
    // Kubernetes has a word of its own for what is open, and none for what is not.
    ...(isJsonObject(additionalProperties) && { additionalProperties }),
    ...(additionalProperties === true && { 'x-kubernetes-preserve-unknown-fields': true }),
  }
}

/** A reference alone is shown without a description. The one here is shown above that of what is referred to. */
function described(property: Json, name: string, schemas: JsonObject): Json {
  const { $ref } = asObject(property)
  if ($ref === undefined) return property
  const description = descriptions[name] ?? objectIn(schemas, referredName($ref))['description'] ?? ''
  return { description, allOf: [{ $ref }], default: {} }
}

const descriptions: Readonly<Record<string, string>> = {
  metadata: 'The name, the labels, and what else does not depend on the kind.',
  spec: 'What is wanted.',
  status: 'What has become of it.',
}

/** The components under their full names, those of the kinds marked as such. */
function namedSchemas(document: JsonObject, kinds: readonly ServedKind<StoredObject>[]): JsonObject {
  const schemas = objectIn(objectIn(document, 'components'), 'schemas')
  const ofKinds = new Set(kinds.flatMap(({ kind }) => [kind, `${kind}List`]))
  const named = Object.entries(schemas).map(([name, schema]) => {
    const mark = ofKinds.has(name) ? { 'x-kubernetes-group-version-kind': [groupVersionKind(name)] } : {}
    return [fullName(name), { ...asObject(schema), ...mark }] as const
  })
  return Object.fromEntries(named)
}

/** Those that are the same for every group. */
const metaSchemas: ReadonlySet<string> = new Set([
  ...['ObjectMeta', 'ListMeta', 'OwnerReference', 'Condition', 'Status', 'StatusDetails', 'StatusCause'],
])

function fullName(name: string): string {
  return `${metaSchemas.has(name) ? 'io.k8s.apimachinery.pkg.apis.meta.v1' : 'org.projectcalico.v3'}.${name}`
}

const referencePrefix = '#/components/schemas/'

function referredName($ref: Json): string {
  return typeof $ref === 'string' ? $ref.slice(referencePrefix.length) : ''
}
