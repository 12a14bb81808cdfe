/** The Fastify server: which requests it admits, how it validates them, how it answers errors, and how it stops. */
export { buildServer, type ServerDependencies } from './server.ts'
export { HealthListener } from './health-listener.ts'
export { Listeners, type TcpAddress } from './listeners.ts'
export { TlsFront } from './tls-front.ts'
