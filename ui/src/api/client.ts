import createClient, { type Client } from 'openapi-fetch'
import type { components, paths } from '../../../openapi/ippoold.d.ts'
import { isSignInNeeded, token } from './credentials.ts'
import { printCurl } from './curl.ts'
import { renewWhenDue } from './grants.ts'
import { type Problem, readProblem, unreachable } from './problem.ts'
import { serverUrl } from './server-url.ts'

/** The objects of the API, by their names in the OpenAPI document. */
export type Schemas = components['schemas']

/** A client of the API, with the types of the OpenAPI document. */
export type Api = Client<paths>

const api: Api = createClient<paths>({
  baseUrl: serverUrl,
  fetch: send,
  querySerializer: { array: { style: 'form', explode: true } },
})

/** Sends a request with the token, if there is one. A token that is about to end is renewed first. */
export async function send(request: Request): Promise<Response> {
  await renewWhenDue()
  if (token.value !== undefined) request.headers.set('authorization', `Bearer ${token.value}`)
  const response = await fetch(request)
  if (response.status === 401) isSignInNeeded.value = true
  return response
}

/** A call, to be sent or to be shown as a command line. */
export type Call<Data> = (api: Api) => Promise<CallOutcome<Data>>

/** What a client answers. */
interface CallOutcome<Data> {
  readonly data?: Data | undefined
  readonly error?: unknown
  readonly response: Response
}

/** What came of a call. */
export type Outcome<Data> =
  | { readonly ok: true; readonly data: Data }
  | { readonly ok: false; readonly problem: Problem }

/** Sends a call. It never throws because of what the server or the network does, only when `signal` ends it. */
export async function perform<Data>(call: Call<Data>): Promise<Outcome<Data>> {
  let outcome: CallOutcome<Data>
  try {
    outcome = await call(api)
  } catch (problem) {
    if (problem instanceof DOMException && problem.name === 'AbortError') throw problem
    return { ok: false, problem: unreachable }
  }
  if (outcome.response.ok && outcome.data !== undefined) return { ok: true, data: outcome.data }
  return { ok: false, problem: readProblem(outcome.response.status, outcome.error) }
}

/** The call as a command line of curl. Nothing is sent. */
export async function curlOf(call: Call<unknown>): Promise<string> {
  let line = ''
  const recorder: Api = createClient<paths>({
    baseUrl: serverUrl,
    fetch: async (request) => {
      const body = await request.text()
      const contentType = request.headers.get('content-type') ?? undefined
      const text = body === '' ? undefined : body
      line = printCurl({
        method: request.method,
        url: request.url,
        contentType: text === undefined ? undefined : contentType,
        body: text,
        hasToken: token.value !== undefined,
      })
      return new Response('{}', { status: 200, headers: { 'content-type': 'application/json' } })
    },
  })
  await call(recorder)
  return line
}

/** The fields that are given, for the query or body of a call. */
export type Given<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

/** Leaves out the fields that are undefined. */
export function given<Fields extends object>(fields: Fields): Given<Fields> {
  const kept: Given<Fields> = {}
  for (const name in fields) if (isGiven(fields[name])) kept[name] = fields[name]
  return kept
}

function isGiven<Value>(value: Value): value is Exclude<Value, undefined> {
  return value !== undefined
}
