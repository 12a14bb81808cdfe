/** The routes below /ipam/v1. */
export type { Store } from './ipam-operation.ts'
export { ipamRoutes } from './routes.ts'
