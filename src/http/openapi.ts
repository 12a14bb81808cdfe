import type { FastifyDynamicSwaggerOptions, SwaggerTransformObject } from '@fastify/swagger'

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
    transformObject: showExamples,
  }
}

/**
 * Gives each request body the example of the component that it refers to. The schema of a route cannot: it is used to validate as
 * well, and a reference has nothing beside it.
 */
const showExamples: SwaggerTransformObject = (made) => {
  if (!('openapiObject' in made)) return made.swaggerObject
  const { paths = {}, components } = made.openapiObject
  for (const path of Object.values(paths)) {
    for (const operation of [path?.post, path?.put, path?.patch]) {
      const body = operation?.requestBody
      if (body === undefined || '$ref' in body) continue
      for (const media of Object.values(body.content)) {
        const name =
          media.schema !== undefined && '$ref' in media.schema ? media.schema.$ref.split('/').at(-1) : undefined
        const component = components?.schemas?.[name ?? '']
        const examples: unknown = component !== undefined && 'examples' in component ? component.examples : undefined
        if (Array.isArray(examples)) media.example ??= examples[0]
      }
    }
  }
  return made.openapiObject
}
