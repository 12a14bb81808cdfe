import createClient, { type Client } from 'openapi-fetch'
import type { components, paths } from '../../../openapi/ippoold.d.ts'
import { exitCodes, Failure } from '../failures.ts'
import type { Transport } from './transport.ts'

/** The objects of the API, by their names in the OpenAPI document. */
export type Schemas = components['schemas']

/** A client of the API, with the types of the OpenAPI document. It throws for every answer that is a refusal. */
export type Api = Client<paths>

/** An answer: as a value, and as the text that the server sent. */
export interface Answer<Data> {
  readonly data: Data
  readonly text: string
}

const texts = new WeakMap<Response, string>()

/** Makes a client that calls over a transport. */
export function apiOver(transport: Transport): Api {
  const baseUrl = transport.connection.url
  return createClient<paths>({
    baseUrl,
    fetch: async (request) => {
      const body = await request.text()
      const reply = await transport.send({
        method: request.method,
        path: request.url.slice(baseUrl.length),
        headers: Object.fromEntries(request.headers),
        body: body === '' ? undefined : body,
      })
      const response = new Response(reply.text, { status: reply.status, headers: reply.headers })
      texts.set(response, reply.text)
      return response
    },
  })
}

/** The answer to a call of {@link Api}. */
export async function answerTo<Data>(
  call: Promise<{ readonly data?: Data; readonly response: Response }>,
): Promise<Answer<Data>> {
  const { data, response } = await call
  const text = texts.get(response)
  if (data === undefined || text === undefined)
    throw new Failure(exitCodes.failure, 'The server answers without a body')
  return { data, text }
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
