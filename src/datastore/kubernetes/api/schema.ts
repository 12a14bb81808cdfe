import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../../model/index.ts'
import { type ObjectKind, objectAt } from '../forms/index.ts'

/**
 * The fields that the API server keeps of a kind, as its installed definition says. What the definition does not know is pruned: an older
 * Calico lacks newer fields.
 */
export class InstalledSchema {
  readonly #schema: JsonObject
  readonly #document: JsonObject

  private constructor(schema: JsonObject, document: JsonObject) {
    this.#schema = schema
    this.#document = document
  }

  /** Finds a kind in the OpenAPI v3 document of its group; undefined if it is not there. */
  static of(
    document: JsonObject,
    { apiVersion, kind }: Pick<ObjectKind, 'apiVersion' | 'kind'>,
  ): InstalledSchema | undefined {
    const [group = '', version = ''] = apiVersion.split('/')
    const schemas = Object.values(objectAt(objectAt(document, 'components'), 'schemas')).filter(isJsonObject)
    const found = schemas.find((schema) => {
      const kinds = schema['x-kubernetes-group-version-kind']
      const named = isJsonArray(kinds) ? kinds.filter(isJsonObject) : []
      return named.some((one) => one['group'] === group && one['version'] === version && one['kind'] === kind)
    })
    return found === undefined ? undefined : new InstalledSchema(found, document)
  }

  /** The paths of the fields of an object that the API server would prune, such as `spec.attributes[].releasedAt`; each once. */
  prunedFields(object: JsonObject): readonly string[] {
    const found = new Set<string>()
    const spec = objectAt(objectAt(this.#schema, 'properties'), 'spec')
    this.#look(spec, objectAt(object, 'spec'), 'spec', found)
    return [...found]
  }

  #look(given: JsonObject, value: Json, path: string, found: Set<string>): void {
    const schema = this.#resolve(given)
    if (schema['x-kubernetes-preserve-unknown-fields'] === true) return
    if (isJsonArray(value)) {
      for (const item of value) this.#look(objectAt(schema, 'items'), item, `${path}[]`, found)
    } else if (isJsonObject(value)) {
      const [known, others] = [objectAt(schema, 'properties'), schema['additionalProperties']]
      for (const [name, member] of Object.entries(value)) {
        if (Object.hasOwn(known, name)) this.#look(objectAt(known, name), member, `${path}.${name}`, found)
        else if (isJsonObject(others)) this.#look(others, member, `${path}.*`, found)
        else if (others !== true) found.add(`${path}.${name}`)
      }
    }
  }

  /** A schema with one reference, alone or in `allOf`, stands for what it refers to. */
  #resolve(schema: JsonObject): JsonObject {
    const { allOf } = schema
    const single = isJsonArray(allOf) && allOf.length === 1 && isJsonObject(allOf[0]) ? allOf[0] : schema
    const reference = single['$ref']
    if (typeof reference !== 'string') return single
    const name = reference.slice(reference.lastIndexOf('/') + 1)
    return objectAt(objectAt(objectAt(this.#document, 'components'), 'schemas'), name)
  }
}
