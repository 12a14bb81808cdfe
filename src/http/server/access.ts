import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifySchema } from 'fastify'
import {
  type Action,
  type Credentials,
  type Gatekeeper,
  type Identification,
  maySometimes,
} from '../../access/index.ts'
import type { Probe } from '../../datastore/index.ts'
import { problemsOfGuarded } from '../schemas/index.ts'
import { refusal, refuseAccess, refuseForNow, type RefusalError } from '../wire/index.ts'

/** Paths of plugins, whose routes cannot say who may call them: the documentation, which holds no data. */
const everybodysPaths = /^\/docs(\/|$)/

/**
 * Finds out who sends each request and what they may do, and refuses those who may not call the route. A route that does not say who may
 * call it is an error. `probe` hears whether callers were identified. Call it before any route is registered.
 */
export function checkAccess(app: FastifyInstance, gatekeeper: Gatekeeper, probe: Probe): void {
  app.decorateRequest('rights')
  app.decorateRequest('onCredentialEnd')
  app.decorateRequest('action')
  app.addHook('onRoute', (route) => {
    const { url, method, config } = route
    if (config?.access === undefined) {
      if (!everybodysPaths.test(url))
        throw new Error(`The route ${String(method)} ${url} does not say who may call it.`)
      route.config = { ...config, access: 'everybody' }
    } else if (config.access !== 'everybody') route.schema = guarded(route.schema)
  })
  app.addHook('onRequest', async (request) => {
    const { access = 'authenticated' } = request.routeOptions.config
    if (access === 'everybody') return
    const identification = await gatekeeper.identify(credentialsOf(request.raw, request.ip))
    probe.callerIdentified({ outcome: identification.ok ? 'accepted' : identification.reason })
    if (!identification.ok) throw refuseUnknown(identification)
    const rights = gatekeeper.rightsOf(identification.caller)
    request.rights = rights
    request.onCredentialEnd = identification.onEnd
    if (access === 'authenticated') return
    const action = typeof access === 'function' ? access(request) : access
    request.action = action
    if (!maySometimes(rights, action)) throw refuseAccess(rights, action)
    const problem = isRead(action) ? undefined : gatekeeper.problem?.()
    if (problem !== undefined) throw refuseForNow(`Nothing can be changed on this server now: ${problem}`)
  })
}

/** Adds the failures of those whose credential is missing or wrong to the schema of a route. */
function guarded(schema: FastifySchema = {}): FastifySchema {
  const { response } = schema
  return typeof response === 'object' ? { ...schema, response: { ...response, ...problemsOfGuarded() } } : schema
}

function isRead({ verb }: Action): boolean {
  return verb === 'get' || verb === 'list' || verb === 'watch' || verb === 'check'
}

function credentialsOf({ headers, socket }: IncomingMessage, address: string): Credentials {
  return { authorization: headers.authorization, certificate: certificateOf(socket), address }
}

/** See {@link TlsFront}, which sets it. The socket of a request of HTTP/2 stands for that of its connection. */
function certificateOf(socket: IncomingMessage['socket']): Credentials['certificate'] {
  const certificate = socket instanceof TLSSocket ? socket.clientCertificate : undefined
  return certificate?.isTrusted() === true ? certificate : undefined
}

/** @see RFC 6750 section 3: a request without a credential is told of no error. */
function refuseUnknown(identification: Extract<Identification, { readonly ok: false }>): RefusalError {
  const { reason, problem } = identification
  switch (reason) {
    case 'throttled':
      return refusal('TooManyRequests', problem, { retryAfterSeconds: identification.retryAfterSeconds })
    case 'unavailable':
      return refusal('ServiceUnavailable', problem, { retryAfterSeconds: identification.retryAfterSeconds })
    case 'missing':
      return refusal('Unauthorized', problem, { headers: { 'www-authenticate': challenge } })
    case 'wrong': {
      const description = problem.replaceAll(/[^\x20-\x7E]|["\\]/g, "'")
      const header = `${challenge}, error="invalid_token", error_description="${description}"`
      return refusal('Unauthorized', problem, { headers: { 'www-authenticate': header } })
    }
  }
}

const challenge = 'Bearer realm="ippoold"'
