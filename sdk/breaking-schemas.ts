import { isJsonArray, isJsonObject, type Json, type JsonObject, stringifyJson } from '../src/model/index.ts'

/** The side that writes the values of a schema: the client in requests, or the server in responses. */
export type Direction = 'request' | 'answer'

/**
 * Lists the breaking changes from one schema to another, given the side that writes its values. Each sentence begins with `place`. Of a
 * reference only the name is compared; the schema that it refers to is compared by itself.
 */
export function breakingSchemaChanges(
  place: string,
  before: JsonObject,
  after: JsonObject,
  directions: ReadonlySet<Direction>,
): readonly string[] {
  const [name, nameAfter] = [refOf(before), refOf(after)]
  if (name !== undefined || nameAfter !== undefined) {
    return name === nameAfter
      ? []
      : [`${place}: is of type ${nameAfter ?? typeOf(after)}, not ${name ?? typeOf(before)}`]
  }
  return [
    ...typeChanges(before, after),
    ...valueChanges(before, after, directions),
    ...(directions.has('request') ? narrowings(before, after) : []),
    ...requirementChanges(before, after, directions),
    ...alternativeChanges(before, after, directions),
  ]
    .map((change) => `${place}: ${change}`)
    .concat(partChanges(place, before, after, directions))
}

/** A changed type is a changed type in generated code: it breaks programs, whichever side writes it. */
function typeChanges(before: JsonObject, after: JsonObject): readonly string[] {
  const [type, typeAfter] = [typeOf(before), typeOf(after)]
  return type === typeAfter ? [] : [`is ${typeAfter}, not ${type}`]
}

function typeOf({ type, format }: JsonObject): string {
  const types = isJsonArray(type) ? type.map(text).sort().join(' or ') : text(type)
  return [types === '' ? 'anything' : types, ...(format === undefined ? [] : [text(format)])].join(', ')
}

/** The values of an enumeration. A generated client reads only those that it knows. */
function valueChanges(before: JsonObject, after: JsonObject, directions: ReadonlySet<Direction>): readonly string[] {
  const [values, valuesAfter] = [valuesOf(before), valuesOf(after)]
  if (values === undefined) return valuesAfter === undefined ? [] : ['is one of a few values']
  if (valuesAfter === undefined) return ['can be any value, not one of a few']
  return [
    ...values.filter((value) => !valuesAfter.includes(value)).map((value) => `the value ${value} is gone`),
    ...(directions.has('answer') ? valuesAfter.filter((value) => !values.includes(value)) : []).map(
      (value) => `the value ${value} is new, and may be answered`,
    ),
    ...nameChanges(before, after),
  ]
}

function valuesOf({ enum: values, const: only }: JsonObject): readonly string[] | undefined {
  if (only !== undefined) return [stringifyJson(only)]
  return isJsonArray(values) ? values.map(stringifyJson) : undefined
}

/** The names of values in generated code. */
function nameChanges(before: JsonObject, after: JsonObject): readonly string[] {
  const [names, namesAfter] = [namesOf(before), namesOf(after)]
  return [...names].flatMap(([value, name]) => {
    const changed = namesAfter.get(value)
    return changed === undefined || changed === name ? [] : [`the value ${value} is called ${changed}, not ${name}`]
  })
}

function namesOf(schema: JsonObject): ReadonlyMap<string, string> {
  const names = list(schema['x-enum-varnames']).map(text)
  const values = valuesOf(schema) ?? []
  return new Map(names.length === values.length ? values.map((value, index) => [value, names[index] ?? '']) : [])
}

const lowerBounds = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'] as const
const upperBounds = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'] as const

/** Constraints that make the server refuse what it accepted before. */
function narrowings(before: JsonObject, after: JsonObject): readonly string[] {
  const bound = (name: string, schema: JsonObject, none: number): number => Number(schema[name] ?? none)
  const told = (name: string): string => `${name} is ${stringifyJson(after[name] ?? null)}`
  return [
    ...lowerBounds.filter((name) => bound(name, after, -Infinity) > bound(name, before, -Infinity)).map(told),
    ...upperBounds.filter((name) => bound(name, after, Infinity) < bound(name, before, Infinity)).map(told),
    ...['pattern', 'multipleOf'].filter((name) => after[name] !== undefined && after[name] !== before[name]).map(told),
    ...(after['uniqueItems'] === true && before['uniqueItems'] !== true ? ['items must be unique'] : []),
    ...(after['additionalProperties'] === false && before['additionalProperties'] !== false
      ? ['other fields are refused']
      : []),
  ]
}

/** Fields, and which of them are required. */
function requirementChanges(
  before: JsonObject,
  after: JsonObject,
  directions: ReadonlySet<Direction>,
): readonly string[] {
  const [fields, fieldsAfter] = [object(before['properties']), object(after['properties'])]
  const [required, requiredAfter] = [list(before['required']).map(text), list(after['required']).map(text)]
  const demanded = requiredAfter.filter((name) => !required.includes(name))
  const optional = required.filter((name) => name in fieldsAfter && !requiredAfter.includes(name))
  return [
    ...Object.keys(fields)
      .filter((name) => !(name in fieldsAfter))
      .map((name) => `the field ${name} is gone`),
    ...(directions.has('request') ? demanded : []).map((name) => `the field ${name} is required`),
    ...(directions.has('answer') ? optional : []).map((name) => `the field ${name} may be missing`),
  ]
}

const choices = ['anyOf', 'oneOf', 'allOf'] as const

function alternativeChanges(
  before: JsonObject,
  after: JsonObject,
  directions: ReadonlySet<Direction>,
): readonly string[] {
  return choices.flatMap((choice) => {
    const [known, given] = [list(before[choice]).map(nameOf), list(after[choice]).map(nameOf)]
    const added = given.filter((name) => !known.includes(name))
    return [
      ...known.filter((name) => !given.includes(name)).map((name) => `${name} is not in ${choice}`),
      ...(directions.has('answer') || choice === 'allOf' ? added : []).map((name) => `${name} is new in ${choice}`),
    ]
  })
}

function nameOf(schema: Json): string {
  return refOf(object(schema)) ?? typeOf(object(schema))
}

/** Breaking changes in fields and items that both have. */
function partChanges(
  place: string,
  before: JsonObject,
  after: JsonObject,
  directions: ReadonlySet<Direction>,
): readonly string[] {
  const fieldsAfter = object(after['properties'])
  const ofFields = Object.entries(object(before['properties'])).flatMap(([name, field]) => {
    const changed = fieldsAfter[name]
    return changed === undefined
      ? []
      : breakingSchemaChanges(`${place}.${name}`, object(field), object(changed), directions)
  })
  const ofItems = (['items', 'additionalProperties'] as const).flatMap((keyword) => {
    const [held, heldAfter] = [before[keyword], after[keyword]]
    if (!isJsonObject(held) || !isJsonObject(heldAfter)) return []
    return breakingSchemaChanges(`${place}[]`, held, heldAfter, directions)
  })
  return [...ofFields, ...ofItems]
}

/** The sides that write each component, for components that operations use. */
export function directionsOf(document: JsonObject): ReadonlyMap<string, ReadonlySet<Direction>> {
  const components = componentsOf(document)
  const directions = new Map<string, Set<Direction>>()
  const spread = (json: Json | undefined, direction: Direction): void => {
    for (const [, name = ''] of stringifyJson(json ?? null).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      const known = directions.get(name) ?? new Set()
      if (known.has(direction)) continue
      directions.set(name, known.add(direction))
      spread(components[name], direction)
    }
  }
  for (const operation of Object.values(object(document['paths'])).flatMap((item) => Object.values(object(item)))) {
    const { parameters, requestBody, responses } = object(operation)
    spread(parameters, 'request')
    spread(requestBody, 'request')
    spread(responses, 'answer')
  }
  return directions
}

/** The named schemas of a document. */
export function componentsOf(document: JsonObject): JsonObject {
  return object(object(document['components'])['schemas'])
}

/** The name of the component that a schema refers to. */
export function refOf({ $ref }: JsonObject): string | undefined {
  return typeof $ref === 'string' ? $ref.split('/').at(-1) : undefined
}

/** `json` if it is an object, else an empty one. */
export function object(json: Json | undefined): JsonObject {
  return isJsonObject(json) ? json : {}
}

/** `json` if it is a list, else an empty one. */
export function list(json: Json | undefined): readonly Json[] {
  return isJsonArray(json) ? json : []
}

/** `json` if it is a text, else an empty one. */
export function text(json: Json | undefined): string {
  return typeof json === 'string' ? json : ''
}
