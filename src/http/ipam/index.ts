/** The routes below /ipam/v1. */
export type { ServedStore } from './request.ts'
export { ipamRoutes } from './routes.ts'
