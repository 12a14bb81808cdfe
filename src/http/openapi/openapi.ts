import assert from 'node:assert/strict'
import type { FastifyDynamicSwaggerOptions, SwaggerTransformObject } from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { isJsonArray, isJsonObject, type Json, type JsonObject, parseJson } from '../../model/index.ts'
import { withNamedSchemas } from './names.ts'
import { withOpenAnswers } from './open-answers.ts'
import { withDefaultsInWords, withHeaderNames } from './plain-words.ts'
import { openapi30 } from './v3-0.ts'
import { asObject, mapDocument, mapMembers } from './walk.ts'

/** How the OpenAPI document is made from the schemas of the routes. */
export function openapiOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'ippoold',
        version,
        summary: "IP address management over HTTP, on Calico's own etcd data.",
        description: [
          'Serves Calico IP pools, and gives and takes back addresses from them.',
          'Every failure has one body, `Status`: its `reason` is for programs, its `message` for people,',
          'and `details.causes` lists what is wrong, field by field.',
          'Bodies are JSON or YAML; answers are JSON.',
          'Examples in TypeScript, Go, Python, Java and curl lie in the folder `examples` of the sources.',
          'Every answer carries its request id in the header `X-Request-Id`: the one of the request, if it has one.',
        ].join('\n'),
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'This server.' }],
      security: [],
      tags: [
        { name: 'ipam', description: 'Addresses: assign, release, and who holds what.' },
        { name: 'resources', description: 'IP pools and their relatives, after the conventions of Kubernetes.' },
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

/** The versions of OpenAPI in which the document can be had. */
export type OpenapiForm = '3.1' | '3.0'

/** The document of what `app` serves, once it is ready. */
export function servedDocument(app: FastifyInstance, form: OpenapiForm): JsonObject {
  const document = plain(app.swagger())
  return form === '3.0' ? openapi30(document) : document
}

/** Makes of what the schemas of the routes say a document that is good to read, and to generate clients from. */
const finish: SwaggerTransformObject = (made) => {
  if (!('openapiObject' in made)) return made.swaggerObject
  const steps = [withBodyExamples, withHeaderNames, withDefaultsInWords, withNamedSchemas, withOpenAnswers]
  const finished = steps.reduce((document, step) => step(document), plain(made.openapiObject))
  return Object.assign(made.openapiObject, finished)
}

function plain(document: object): JsonObject {
  const parsed = parseJson(JSON.stringify(document))
  assert(parsed.ok && isJsonObject(parsed.value), 'a document is an object')
  return parsed.value
}

/**
 * Gives each request body the example of the component that it refers to. The schema of a route cannot: it is used to validate as
 * well, and a reference has nothing beside it.
 */
function withBodyExamples(document: JsonObject): JsonObject {
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
