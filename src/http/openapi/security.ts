import type { JsonObject } from '../../model/index.ts'
import { asObject, mapDocument } from './walk.ts'

/** The ways of authentication. @see docs/authentication.md */
const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token of the token file, the secret of an AccessToken, or a JSON Web Token of an issuer that the server knows.',
  },
  mutualTLS: {
    type: 'mutualTLS',
    description: 'A client certificate: its common name is the user, its organizations are the groups.',
  },
}

/** Any one of the schemes, or none: authentication may be switched off. */
const security = [{ bearer: [] }, { mutualTLS: [] }, {}]

/**
 * Adds the ways of authentication to the document, and refers to them from each operation that can be answered 401. The routes do not do
 * so themselves, because @fastify/swagger has no type for client certificates.
 */
export function addSecurity(document: JsonObject): JsonObject {
  const secured = mapDocument(document, {
    schema: (schema) => schema,
    part: (object, part) => {
      const isGuarded = part === 'operation' && '401' in asObject(object['responses'])
      return isGuarded ? { ...object, security } : object
    },
  })
  return { ...secured, components: { ...asObject(document['components']), securitySchemes } }
}
