import { methods } from '../src/http/openapi/walk.ts'
import type { JsonObject } from '../src/model/index.ts'
import {
  breakingSchemaChanges,
  componentsOf,
  type Direction,
  directionsOf,
  list,
  object,
  refOf,
  text,
} from './breaking-schemas.ts'

/**
 * Lists the changes from `before` to `after`, both OpenAPI 3.1 documents, that break programs written against `before`: calls that the
 * server now refuses, answers that a generated client cannot read, and names in generated code that are gone or mean something else. One
 * sentence for each, beginning with the operation or the type; the same change always gives the same sentence.
 */
export function breakingChanges(before: JsonObject, after: JsonObject): readonly string[] {
  const operationsAfter = operationsOf(after)
  const found = [...operationsOf(before)].flatMap(([place, operation]) => {
    const changed = operationsAfter.get(place)
    const name = text(operation['operationId'])
    if (changed === undefined) return [`${name}: ${place} is gone`]
    return operationChanges(operation, changed).map((change) => `${name}: ${change}`)
  })
  const [types, typesAfter] = [componentsOf(before), componentsOf(after)]
  const directions = directionsOf(before)
  for (const [name, schema] of Object.entries(types)) {
    const changed = typesAfter[name]
    if (changed === undefined) found.push(`${name}: the type is gone`)
    else found.push(...breakingSchemaChanges(name, object(schema), object(changed), directions.get(name) ?? new Set()))
  }
  return found
}

/** The operations by method and path. */
function operationsOf(document: JsonObject): ReadonlyMap<string, JsonObject> {
  const entries = Object.entries(object(document['paths'])).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = object(item)[method]
      return operation === undefined ? [] : [[`${method.toUpperCase()} ${path}`, object(operation)] as const]
    }),
  )
  return new Map(entries)
}

function operationChanges(before: JsonObject, after: JsonObject): readonly string[] {
  return [
    ...renamings(before, after),
    ...parameterChanges(before, after),
    ...bodyChanges(object(before['requestBody']), object(after['requestBody'])),
    ...answerChanges(object(before['responses']), object(after['responses'])),
  ]
}

function renamings(before: JsonObject, after: JsonObject): readonly string[] {
  const [id, idAfter] = [text(before['operationId']), text(after['operationId'])]
  const [tag, tagAfter] = [text(list(before['tags'])[0]), text(list(after['tags'])[0])]
  return [
    ...(id === idAfter ? [] : [`the operation is called ${idAfter}`]),
    ...(tag === tagAfter ? [] : [`the operation has moved from ${tag} to ${tagAfter}`]),
  ]
}

function parameterChanges(before: JsonObject, after: JsonObject): readonly string[] {
  const [known, given] = [parametersOf(before), parametersOf(after)]
  const gone = [...known.keys()].filter((place) => !given.has(place)).map((place) => `the ${place} is gone`)
  const changed = [...given].flatMap(([place, parameter]) => {
    const old = known.get(place)
    const isRequired = parameter['required'] === true
    if (old === undefined) return isRequired ? [`the ${place} is new and required`] : []
    return [
      ...(isRequired && old['required'] !== true ? [`the ${place} is required`] : []),
      ...inlineChanges(`the ${place}`, object(old['schema']), object(parameter['schema']), 'request'),
    ]
  })
  return [...gone, ...changed]
}

function parametersOf(operation: JsonObject): ReadonlyMap<string, JsonObject> {
  const parameters = list(operation['parameters']).map(object)
  return new Map(
    parameters.map((parameter) => [`${text(parameter['in'])} parameter ${text(parameter['name'])}`, parameter]),
  )
}

function bodyChanges(before: JsonObject, after: JsonObject): readonly string[] {
  if (Object.keys(before).length === 0) return after['required'] === true ? ['a body is required'] : []
  if (Object.keys(after).length === 0) return ['the body is gone']
  return [
    ...(after['required'] === true && before['required'] !== true ? ['the body is required'] : []),
    ...contentChanges('the body', before, after, 'request'),
  ]
}

function answerChanges(before: JsonObject, after: JsonObject): readonly string[] {
  return Object.entries(before).flatMap(([status, answer]) => {
    const changed = after[status]
    if (changed === undefined) return [`the answer ${status} is gone`]
    const headers = Object.keys(object(object(answer)['headers']))
    const lost = headers.filter((name) => !(name in object(object(changed)['headers'])))
    return [
      ...lost.map((name) => `the header ${name} of the answer ${status} is gone`),
      ...contentChanges(`the answer ${status}`, object(answer), object(changed), 'answer'),
    ]
  })
}

function contentChanges(place: string, before: JsonObject, after: JsonObject, direction: Direction): readonly string[] {
  const content = object(after['content'])
  return Object.entries(object(before['content'])).flatMap(([type, media]) => {
    const changed = content[type]
    if (changed === undefined) return [`${place} is not to be had as ${type}`]
    const schemas = [object(object(media)['schema']), object(object(changed)['schema'])] as const
    return inlineChanges(`${place} as ${type}`, ...schemas, direction)
  })
}

/** Breaking changes of a schema that an operation contains itself; those of components are reported with the component. */
function inlineChanges(place: string, before: JsonObject, after: JsonObject, direction: Direction): readonly string[] {
  const [name, nameAfter] = [refOf(before), refOf(after)]
  if (name !== undefined && name === nameAfter) return []
  return breakingSchemaChanges(place, before, after, new Set([direction]))
}
