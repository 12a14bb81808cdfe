import type { BuildCompilerFromPool } from '@fastify/ajv-compiler'
import AjvCompiler from '@fastify/ajv-compiler'

/**
 * Two validators: bodies must have the very types of their schema, while everything else in a request is text and is converted.
 * Neither removes, adds or changes anything, and both report all that is wrong.
 */
export const buildValidator: BuildCompilerFromPool = (externalSchemas) => {
  const compilers = AjvCompiler()
  const options = { removeAdditional: false, useDefaults: false, allErrors: true, verbose: true } as const
  // Whether the schemas themselves are right is seen to when the OpenAPI document is checked, not at each start.
  const trusting = { meta: false, validateSchema: false } as const
  const ofBodies = compilers(externalSchemas, { customOptions: { ...options, ...trusting, coerceTypes: false } })
  const ofTexts = compilers(externalSchemas, { customOptions: { ...options, ...trusting, coerceTypes: 'array' } })
  // Fastify hands over the schema with its place in the request.
  return (route) => (typeof route === 'object' && route['httpPart'] === 'body' ? ofBodies : ofTexts)(route)
}
