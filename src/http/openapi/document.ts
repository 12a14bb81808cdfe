import assert from 'node:assert/strict'
import type { FastifyDynamicSwaggerOptions, SwaggerTransformObject } from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { isJsonArray, isJsonObject, type Json, type JsonObject, parseJson, stringifyJson } from '../../model/index.ts'
import { watchParameters } from '../schemas/index.ts'
import { nameSchemas } from './names.ts'
import { openResponses } from './open-responses.ts'
import { addSecurity } from './security.ts'
import { openapi30 } from './v3-0.ts'
import { asObject, mapDocument, mapMembers, mapSchema } from './walk.ts'

/** Options of @fastify/swagger: how the OpenAPI document is made from the schemas of the routes. */
export function openapiOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'ippoold',
        version,
        summary: "IP address management over HTTP, on Calico's own etcd data.",
        description: [
          'Manages Calico IP pools, and assigns and releases their addresses.',
          'Every failure has the body `Status`: its `reason` is for programs, its `message` for people,',
          'and `details.causes` lists what is wrong, field by field.',
          'Request bodies are JSON or YAML; responses are JSON.',
          'The folder `examples` of the sources has examples in TypeScript, Go, Python, Java and curl.',
          'Every response has a request id in the header `X-Request-Id`: that of the request, if it has one.',
        ].join('\n'),
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'This server.' }],
      security: [],
      tags: [
        { name: 'ipam', description: 'Addresses: assign and release them, and see what each handle holds.' },
        { name: 'resources', description: 'IP pools and related resources, by the conventions of Kubernetes.' },
        { name: 'server', description: 'The server itself: health, version, this document.' },
      ],
    },
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, index) => (typeof $id === 'string' ? $id : `def-${index}`),
    },
    convertConstToEnum: false,
    transformObject: finish,
  }
}

/** Versions of OpenAPI in which the document is served. */
export type OpenapiForm = '3.1' | '3.0'

/** Returns the OpenAPI document of `app`, which must be ready. */
export function makeDocument(app: FastifyInstance, form: OpenapiForm): JsonObject {
  const document = withoutWatches(makeCompleteDocument(app))
  return form === '3.0' ? openapi30(document) : document
}

/** Returns the OpenAPI 3.1 document of `app`, which must be ready, with what only Kubernetes' clients can use. */
export function makeCompleteDocument(app: FastifyInstance): JsonObject {
  return toJson(app.swagger())
}

/** Removes the parameters of watches: the methods that generators make return one object, and would wait for the end of the stream. */
function withoutWatches(document: JsonObject): JsonObject {
  const isOfWatch = (parameter: Json): boolean => {
    const { name } = asObject(parameter)
    return typeof name === 'string' && watchParameters.includes(name)
  }
  return mapDocument(document, {
    schema: (schema) => schema,
    part: (object, part) => {
      const { parameters } = object
      if (part !== 'operation' || !isJsonArray(parameters)) return object
      return { ...object, parameters: parameters.filter((parameter) => !isOfWatch(parameter)) }
    },
  })
}

/** Improves the document that @fastify/swagger makes: for people who read it, and for generators of clients. */
const finish: SwaggerTransformObject = (made) => {
  if (!('openapiObject' in made)) return made.swaggerObject
  const steps = [addBodyExamples, capitalizeHeaders, describeDefaults, nameSchemas, openResponses, addSecurity]
  const finished = steps.reduce((document, step) => step(document), toJson(made.openapiObject))
  return Object.assign(made.openapiObject, finished)
}

function toJson(document: object): JsonObject {
  const parsed = parseJson(JSON.stringify(document))
  assert(parsed.ok && isJsonObject(parsed.value), 'a document is an object')
  return parsed.value
}

/**
 * Gives each request body the example of the component that it refers to. The schema of a route cannot carry it: it also validates, and
 * nothing may stand beside a reference.
 */
function addBodyExamples(document: JsonObject): JsonObject {
  const { components = {} } = document
  const schemas = isJsonObject(components) ? components['schemas'] : undefined
  return mapDocument(document, {
    schema: (schema) => schema,
    part: (object, part) => {
      const { content } = object
      if (part !== 'body' || !isJsonObject(content)) return object
      return {
        ...object,
        content: mapMembers(content, (media) => ({ ...exampleOf(media, schemas), ...asObject(media) })),
      }
    },
  })
}

function exampleOf(media: Json, schemas: Json | undefined): JsonObject {
  const { $ref } = asObject(asObject(media)['schema'])
  const component = asObject(asObject(schemas)[typeof $ref === 'string' ? ($ref.split('/').at(-1) ?? '') : ''])
  const { examples } = component
  return isJsonArray(examples) && examples[0] !== undefined ? { example: examples[0] } : {}
}

/**
 * Moves defaults into the descriptions. Generators do too much with the keyword `default`: in TypeScript the field becomes required, and
 * constructors in Go and Java set it, so that programs send fields that they did not mean to send.
 */
function describeDefaults(document: JsonObject): JsonObject {
  return mapDocument(document, { schema: describeDefault })
}

function describeDefault(schema: Json): Json {
  if (!isJsonObject(schema)) return schema
  const { default: value, ...rest } = mapSchema(schema, describeDefault)
  if (value === undefined) return rest
  const text = `Default: \`${stringifyJson(value).replaceAll('"', '')}\`.`
  return { ...rest, description: [rest['description'], text].filter((part) => typeof part === 'string').join(' ') }
}

/** Capitalizes the names of headers, as in `Idempotency-Key`: the schemas of the routes have them in lower case, as Node.js does. */
function capitalizeHeaders(document: JsonObject): JsonObject {
  return mapDocument(document, {
    schema: (schema) => schema,
    part: (object, part) => {
      if (part !== 'parameter' || object['in'] !== 'header' || typeof object['name'] !== 'string') return object
      return { ...object, name: object['name'].replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()) }
    },
  })
}
