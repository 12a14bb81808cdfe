/** The HTTP server: routes, schemas, errors, and the OpenAPI document that describes them. */
export type { ServedStore } from './ipam/index.ts'
export { findPageFiles } from './page/index.ts'
export {
  buildServer,
  HealthListener,
  Listeners,
  type ServerDependencies,
  type TcpAddress,
  TlsFront,
} from './server/index.ts'
