/** The HTTP server: routes, errors, and the OpenAPI document. */
export type { Store } from './ipam-operation.ts'
export { openapiDocument } from './openapi-document.ts'
export { buildServer, type ServerDependencies } from './server.ts'
