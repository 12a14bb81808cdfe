/** The routes below /apis: resources as Kubernetes serves them. */
export { discoveryRoutes } from './discovery.ts'
export { nodeTakeDown } from './node-removal.ts'
export { resourceRoutes } from './routes.ts'
export { isWatch } from './watch.ts'
