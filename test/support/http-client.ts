import { Pool } from 'undici'
import type { Test } from 'tap'

/** An answer of the server: its status and its body as JSON gives it; a plain text is `text` in it. */
export interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** Calls a server over up to `connections` connections at once; closed with the test. */
export class HttpClient {
  readonly #pool: Pool

  /** `localAddress` is where the connections come from; the system chooses unless it is given. */
  constructor(t: Test, url: string, connections = 64, localAddress?: string) {
    const from = localAddress === undefined ? {} : { localAddress }
    this.#pool = new Pool(url, { connections, headersTimeout: 60_000, bodyTimeout: 60_000, ...from })
    t.teardown(() => this.#pool.close())
  }

  /** Sends one request, with more `headers` if wanted; a body is sent as JSON unless `contentType` says otherwise. */
  async call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    contentType = 'application/json',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const sent = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    const response = await this.#pool.request({
      method,
      path,
      headers: { ...headers, ...(sent !== undefined && { 'content-type': contentType }) },
      ...(sent !== undefined && { body: sent }),
    })
    const text = await response.body.text()
    const isPlain = String(response.headers['content-type']).startsWith('text/plain')
    return {
      status: response.statusCode,
      headers: response.headers,
      body: isPlain ? { text } : text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    }
  }
}
