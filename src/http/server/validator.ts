import AjvCompiler from '@fastify/ajv-compiler'
import type { TSchema } from '@sinclair/typebox'
import type { FastifySchema, FastifySchemaCompiler } from 'fastify'

/**
 * Two validators: bodies must have the very types of their schema, while everything else in a request is text and is converted.
 * Neither removes, adds or changes anything, and both report all that is wrong. The first request that needs a schema compiles it:
 * compiling those of all routes takes half of a start.
 *
 * @param sharedSchemas the schemas that others refer to, by `$id`
 */
export function validatorCompiler(sharedSchemas: readonly TSchema[]): FastifySchemaCompiler<FastifySchema> {
  const shared = Object.fromEntries<TSchema>(sharedSchemas.map((schema) => [schema.$id ?? '', schema]))
  const compilerWith = (coerceTypes: false | 'array') =>
    once(() => AjvCompiler()(shared, { customOptions: { ...options, coerceTypes } }))
  const ofBodies = compilerWith(false)
  const ofTexts = compilerWith('array')
  return (route) => {
    const compiler = route.httpPart === 'body' ? ofBodies : ofTexts
    const validator = once(() => compiler()(route))
    return (data: unknown) => {
      const validate = validator()
      if (validate(data) === true) return true
      return { error: (validate.errors ?? []).map((finding) => ({ ...finding, message: finding.message ?? '' })) }
    }
  }
}

const options = {
  removeAdditional: false,
  useDefaults: false,
  allErrors: true,
  verbose: true,
  // What only the OpenAPI document has a use for.
  keywords: ['x-enum-varnames'],
  // The check of the OpenAPI document checks the schemas themselves; no start has to.
  meta: false,
  validateSchema: false,
} satisfies AjvCompiler.Options

/** Makes a value when it is asked for first, and keeps it. */
function once<Value extends object>(make: () => Value): () => Value {
  let made: Value | undefined
  return () => (made ??= make())
}
