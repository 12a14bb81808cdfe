import { Agent, type Dispatcher } from 'undici'
import type { Scope } from '../scope.ts'
import { parseExact, printExact } from './exact-json.ts'

/** An object of the API, as far as tests read it. Whole numbers beyond 2^53 are bigints. */
export interface ApiObject<Spec = Readonly<Record<string, unknown>>> {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ApiMetadata
  readonly spec: Spec
  readonly status?: Readonly<Record<string, unknown>>
}

/** The metadata of an object that the API server has. */
export interface ApiMetadata {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly deletionTimestamp?: string
}

/** An object that is sent: what the API server adds may be missing. */
export interface SentObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: Pick<ApiMetadata, 'name'> & Partial<ApiMetadata>
}

/** An answer, whatever its status. */
export interface ApiAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** An answer that is no success. */
export class ApiProblem extends Error {
  readonly status: number
  /** The reason of the Status, such as `Conflict`; empty if the answer is none. */
  readonly reason: string

  constructor(request: string, { status, body }: ApiAnswer) {
    const { reason = '', message = printExact(body) } = (body ?? {}) as { reason?: string; message?: string }
    super(`${request}: ${status} ${reason}: ${message}`)
    this.status = status
    this.reason = reason
  }
}

/** An event of a watch. A bookmark has an object with nothing but a resourceVersion; an error has a Status. */
export interface WatchEvent<Spec = Readonly<Record<string, unknown>>> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: ApiObject<Spec>
}

/** What a DELETE requires of the object. */
export interface Preconditions {
  readonly uid?: string
  readonly resourceVersion?: string
}

/** Where the API server is, and who asks it. */
export interface ApiEndpoint {
  readonly url: string
  /** The certificate that the server's is verified with, in PEM. */
  readonly ca: string
  readonly token: string
}

/** Calls an API server by HTTPS, over HTTP/1.1. Paths are those of the API, such as `/api/v1/nodes/node-1`. Closed with the test. */
export class ApiClient {
  readonly #endpoint: ApiEndpoint
  readonly #agent: Agent

  constructor(t: Scope, endpoint: ApiEndpoint) {
    this.#endpoint = endpoint
    this.#agent = new Agent({ connect: { ca: endpoint.ca }, connections: 64, headersTimeout: 70_000, bodyTimeout: 0 })
    t.teardown(() => this.#agent.destroy())
  }

  /** Sends one request. Throws only if there is no answer. */
  async request(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    contentType = 'application/json',
  ): Promise<ApiAnswer> {
    const response = await this.#send(method, path, body, contentType)
    const text = await response.body.text()
    const isJson = String(response.headers['content-type']).startsWith('application/json')
    return { status: response.statusCode, headers: response.headers, body: isJson ? parseExact(text) : text }
  }

  /** Reads an object, or a list, from a majority of etcd. Throws {@link ApiProblem}. */
  async get<Spec = Readonly<Record<string, unknown>>>(path: string): Promise<ApiObject<Spec>> {
    return (await this.#expect('GET', path)) as ApiObject<Spec>
  }

  /** As {@link get}; undefined if there is no such object. */
  async find<Spec = Readonly<Record<string, unknown>>>(path: string): Promise<ApiObject<Spec> | undefined> {
    const answer = await this.request('GET', path)
    if (answer.status === 404) return undefined
    if (answer.status >= 300) throw new ApiProblem(`GET ${path}`, answer)
    return answer.body as ApiObject<Spec>
  }

  /** All objects of a collection. Throws {@link ApiProblem}. */
  async list<Spec = Readonly<Record<string, unknown>>>(path: string): Promise<readonly ApiObject<Spec>[]> {
    return ((await this.#expect('GET', path)) as { readonly items: readonly ApiObject<Spec>[] }).items
  }

  /** Creates an object in a collection. Throws {@link ApiProblem}. */
  async create<Spec = Readonly<Record<string, unknown>>>(path: string, object: SentObject): Promise<ApiObject<Spec>> {
    return (await this.#expect('POST', path, object)) as ApiObject<Spec>
  }

  /** Replaces an object: compare-and-swap by its `resourceVersion`. Throws {@link ApiProblem}. */
  async replace<Spec = Readonly<Record<string, unknown>>>(path: string, object: SentObject): Promise<ApiObject<Spec>> {
    return (await this.#expect('PUT', path, object)) as ApiObject<Spec>
  }

  /** Applies a merge patch. Throws {@link ApiProblem}. */
  async merge<Spec = Readonly<Record<string, unknown>>>(path: string, patch: object): Promise<ApiObject<Spec>> {
    return (await this.#expect('PATCH', path, patch, 'application/merge-patch+json')) as ApiObject<Spec>
  }

  /** Applies a manifest by server-side apply, and creates the object if there is none. Throws {@link ApiProblem}. */
  async apply<Spec = Readonly<Record<string, unknown>>>(path: string, manifest: object): Promise<ApiObject<Spec>> {
    const query = 'fieldManager=test&force=true'
    return (await this.#expect(
      'PATCH',
      `${path}?${query}`,
      manifest,
      'application/apply-patch+yaml',
    )) as ApiObject<Spec>
  }

  /** Deletes an object. Throws {@link ApiProblem}, also if it does not exist. */
  async delete(path: string, preconditions?: Preconditions): Promise<void> {
    const options = preconditions && { apiVersion: 'v1', kind: 'DeleteOptions', preconditions }
    await this.#expect('DELETE', path, options)
  }

  /** The events of a collection after `resourceVersion`, until the caller, `signal` or the API server ends the watch. */
  async *watch<Spec = Readonly<Record<string, unknown>>>(
    path: string,
    resourceVersion: string,
    signal?: AbortSignal,
  ): AsyncGenerator<WatchEvent<Spec>> {
    const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${resourceVersion}`
    const answer = await this.#send('GET', `${path}?${query}`, undefined, '', signal)
    if (answer.statusCode !== 200) {
      const body = parseExact(await answer.body.text())
      throw new ApiProblem(`watch of ${path}`, { status: answer.statusCode, headers: answer.headers, body })
    }
    let rest = ''
    for await (const chunk of answer.body.setEncoding('utf8')) {
      const lines = `${rest}${String(chunk)}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) yield parseExact(line) as WatchEvent<Spec>
    }
  }

  /** True if the API server says that it is ready. */
  async isReady(): Promise<boolean> {
    try {
      return (await this.request('GET', '/readyz')).status === 200
    } catch {
      return false
    }
  }

  async #expect(method: Dispatcher.HttpMethod, path: string, body?: unknown, contentType?: string): Promise<unknown> {
    const answer = await this.request(method, path, body, contentType)
    if (answer.status >= 300) throw new ApiProblem(`${method} ${path}`, answer)
    return answer.body
  }

  #send(
    method: Dispatcher.HttpMethod,
    path: string,
    body: unknown,
    contentType: string,
    signal?: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    return this.#agent.request({
      origin: this.#endpoint.url,
      method,
      path,
      headers: {
        authorization: `Bearer ${this.#endpoint.token}`,
        ...(body !== undefined && { 'content-type': contentType }),
      },
      ...(body !== undefined && { body: printExact(body) }),
      ...(signal !== undefined && { signal }),
    })
  }
}
