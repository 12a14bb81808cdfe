import type { BuildCompilerFromPool } from '@fastify/ajv-compiler'
import AjvCompiler from '@fastify/ajv-compiler'

/**
 * Two validators: bodies must have the very types of their schema, while everything else in a request is text and is converted.
 * Neither removes, adds or changes anything, and both report all that is wrong.
 */
export const buildValidator: BuildCompilerFromPool = (externalSchemas) => {
  const compilers = AjvCompiler()
  const options = { removeAdditional: false, useDefaults: false, allErrors: true, verbose: true } as const
  // What only the OpenAPI document has a use for.
  const vocabulary = { keywords: ['x-enum-varnames'] }
  // Whether the schemas themselves are right is seen to when the OpenAPI document is checked, not at each start.
  const trusting = { meta: false, validateSchema: false } as const
  const ofBodies = compilers(externalSchemas, {
    customOptions: { ...options, ...trusting, ...vocabulary, coerceTypes: false },
  })
  const ofTexts = compilers(externalSchemas, {
    customOptions: { ...options, ...trusting, ...vocabulary, coerceTypes: 'array' },
  })
  // Fastify hands over the schema with its place in the request.
  return (route) => (typeof route === 'object' && route['httpPart'] === 'body' ? ofBodies : ofTexts)(route)
}
