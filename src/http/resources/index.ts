/** The routes below /apis: resources as Kubernetes serves them. */
export { discoveryRoutes } from './discovery.ts'
export { endpointsOfNodes } from './operations.ts'
export { ObjectAccess } from './object-access.ts'
export { resourceRoutes } from './routes.ts'
export { isWatch } from './watch.ts'
