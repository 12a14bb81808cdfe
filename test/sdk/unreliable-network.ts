import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

/** An answer of the server. */
interface Answer {
  readonly status: number
  readonly body: string
}

/** A network between a client and the server that loses some calls. */
export interface UnreliableNetwork {
  /** The URL of the server for clients, without a slash at the end. */
  readonly url: string
  /** The answers to the assigns that reached the server, whether or not they reached the client. */
  readonly assigns: readonly Answer[]
}

/**
 * A network in which everything happens once that a client has to be prepared for: the answer to the first assign is lost, the second
 * one finds the server busy, and just before a pool is replaced, somebody else labels it.
 */
export async function unreliableNetwork(t: Test, server: string): Promise<UnreliableNetwork> {
  const assigns: Answer[] = []
  let assignsSeen = 0
  let replacesSeen = 0

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request
    const isAssign = method === 'POST' && url.startsWith('/ipam/v1/assign')
    const isReplace = method === 'PUT' && url.includes('/ippools/')
    assignsSeen += isAssign ? 1 : 0
    replacesSeen += isReplace ? 1 : 0
    if (isAssign && assignsSeen === 2) {
      await text(request)
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '0' }).end(JSON.stringify(busy))
      return
    }
    if (isReplace && replacesSeen === 1) await label(`${server}${url}`, request.headers.authorization)
    const answer = await forward(request)
    if (isAssign) assigns.push({ status: answer.status, body: answer.body })
    if (isAssign && assignsSeen === 1) request.socket.destroy()
    else response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  async function forward(request: IncomingMessage): Promise<Answer & { readonly headers: Record<string, string> }> {
    const { method = 'GET', url = '/', headers } = request
    const sent = await text(request)
    const { 'content-type': type, accept, authorization, 'idempotency-key': key } = headers
    const kept = Object.entries({ 'content-type': type, accept, authorization, 'idempotency-key': key })
    const response = await fetch(`${server}${url}`, {
      method,
      headers: kept.flatMap(([name, value]): [string, string][] =>
        value === undefined ? [] : [[name, String(value)]],
      ),
      ...(sent !== '' && { body: sent }),
    })
    const { 'content-type': answered = 'text/plain' } = Object.fromEntries(response.headers)
    return { status: response.status, headers: { 'content-type': answered }, body: await response.text() }
  }

  const network = createServer((request, response) => {
    pass(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  network.listen(0, '127.0.0.1')
  await once(network, 'listening')
  t.teardown(() => {
    network.closeAllConnections()
    network.close()
  })
  return { url: `http://127.0.0.1:${(network.address() as AddressInfo).port}`, assigns }
}

/** The answer of an overloaded server. */
const busy = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'The server is busy.',
  reason: 'ServiceUnavailable',
  details: { retryAfterSeconds: 0 },
  code: 503,
}

async function label(pool: string, authorization = ''): Promise<void> {
  const response = await fetch(pool, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json', authorization },
    body: JSON.stringify({ metadata: { labels: { changed: 'meanwhile' } } }),
  })
  if (!response.ok) throw new Error(await response.text())
}
