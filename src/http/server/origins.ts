import type { IncomingHttpHeaders } from 'node:http'

/** The headers by which a browser says where a request comes from. */
export type OriginVerdict =
  /** Not from a browser, from the server's own pages, or typed into the address bar. */
  | 'own'
  /** From a page of an origin that the settings allow. */
  | 'allowed'
  /** From a page of another origin. */
  | 'foreign'

/**
 * Judges by its headers where a request comes from. `Sec-Fetch-Site` is sent by all browsers, but not to every server over plain HTTP;
 * `Origin` is sent with everything that could change something. Following a link to this server is no foreign request: it
 * changes nothing, and the page with the link does not see the answer.
 *
 * @param authority the host and port that the request is sent to
 * @param isSecure true if it came over TLS: a page that came without may be by anybody in the network
 */
export function judgeOrigin(
  method: string,
  headers: IncomingHttpHeaders,
  authority: string,
  allowed: ReadonlySet<string>,
  isSecure: boolean,
): OriginVerdict {
  const { origin } = headers
  const site = headers['sec-fetch-site']
  if (origin === undefined && site === undefined) return 'own'
  if (origin !== undefined && allowed.has(origin)) return 'allowed'
  if (site !== undefined) {
    return site === 'same-origin' || site === 'none' || isLink(method, headers) ? 'own' : 'foreign'
  }
  const scheme = isSecure ? /^https:\/\// : /^https?:\/\//
  return origin?.replace(scheme, '') === authority.toLowerCase() ? 'own' : 'foreign'
}

function isLink(method: string, headers: IncomingHttpHeaders): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
}
