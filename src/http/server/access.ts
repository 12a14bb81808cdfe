import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify'
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

/** The paths of plugins, whose routes cannot name their callers: the documentation, which holds no data. */
const everybodysPaths = /^\/docs(\/|$)/

/**
 * Identifies the caller of each request, looks up its rights, and refuses callers that may not use the route. A route that does not name
 * its callers is an error. `probe` hears whether callers were identified. Call it before any route is registered.
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
  app.decorateRequest('identifiedAt', 0)
  app.addHook('onRequest', (request) => admit(request, gatekeeper, probe))
}

/** How long a call may take until it begins, before it is looked again who sends it. */
const identityFreshMs = 250

/**
 * Finds out once more who sends a request that has taken long to begin: it may have sent its body slowly, or waited for a place. Without
 * that, a credential or right that ends would go on for as long as a body may take. Call it after all hooks that let a call wait.
 */
export function checkAccessAgain(app: FastifyInstance, gatekeeper: Gatekeeper, probe: Probe): void {
  // Without a promise for nearly all calls, which begin at once.
  app.addHook('preHandler', (request, _reply, done) => {
    if (performance.now() - request.identifiedAt <= identityFreshMs) done()
    else admit(request, gatekeeper, probe).then(() => done(), done)
  })
}

async function admit(request: FastifyRequest, gatekeeper: Gatekeeper, probe: Probe): Promise<void> {
  const { access = 'authenticated' } = request.routeOptions.config
  if (access === 'everybody') return
  const identification = await gatekeeper.identify(credentialsOf(request.raw, request.ip))
  probe.callerIdentified({ outcome: identification.ok ? 'accepted' : identification.reason })
  if (!identification.ok) throw refuseUnknown(identification)
  const rights = gatekeeper.rightsOf(identification.caller)
  request.rights = rights
  request.onCredentialEnd = identification.onEnd
  request.identifiedAt = performance.now()
  if (access === 'authenticated') return
  const action = typeof access === 'function' ? access(request) : access
  request.action = action
  if (!maySometimes(rights, action)) throw refuseAccess(rights, action)
  const problem = isRead(action) ? undefined : gatekeeper.problem?.()
  if (problem !== undefined) throw refuseForNow(`Nothing can be changed on this server now: ${problem}`)
}

declare module 'fastify' {
  interface FastifyRequest {
    /** When the caller was identified, by the clock of `performance`. */
    identifiedAt: number
  }
}

/** Adds the failures for missing and wrong credentials to the schema of a route. */
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

/** Returns a text that distinguishes the callers at one address before they are authenticated; undefined without a credential. */
export function credentialOf({ headers, socket }: IncomingMessage): string | undefined {
  const certificate = certificateOf(socket)
  if (certificate === undefined) return headers.authorization
  return `certificate ${JSON.stringify([certificate.commonNames, certificate.organizations])}`
}

/** See {@link TlsFront}, which sets it. The socket of a request of HTTP/2 stands for that of its connection. */
function certificateOf(socket: IncomingMessage['socket']): Credentials['certificate'] {
  const certificate = socket instanceof TLSSocket ? socket.clientCertificate : undefined
  return certificate?.isTrusted() === true ? certificate : undefined
}

/** @see RFC 6750 section 3: the answer to a request without a credential names no error. */
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
