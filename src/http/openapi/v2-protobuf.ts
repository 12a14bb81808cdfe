import { isJsonArray, isJsonObject, type Json, type JsonObject, stringifyJson } from '../../model/index.ts'
import { objectIn } from '../../resources/index.ts'
import { asObject } from './walk.ts'

/**
 * Encodes an OpenAPI 2.0 document as gnostic's message `openapi.v2.Document`, with the fields that kubectl reads. The numbers in this file
 * are the field numbers of that message and of the messages in it.
 * @see https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto and docs/kubernetes-api.md section 2.3
 */
export function encodeOpenapi20(document: JsonObject): Buffer {
  const info = objectIn(document, 'info')
  const paths = Object.entries(objectIn(document, 'paths'))
  return encodeMessage([
    ...text(1, document['swagger']),
    [2, [...text(1, info['title']), ...text(2, info['version'])]],
    [8, paths.map(([path, item]) => [2, named(path, pathItemOf(asObject(item)))])],
    [9, namedSchemas(objectIn(document, 'definitions'))],
  ])
}

const methods = [
  [2, 'get'],
  [3, 'put'],
  [4, 'post'],
  [5, 'delete'],
  [8, 'patch'],
] as const

function pathItemOf(item: JsonObject): Message {
  return methods.flatMap(([number, method]): Message => {
    const operation = item[method]
    return isJsonObject(operation) ? [[number, operationOf(operation)]] : []
  })
}

function operationOf(operation: JsonObject): Message {
  const { parameters } = operation
  const inQuery = (isJsonArray(parameters) ? parameters : [])
    .filter(isJsonObject)
    .filter((parameter) => parameter['in'] === 'query')
  return [
    ...text(5, operation['operationId']),
    ...texts(6, operation['produces']),
    ...texts(7, operation['consumes']),
    ...inQuery.map((parameter): Field => [8, [[1, [[2, [[3, queryParameterOf(parameter)]]]]]]]),
    ...extensions(13, operation),
  ]
}

function queryParameterOf({ in: place, name, type }: { readonly [name: string]: Json | undefined }): Message {
  return [...text(2, place), ...text(4, name), ...text(6, type)]
}

function schemaOf(schema: JsonObject): Message {
  const { additionalProperties, type, items } = schema
  const values = schema['enum']
  return [
    ...text(1, schema['$ref']),
    ...text(2, schema['format']),
    ...text(4, schema['description']),
    ...any(5, schema['default']),
    ...texts(19, schema['required']),
    ...(isJsonArray(values) ? values : []).flatMap((value) => any(20, value)),
    ...(isJsonObject(additionalProperties) ? [[21, [[1, schemaOf(additionalProperties)]]] satisfies Field] : []),
    ...(typeof type === 'string' ? [[22, text(1, type)] satisfies Field] : []),
    ...(isJsonObject(items) ? [[23, [[1, schemaOf(items)]]] satisfies Field] : []),
    ...(isJsonObject(schema['properties']) ? [[25, namedSchemas(schema['properties'])] satisfies Field] : []),
    ...extensions(31, schema),
  ]
}

function namedSchemas(schemas: JsonObject): Message {
  return Object.entries(schemas).map(([name, schema]) => [1, named(name, schemaOf(asObject(schema)))])
}

function named(name: string, value: Message): Message {
  return [
    [1, name],
    [2, value],
  ]
}

function extensions(number: number, object: JsonObject): Message {
  return Object.entries(object)
    .filter(([name]) => name.startsWith('x-'))
    .map(([name, value]) => [number, named(name, [[2, stringifyJson(value)]])])
}

/** Encodes any value as YAML text; JSON is a subset of YAML. */
function any(number: number, value: Json | undefined): Message {
  return value === undefined ? [] : [[number, [[2, stringifyJson(value)]]]]
}

function text(number: number, value: Json | undefined): Message {
  return typeof value === 'string' ? [[number, value]] : []
}

function texts(number: number, values: Json | undefined): Message {
  return (isJsonArray(values) ? values : []).flatMap((value) => text(number, value))
}

/** A field of a protobuf message: its number, and a text or a message. */
export type Field = readonly [number: number, value: string | Message]

/** A protobuf message of texts and messages. A field may occur several times. */
export type Message = readonly Field[]

/** Encodes a message, fields in the order given. @see https://protobuf.dev/programming-guides/encoding */
export function encodeMessage(message: Message): Buffer {
  return Buffer.concat(
    message.flatMap(([number, value]) => {
      const bytes = typeof value === 'string' ? Buffer.from(value) : encodeMessage(value)
      return [varint(number * 8 + lengthDelimited), varint(bytes.length), bytes]
    }),
  )
}

/** The wire type of texts and messages. */
const lengthDelimited = 2

/** Seven bits a byte, the lowest first; all bytes but the last have the eighth bit set. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 0x80)) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest % 0x80) + 0x80)
  }
}
