/** The OpenAPI documents, made from the schemas of the routes. */
export { kubernetesOpenapiRoutes } from './kubernetes-routes.ts'
export { type OpenapiForm, openapiOptions, servedDocument } from './openapi.ts'
export { openapiRoutes } from './routes.ts'
