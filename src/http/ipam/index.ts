/** The routes below /ipam/v1. */
export type { Store } from './request.ts'
export { ipamRoutes } from './routes.ts'
