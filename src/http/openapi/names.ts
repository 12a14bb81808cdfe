import assert from 'node:assert/strict'
import { isJsonArray, isJsonObject, type Json, type JsonObject, stringifyJson } from '../../model/index.ts'
import { constantName } from '../schemas/index.ts'
import { mapDocument, mapSchema } from './walk.ts'

/**
 * Makes each schema with a `title` a component of that name, and refers to it wherever it is used. Generators then make one type of it,
 * with a chosen name. `description` and `examples` of a use stay beside the reference unless they are the same for all uses. Sorts the
 * components by name.
 *
 * Throws if two schemas with the same title differ.
 */
export function nameSchemas(document: JsonObject): JsonObject {
  const uses = new Map<string, JsonObject[]>()
  const moved = mapDocument(document, { schema: (schema) => replaceTitled(schema, uses) })
  const made = new Map([...uses].map(([title, all]) => [title, commonOf(title, all)]))
  const named = mapDocument(moved, { schema: (schema) => removeCommon(schema, made) })

  const { components = {} } = named
  assert(isJsonObject(components), 'components are an object')
  const { schemas = {} } = components
  assert(isJsonObject(schemas), 'schemas are an object')
  for (const title of made.keys()) assert(!(title in schemas), `${title} is the name of a component already`)
  const all = [...Object.entries(schemas), ...made].sort(([one], [other]) => (one < other ? -1 : 1))
  return { ...named, components: { ...components, schemas: Object.fromEntries(all) } }
}

/** Keywords that describe the use of a schema rather than the schema. */
const describing = ['description', 'examples'] as const

/** Replaces schemas with a title by references, innermost first, and collects them by title. */
function replaceTitled(schema: Json, uses: Map<string, JsonObject[]>): Json {
  if (!isJsonObject(schema)) return schema
  const inner = mapSchema(schema, (within) => replaceTitled(within, uses))
  const { title, ...untitled } = inner
  if (typeof title !== 'string') return inner
  uses.set(title, [...(uses.get(title) ?? []), untitled])
  return { $ref: referenceTo(title), ...pick(untitled, (name) => isDescribing(name)) }
}

/** Returns the schema that all of `uses` share, with the descriptions that they share. */
function commonOf(title: string, uses: readonly JsonObject[]): JsonObject {
  const [first = {}] = uses
  const common = pick(first, (name, value) => uses.every((use) => sameText(use[name], value)))
  for (const use of uses) {
    const rest = [...Object.keys(use), ...Object.keys(first)].filter((name) => !(name in common) && !isDescribing(name))
    assert(rest.length === 0, `two schemas are titled ${title} and differ in ${rest.join(', ')}`)
  }
  return { ...namesOf(common['enum']), ...common }
}

/** Names of an enumeration's values in generated code, the same in every language; none if a value is not a word. */
function namesOf(values: Json | undefined): JsonObject {
  const names = isJsonArray(values) ? values.flatMap((value) => (isWord(value) ? [constantName(value)] : [])) : []
  return isJsonArray(values) && names.length > 1 && names.length === values.length ? { 'x-enum-varnames': names } : {}
}

function isWord(value: Json): value is string {
  return typeof value === 'string' && /^[a-z]\w*$/i.test(value)
}

/** Removes descriptions beside references that the component has too. */
function removeCommon(schema: Json, made: ReadonlyMap<string, JsonObject>): Json {
  if (!isJsonObject(schema)) return schema
  const inner = mapSchema(schema, (within) => removeCommon(within, made))
  const component =
    typeof inner['$ref'] === 'string' ? made.get(inner['$ref'].slice(referenceTo('').length)) : undefined
  if (component === undefined) return inner
  return pick(inner, (name) => !isDescribing(name) || !(name in component))
}

/** Returns the `$ref` of the component `title`. */
function referenceTo(title: string): string {
  return `#/components/schemas/${title}`
}

function isDescribing(name: string): boolean {
  return (describing as readonly string[]).includes(name)
}

function pick(object: JsonObject, isWanted: (name: string, value: Json) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name, value]) => isWanted(name, value)))
}

function sameText(one: Json | undefined, other: Json): boolean {
  return one !== undefined && stringifyJson(one) === stringifyJson(other)
}
