/** The Fastify server: routes put together, admission, errors, health. */
export { buildServer, type ServerDependencies } from './server.ts'
