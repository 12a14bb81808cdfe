import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { quoteValue, type RefusalError, refusal } from '../wire/index.ts'
import { hostJudge, type HostSettings, type HostVerdict } from './hosts.ts'
import { judgeOrigin } from './origins.ts'

/** The hosts and origins by which the server may be called. */
export interface CallerSettings {
  readonly hosts: HostSettings
  /** Origins of other web pages that may call the server from a browser. */
  readonly allowedOrigins: readonly string[]
}

/**
 * Refuses requests for a host that this server does not serve, and requests that a browser sends for a web page of another origin, which
 * everybody may have written. Programs that are no browsers send no origin. Pages of allowed origins get the headers with which a browser
 * lets them read the answer (CORS), and answers to their preflights. Call it before any route is registered.
 */
export function refuseForeignCallers(app: FastifyInstance, settings: CallerSettings): void {
  const judgeHost = hostJudge(settings.hosts)
  const allowed = new Set(settings.allowedOrigins)

  const judge = ({ raw, method, headers, protocol }: FastifyRequest): RefusalError | 'own' | 'allowed' => {
    const host = hostOf(raw)
    const refused = refusalOfHost(raw, host === undefined ? 'served' : judgeHost(host), host)
    if (refused !== undefined) return refused
    const verdict = judgeOrigin(method, headers, host ?? '', allowed, protocol === 'https')
    return verdict === 'foreign' ? refuseOrigin(headers.origin) : verdict
  }

  app.addHook('onRequest', (request, reply, done) => {
    // A cache must not give one origin the answer to another.
    if (allowed.size > 0) void reply.header('vary', 'origin')
    const verdict = judge(request)
    if (verdict === 'own') done()
    else if (verdict !== 'allowed') done(verdict)
    else {
      const { method, headers } = request
      void reply.headers({ 'access-control-allow-origin': headers.origin, 'access-control-expose-headers': readable })
      const isPreflight = method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
      if (isPreflight) answerPreflight(reply, headers['access-control-request-headers'])
      else done()
    }
  })
}

function refusalOfHost(
  { headers, rawHeaders, httpVersion }: IncomingMessage,
  verdict: HostVerdict,
  host: string | undefined,
): RefusalError | undefined {
  const count = countHosts(rawHeaders)
  if (count > 1) return refusal('BadRequest', 'The request has more than one Host header.')
  const isNamed = count > 0 || (httpVersion === '2.0' && host !== undefined)
  if (!isNamed && httpVersion !== '1.0') return refusal('BadRequest', 'The request has no Host header.')
  const authority = authorityOf(headers)
  if (authority !== undefined && count > 0 && headers.host !== authority)
    return refusal('BadRequest', 'The request names one host as :authority and another in its Host header.')
  if (verdict === 'unreadable')
    return refusal('BadRequest', `The host ${quoteValue(host)} of the request is not a name or an address with a port.`)
  if (verdict === 'served') return undefined
  const message = `This server does not serve the host ${quoteValue(host)}; see the setting IPPOOLD_ALLOWED_HOSTS`
  return refusal('MisdirectedRequest', message)
}

function refuseOrigin(origin: string | undefined): RefusalError {
  const page = origin === undefined ? '' : `, ${quoteValue(origin)},`
  const message = `A web page of another origin${page} sent this request; see the setting IPPOOLD_ALLOWED_ORIGINS`
  return refusal('Forbidden', message)
}

/** Headers of answers that pages of other origins may read, besides those that they always may. */
const readable = 'etag, retry-after, traceresponse, warning, x-request-id'

/** Seconds for which a browser remembers the answer to a preflight. */
const preflightSeconds = 600

/** Lets the page send any method and any header: whether they are known is decided when the request itself arrives. */
function answerPreflight(reply: FastifyReply, headers: string | undefined): void {
  void reply
    .code(204)
    .headers({
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      ...(headers !== undefined && { 'access-control-allow-headers': headers }),
      'access-control-max-age': preflightSeconds,
    })
    .send()
}

/** Node keeps only the first of several `Host` headers. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') count++
  }
  return count
}

/**
 * Returns the host that a request is for. In HTTP/1.1, a target that is a whole URL takes precedence over the header (RFC 9112 section
 * 3.2.2); so does `:authority` in HTTP/2 (RFC 9113 section 8.3.1).
 */
function hostOf({ url = '', headers }: IncomingMessage): string | undefined {
  if (url.startsWith('/')) return authorityOf(headers) ?? headers.host
  return /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host
}

function authorityOf({ ':authority': authority }: IncomingHttpHeaders): string | undefined {
  return typeof authority === 'string' ? authority : undefined
}
