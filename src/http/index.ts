/** The HTTP server: routes, errors, and the OpenAPI document. */
export { openapiDocument } from './document.ts'
export type { Store } from './ipam/index.ts'
export { buildServer, type ServerDependencies } from './server/index.ts'
