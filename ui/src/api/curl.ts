/** A request, as far as it matters to whoever repeats it from a shell. */
export interface ShownRequest {
  readonly method: string
  readonly url: string
  readonly contentType: string | undefined
  readonly body: string | undefined
  readonly hasToken: boolean
}

/** The command line of curl that sends the request. The token is not part of it: it comes from the variable `IPAM_TOKEN`. */
export function printCurl({ method, url, contentType, body, hasToken }: ShownRequest): string {
  const implied = body === undefined ? 'GET' : 'POST'
  const parts = [`curl -sS${method === implied ? '' : ` -X ${method}`} ${quote(url)}`]
  if (hasToken) parts.push('-H "Authorization: Bearer $IPAM_TOKEN"')
  if (contentType !== undefined) parts.push(`-H ${quote(`Content-Type: ${contentType}`)}`)
  if (body !== undefined) parts.push(`--data-binary ${quote(body)}`)
  return parts.join(' \\\n  ')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
