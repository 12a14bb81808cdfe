/** The OpenAPI documents: made from the schemas of the routes, and converted for Kubernetes' clients and older generators. */
export { docsOptions } from './docs-page.ts'
export { kubernetesOpenapiRoutes } from './kubernetes-routes.ts'
export { openapiOptions } from './document.ts'
export { openapiRoutes } from './routes.ts'
